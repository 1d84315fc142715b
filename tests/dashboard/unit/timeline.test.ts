import assert from "node:assert/strict";
import test from "node:test";
import { durationTicks, ticks, timeTicks } from "../../../client/dashboard/src/model/scale";
import { layOut, type Frame } from "../../../client/dashboard/src/model/timeline";
import { at, attempt, from, generation, job, ms } from "./samples";

const frame: Frame = { width: 1100, left: 100, right: 0, top: 0, lane: 30, bottom: 20 };

test("time runs from the submission to now, and bars are where they ran", () => {
  const picture = layOut(job(), [attempt(1, 0, 100, null)], [generation("g1", 1, 500, { blocked_seconds: 50 })], ms(1000), frame);
  const [lane] = picture.lanes;
  assert.deepEqual(lane?.waiting, { x: 100, width: 100 });
  assert.deepEqual(lane?.run, { x: 200, width: 900 });
  assert.equal(picture.now, 1100);
  assert.equal(lane?.marks[0]?.x, 600);
  assert.deepEqual(lane?.marks[0]?.blocked, { x: 600, width: 50 });
  assert.equal(picture.height, 50);
});

test("a limit far ahead takes a third of the picture at most", () => {
  const running = attempt(1, 0, 0, null, { walltime_ends_at: at(100_000) });
  const picture = layOut(job({ current_attempt: running }), [running], [], ms(1000), frame);
  assert.equal(picture.to, ms(1500));
  assert.ok(Math.abs((picture.now ?? 0) - (100 + 1000 / 1.5)) < 1e-6);
});

test("a link leads from the checkpoint down to the attempt that went on from it", () => {
  const attempts = [attempt(1, 0, 0, 500, { lost_seconds: 100 }), attempt(2, 500, 600, 1000, { ...from("g1"), end_reason: "completed" })];
  const picture = layOut(job({ state: "completed" }), attempts, [generation("g1", 1, 400)], ms(9999), frame);
  assert.deepEqual(picture.links, [{ x1: 500, y1: 15, x2: 700, y2: 45, generation: "g1" }]);
  assert.deepEqual(picture.lanes[0]?.lost, { x: 500, width: 100, seconds: 100 });
  assert.equal(picture.now, null);
});

test("after a requeue an attempt waits since the one before it has ended", () => {
  const attempts = [attempt(1, 0, 0, 500), attempt(2, 0, 600, null)];
  assert.deepEqual(layOut(job(), attempts, [], ms(1000), frame).lanes[1]?.waiting, { x: 600, width: 100 });
});

test("a second in a week is still seen, and nothing leaves the picture", () => {
  const attempts = [attempt(1, 0, 300_000, 300_001), attempt(2, 300_001, 300_002, null, from("g1"))];
  const picture = layOut(job(), attempts, [generation("g1", 1, -5)], ms(604_800), frame);
  assert.equal(picture.lanes[0]?.run?.width, 2);
  for (const lane of picture.lanes) {
    for (const x of [lane.run?.x ?? 100, ...lane.marks.map((mark) => mark.x)]) {
      assert.ok(x >= 100 && x <= 1100, String(x));
    }
  }
});

test("a job of which nothing ran is a picture too", () => {
  const picture = layOut(job({ state: "cancelled" }), [], [], ms(0), frame);
  assert.ok(picture.to > picture.from);
  assert.deepEqual(picture.lanes, []);
});

test("axes have round steps", () => {
  assert.deepEqual(ticks(28, 3), [0, 10, 20, 30]);
  assert.deepEqual(ticks(0.61, 3), [0, 0.5, 1]);
  assert.deepEqual(ticks(0, 3), [0, 1]);
  assert.deepEqual(durationTicks(63, 3), [0, 30, 60, 90]);
  assert.deepEqual(durationTicks(0.61, 3), [0, 0.5, 1]);
  assert.equal(durationTicks(1e7, 3).length, ticks(1e7, 3).length);
  const hours = timeTicks(ms(0), ms(6 * 3600), 6);
  assert.equal(hours.step, 3_600_000);
  assert.equal(hours.at.length, 7);
  assert.ok(timeTicks(ms(0), ms(1e9), 5).at.length <= 6);
});
