import assert from "node:assert/strict";
import test from "node:test";
import { lostSpan } from "../../../client/dashboard/src/model/lineage";
import { attempt, from, generation, ms } from "./samples";

test("what is lost of an attempt is its end", () => {
  const rolledBack = attempt(2, 100, 110, 200, { ...from("g2"), lost_seconds: 90 });
  assert.deepEqual(lostSpan(rolledBack, [generation("g3", 2, 190)]), { from: ms(110), to: ms(200) });
  assert.deepEqual(lostSpan(attempt(1, 0, 10, 100, { lost_seconds: 20.5 }), []), { from: ms(79.5), to: ms(100) });
});

test("a run that goes on, and one of which nothing is lost, have no lost part", () => {
  assert.equal(lostSpan(attempt(1, 0, 10, null), []), null);
  assert.equal(lostSpan(attempt(1, 0, 10, 100, { end_reason: "completed" }), []), null);
});

test("a stop loses nothing, unless somebody goes back behind it", () => {
  const generations = [generation("g1", 1, 40), generation("g2", 1, 98, { trigger: "stop" })];
  assert.equal(lostSpan(attempt(1, 0, 10, 100, { end_reason: "stopped", lost_seconds: 2 }), generations), null);
  assert.deepEqual(lostSpan(attempt(1, 0, 10, 100, { end_reason: "stopped", lost_seconds: 60 }), generations), { from: ms(40), to: ms(100) });
  assert.deepEqual(lostSpan(attempt(1, 0, 10, 100, { lost_seconds: 2 }), generations), { from: ms(98), to: ms(100) });
});
