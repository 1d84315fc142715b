import assert from "node:assert/strict";
import test from "node:test";
import { actions, counts, inFilter, matches, ordered, walltimeShare } from "../../../client/dashboard/src/model/jobs";
import { attempt, at, job, ms } from "./samples";

test("every word of a search has to be somewhere", () => {
  const one = job({ current_attempt: attempt(1, 0, 1, null) });
  for (const search of ["", "lattice", "LATT", "project=qcd", "n1 running", "4711", "input.dat", "j-7"]) {
    assert.ok(matches(one, search), search);
  }
  for (const search of ["lattice n2", "j-70", "vision"]) {
    assert.ok(!matches(one, search), search);
  }
});

test("an id is that job, not all that begin like it", () => {
  assert.ok(!matches(job({ id: "j-71", name: "", current_attempt: null }), "j-7"));
});

test("filters count what they show", () => {
  const jobs = [job({ state: "running" }), job({ state: "queued" }), job({ state: "failed" })];
  assert.deepEqual(counts(jobs), { all: 3, active: 2, parked: 0, failed: 1, completed: 0, cancelled: 0 });
  assert.ok(inFilter(job({ state: "stopping" }), "active"));
});

test("what goes on stands first, then the newest", () => {
  const jobs = [job({ id: "j-2", state: "completed" }), job({ id: "j-9" }), job({ id: "j-10", state: "parked" }), job({ id: "j-11", state: "failed" })];
  assert.deepEqual(ordered(jobs).map((one) => one.id), ["j-10", "j-9", "j-11", "j-2"]);
});

test("only what is possible is offered", () => {
  assert.deepEqual(actions(job({ state: "running" })), { checkpoint: true, stop: true, restart: false, cancel: true });
  assert.deepEqual(actions(job({ state: "parked" })), { checkpoint: false, stop: false, restart: true, cancel: true });
  assert.deepEqual(actions(job({ state: "completed" })), { checkpoint: false, stop: false, restart: false, cancel: false });
});

test("the share of the allocation that is used", () => {
  const running = attempt(1, 0, 100, null, { walltime_ends_at: at(200) });
  assert.equal(walltimeShare(job({ current_attempt: running }), ms(150)), 0.5);
  assert.equal(walltimeShare(job({ current_attempt: running }), ms(900)), 1);
  assert.equal(walltimeShare(job({ current_attempt: attempt(1, 0, 100, null) }), ms(150)), null);
});
