import assert from "node:assert/strict";
import test from "node:test";
import { SseParser } from "../../../client/dashboard/src/api/sse";
import { tokenIn } from "../../../client/dashboard/src/api/token";
import { plain, Tail } from "../../../client/dashboard/src/model/tail";

const bytesOf = (text: string) => new TextEncoder().encode(text);

test("messages of a stream, however they are cut", () => {
  const whole = ': beat\n\nid: 7\nevent: job_created\ndata: {"seq":7}\n\nid: 8\r\ndata: a\r\ndata: b\r\n\r\n';
  for (let cut = 1; cut < whole.length; ++cut) {
    const parser = new SseParser();
    const messages = [...parser.push(whole.slice(0, cut)), ...parser.push(whole.slice(cut))];
    assert.deepEqual(messages, [{ id: "7", data: '{"seq":7}' }, { id: "8", data: "a\nb" }], `cut at ${cut}`);
  }
});

test("a tail begins with a whole line and grows", () => {
  const tail = new Tail();
  tail.begin(100);
  assert.ok(tail.take({ offset: 100, data: bytesOf("half\nwhole\n") }));
  assert.equal(tail.text, "whole\n");
  assert.equal(tail.next, 111);
  assert.ok(!tail.take({ offset: 111, data: bytesOf("") }));
  tail.take({ offset: 111, data: bytesOf("more") });
  assert.equal(tail.text, "whole\nmore");
});

test("a character that is cut in two is not broken", () => {
  const tail = new Tail();
  tail.begin(0);
  const data = bytesOf("é\n");
  tail.take({ offset: 0, data: data.slice(0, 1) });
  tail.take({ offset: 1, data: data.slice(1) });
  assert.equal(tail.text, "é\n");
});

test("a file that a restart has cut back is read anew", () => {
  const tail = new Tail();
  tail.begin(0);
  tail.take({ offset: 0, data: bytesOf("one\ntwo\n") });
  assert.ok(tail.take({ offset: 4, data: bytesOf("") }));
  assert.equal(tail.next, null);
  assert.equal(tail.text, "");
});

test("what a terminal would not show is left out", () => {
  assert.equal(plain("\x1b[1;32mok\x1b[0m\r\n 10 %\r 20 %\n"), "ok\n 20 %\n");
});

test("a token alone or in an address", () => {
  assert.equal(tokenIn(" abc123 \n"), "abc123");
  assert.equal(tokenIn("http://127.0.0.1:4000/#token=abc123"), "abc123");
  assert.equal(tokenIn("http://127.0.0.1:4000/"), null);
  assert.equal(tokenIn(""), null);
});
