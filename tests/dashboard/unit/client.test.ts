import assert from "node:assert/strict";
import test from "node:test";
import { all, asProblem, get, send } from "../../../client/dashboard/src/api/client";
import { setToken } from "../../../client/dashboard/src/api/token";

interface Asked {
  path: string;
  method: string;
  headers: Record<string, string>;
}

/** Answers in place of a daemon, and keeps what was asked. */
function daemon(...answers: (Response | Error)[]): Asked[] {
  const asked: Asked[] = [];
  globalThis.fetch = (async (path: string, init: RequestInit) => {
    asked.push({ path, method: init.method ?? "GET", headers: init.headers as Record<string, string> });
    const answer = answers.shift();
    if (!answer || answer instanceof Error) {
      throw answer ?? new Error("asked once too often");
    }
    return answer;
  }) as typeof fetch;
  return asked;
}

const json = (body: unknown, status = 200, headers = {}) => new Response(JSON.stringify(body), { status, headers });

test("what has not changed is not sent again", async () => {
  const asked = daemon(json({ id: "j-1" }, 200, { ETag: '"7"' }), new Response(null, { status: 304 }), json({ id: "j-2" }, 200, { ETag: '"8"' }));
  assert.deepEqual(await get("/v1/jobs/a"), { id: "j-1" });
  assert.deepEqual(await get("/v1/jobs/a"), { id: "j-1" });
  assert.deepEqual(await get("/v1/jobs/a"), { id: "j-2" });
  assert.deepEqual(asked.map((one) => one.headers["If-None-Match"]), [undefined, '"7"', '"7"']);
});

test("the token goes into the header, and a POST has a key of its own", async () => {
  setToken("http://127.0.0.1:1/#token=secret");
  const asked = daemon(json({}), json({}), new Response(null, { status: 204 }));
  await send("POST", "/v1/jobs/a/stop");
  await send("POST", "/v1/jobs/a/stop");
  assert.equal(await send("DELETE", "/v1/jobs/a"), null);
  assert.ok(asked.every((one) => one.headers["Authorization"] === "Bearer secret" && !one.path.includes("secret")));
  const keys = asked.map((one) => one.headers["Idempotency-Key"]);
  assert.match(keys[0] ?? "", /^[0-9a-f]{32}$/);
  assert.notEqual(keys[0], keys[1]);
  assert.equal(keys[2], undefined);
});

test("all pages of a list", async () => {
  const asked = daemon(json({ items: [1, 2], next: "j-2" }), json({ items: [3], next: null }));
  assert.deepEqual(await all("/v1/jobs?limit=2"), [1, 2, 3]);
  assert.equal(asked[1]?.path, "/v1/jobs?limit=2&after=j-2");
});

test("a refusal carries what the daemon says, silence what to do", async () => {
  daemon(json({ code: "token_needed", detail: "no", advice: "yes" }, 401), new Response("<html>", { status: 502 }), new TypeError("refused"));
  const told = async () => {
    const { status, code, detail, advice } = asProblem(await get("/x").catch((error) => error));
    return [status, code, detail, advice];
  };
  assert.deepEqual(await told(), [401, "token_needed", "no", "yes"]);
  assert.deepEqual(await told(), [502, "http_502", "the daemon answered with 502", ""]);
  assert.equal((await told())[1], "no_answer");
});
