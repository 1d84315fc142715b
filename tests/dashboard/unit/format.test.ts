import assert from "node:assert/strict";
import test from "node:test";
import { bytes, clock, commandLine, duration, relative, schedulerName, text } from "../../../client/dashboard/src/model/format";
import { at, ms } from "./samples";

test("durations are said as people say them", () => {
  const said = (seconds: number) => duration(seconds);
  assert.deepEqual([0, 0.0004, 0.25, 1, 2.345, 59.6, 61, 3600, 5400, 90_000, -3].map(said), [
    "0 s",
    "1 ms",
    "250 ms",
    "1 s",
    "2.3 s",
    "1 min",
    "1 min 1 s",
    "1 h",
    "1 h 30 min",
    "1 d 1 h",
    "0 s",
  ]);
});

test("moments are told from now", () => {
  assert.equal(relative(at(720), ms(0)), "in 12 min");
  assert.equal(relative(at(0), ms(30)), "30 s ago");
  assert.equal(relative(at(0), ms(3 * 86_400)), "3 d ago");
  assert.equal(relative(at(0), ms(0.4)), "now");
  assert.equal(relative(null, ms(0)), "");
});

test("the day is said where it is not today", () => {
  assert.equal(clock(at(0), ms(60)), "13:00:00"); // the tests run in Berlin
  assert.equal(clock(at(0), ms(86_400)), "2026-03-01 13:00");
  assert.equal(clock(null, ms(0)), "–");
});

test("sizes have three digits", () => {
  assert.deepEqual([0, 999, 1000, 1_234_567, 999_600, 25.9e9, 271e9].map(bytes), ["0 B", "999 B", "1 kB", "1.23 MB", "1 MB", "25.9 GB", "271 GB"]);
  assert.equal(bytes(null), "–");
});

test("a command line can be typed again", () => {
  assert.equal(commandLine(["./run", "two words", "it's", ""]), "./run 'two words' 'it'\\''s' ''");
  assert.equal(text({ base64: btoa("caf\xe9") }), "caf\ufffd");
});

test("a scheduler is named once", () => {
  assert.equal(schedulerName({ kind: "slurm", version: "slurm 22.05.8" }), "slurm 22.05.8");
  assert.equal(schedulerName({ kind: "slurm", version: "23.11" }), "slurm 23.11");
  assert.equal(schedulerName({ kind: "slurm", version: "" }), "slurm");
});
