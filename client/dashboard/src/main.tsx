import { render } from "preact";
import { enter, markTokenGiven } from "./api/session";
import { takeTokenFromAddress } from "./api/token";
import { App } from "./app";
import { applyTheme, currentTheme } from "./theme";
import "./style/index.css";

function begin(): void {
  if (takeTokenFromAddress()) {
    markTokenGiven();
  }
  void enter();
}

applyTheme(currentTheme());
begin();
// A new address pasted into the same tab changes the fragment only: the page is not loaded again.
addEventListener("hashchange", () => {
  if (/[#&]token=/.test(location.hash)) {
    begin();
    dispatchEvent(new HashChangeEvent("hashchange"));
  }
});
const root = document.getElementById("app") as HTMLElement;
root.textContent = "";
render(<App />, root);
