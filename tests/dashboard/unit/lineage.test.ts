import assert from "node:assert/strict";
import test from "node:test";
import { lostSpans } from "../../../client/dashboard/src/model/lineage";
import { attempt, from, generation, job, ms } from "./samples";

const seconds = (spans: Map<number, { from: number; to: number }>) =>
  Object.fromEntries([...spans].map(([n, span]) => [n, [(span.from - ms(0)) / 1000, (span.to - ms(0)) / 1000]]));

test("what came after the checkpoint that was gone on from is lost", () => {
  const attempts = [attempt(1, 0, 10, 100), attempt(2, 100, 110, null, from("g2"))];
  const generations = [generation("g1", 1, 40), generation("g2", 1, 80)];
  assert.deepEqual(seconds(lostSpans(job(), attempts, generations, ms(200))), { 1: [80, 100] });
});

test("a rollback sets aside all attempts in between", () => {
  const attempts = [attempt(1, 0, 10, 100), attempt(2, 100, 110, 200, from("g2")), attempt(3, 200, 210, null, from("g1"))];
  const generations = [generation("g1", 1, 40), generation("g2", 1, 80), generation("g3", 2, 190)];
  assert.deepEqual(seconds(lostSpans(job(), attempts, generations, ms(300))), { 1: [40, 100], 2: [110, 200] });
});

test("between two attempts, what no good checkpoint of the last one holds is lost", () => {
  const attempts = [attempt(1, 0, 10, 100)];
  const generations = [generation("g1", 1, 40), generation("g2", 1, 80, { state: "corrupt" })];
  assert.deepEqual(seconds(lostSpans(job({ state: "queued" }), attempts, generations, ms(150))), { 1: [40, 100] });
  assert.deepEqual(seconds(lostSpans(job({ state: "queued" }), attempts, [], ms(150))), { 1: [10, 100] });
});

test("a run that goes on, and one whose result counts, have lost nothing", () => {
  assert.equal(lostSpans(job(), [attempt(1, 0, 10, null)], [], ms(100)).size, 0);
  const ended = attempt(1, 0, 10, 100, { end_reason: "completed" });
  assert.equal(lostSpans(job({ state: "completed" }), [ended], [], ms(100)).size, 0);
});

test("a stop loses nothing, unless somebody goes back behind it", () => {
  const attempts = [attempt(1, 0, 10, 100, { end_reason: "stopped" })];
  const generations = [generation("g1", 1, 40), generation("g2", 1, 98, { trigger: "stop" })];
  assert.equal(lostSpans(job({ state: "parked" }), attempts, generations, ms(150)).size, 0);
  const again = [...attempts, attempt(2, 150, 160, null, from("g2"))];
  assert.equal(lostSpans(job(), again, generations, ms(200)).size, 0);
  const back = [...attempts, attempt(2, 150, 160, null, from("g1"))];
  assert.deepEqual(seconds(lostSpans(job(), back, generations, ms(200))), { 1: [40, 100] });
});

test("an attempt that never ran, a fork's origin and a generation that is gone do no harm", () => {
  const never = attempt(2, 100, null, 120, { end_reason: "launch_failed" });
  const fork = attempt(1, 0, 10, 100, { started_from: { job: "j-1", generation: "g9" } });
  const last = attempt(3, 120, 130, null, from("g77"));
  assert.deepEqual(seconds(lostSpans(job(), [fork, never, last], [], ms(200))), { 1: [10, 100] });
});
