import { useState } from "preact/hooks";
import { enter } from "../api/session";
import { tokenIn } from "../api/token";

/** No token, or not the daemon's: what to type, and where to put it. */
export function SignIn({ wrong }: { wrong: boolean }) {
  const [text, setText] = useState("");
  const [odd, setOdd] = useState(false);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const token = tokenIn(text);
    setOdd(!token);
    if (token) {
      void enter(token);
    }
  };
  const trouble = odd ? "That holds no token." : wrong ? "The daemon does not know that token: it may have been made anew." : "";
  return (
    <section class="card narrow" aria-labelledby="signin">
      <h1 id="signin">{wrong ? "This token does not open the page" : "The page wants a token"}</h1>
      <p>Where the daemon runs, type</p>
      <pre class="command">ckpt dashboard</pre>
      <p>and open the address that it prints. The token stands in it behind the #, and is forgotten when you close or reload the page.</p>
      <form onSubmit={submit}>
        <label for="token">Or paste the address, or the token, here</label>
        <div class="row">
          <input
            id="token"
            class="input grow"
            type="password"
            autocomplete="off"
            value={text}
            aria-invalid={Boolean(trouble)}
            aria-describedby="token-trouble"
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <button class="button primary" type="submit">
            Open
          </button>
        </div>
        <p id="token-trouble" class="trouble" role="alert">
          {trouble}
        </p>
      </form>
    </section>
  );
}
