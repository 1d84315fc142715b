// Geometry of the picture of a job: one lane an attempt, time from left to right. Pure; the view only draws it.

import type { Attempt, Generation, Job } from "../api/types";
import { lostSpan, momentOf, type Span } from "./lineage";
import { timeTicks } from "./scale";

export interface Bar {
  x: number;
  width: number;
}

export interface Mark {
  generation: Generation;
  x: number;
  blocked: Bar | null; ///< how long the program stood still
}

export interface Lane {
  attempt: Attempt;
  y: number;
  waiting: Bar | null;
  run: Bar | null;
  lost: (Bar & { seconds: number }) | null;
  ahead: Bar | null; ///< what is left of the allocation
  marks: Mark[];
  crowded: boolean; ///< the marks would cover each other
}

/** From a checkpoint down to the attempt that went on from it. */
export interface Link {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
  generation: string;
}

export interface Timeline {
  width: number;
  height: number;
  from: number;
  to: number;
  now: number | null; ///< x of it while the job goes on
  lanes: Lane[];
  links: Link[];
  ticks: { x: number; time: number }[];
  step: number;
}

export interface Frame {
  width: number;
  left: number;
  right: number;
  top: number;
  lane: number;
  bottom: number;
}

const kOver = new Set(["completed", "failed", "cancelled"]);
const kRoomy = 9; // px between marks
const kNarrowest = 2; // a run of a second in a picture of a week is still seen

const time = (text: string | null): number | null => (text ? Date.parse(text) : null);

export function layOut(job: Job, attempts: Attempt[], generations: Generation[], now: number, frame: Frame): Timeline {
  const sorted = [...attempts].sort((a, b) => a.n - b.n);
  const from = Date.parse(job.created_at);
  const last = Math.max(from + 1000, ...sorted.map((attempt) => time(attempt.ended_at) ?? 0));
  const goesOn = !kOver.has(job.state) && job.state !== "parked";
  const current = sorted[sorted.length - 1];
  const walltime = current && !current.ended_at ? time(current.walltime_ends_at) : null;
  // A limit far ahead would leave no room for what has happened: it is shown as far as a third of the picture.
  const ahead = walltime === null ? 0 : Math.min(walltime, now + (now - from) / 2);
  const to = goesOn ? Math.max(now, ahead, last) : last;

  const inner = frame.width - frame.left - frame.right;
  const x = (at: number) => frame.left + (inner * (Math.min(Math.max(at, from), to) - from)) / (to - from);
  const bar = (span: Span): Bar => ({ x: x(span.from), width: Math.max(kNarrowest, x(span.to) - x(span.from)) });

  const lanes = sorted.map((attempt, index): Lane => {
    const submitted = time(attempt.submitted_at);
    const started = time(attempt.started_at);
    const ended = time(attempt.ended_at);
    // A requeue keeps the first submission's time; the attempt waits since the one before it has ended.
    const before = Math.max(0, ...sorted.slice(0, index).map((one) => time(one.ended_at) ?? 0));
    const waits = submitted === null ? null : { from: Math.max(submitted, before), to: started ?? ended ?? now };
    const gone = lostSpan(attempt, generations);
    const marks = marksOf(attempt, generations, x, bar);
    const spread = marks.length < 2 ? kRoomy : ((marks.at(-1)?.x ?? 0) - (marks[0]?.x ?? 0)) / (marks.length - 1);
    return {
      attempt,
      y: frame.top + index * frame.lane,
      waiting: waits && x(waits.to) - x(waits.from) >= 1 ? bar(waits) : null,
      run: started === null ? null : bar({ from: started, to: ended ?? now }),
      lost: gone && x(gone.to) - x(gone.from) >= 1 ? { ...bar(gone), seconds: (gone.to - gone.from) / 1000 } : null,
      ahead: started !== null && ended === null && walltime !== null && walltime > now ? bar({ from: now, to: walltime }) : null,
      marks,
      crowded: spread < kRoomy,
    };
  });
  const { at, step } = timeTicks(from, to, Math.max(3, Math.floor(inner / 100)));
  return {
    width: frame.width,
    height: frame.top + lanes.length * frame.lane + frame.bottom,
    from,
    to,
    now: goesOn ? x(now) : null,
    lanes,
    links: linksOf(job, lanes, frame),
    ticks: at.map((moment) => ({ x: x(moment), time: moment })),
    step,
  };
}

function marksOf(attempt: Attempt, generations: Generation[], x: (at: number) => number, bar: (span: Span) => Bar): Mark[] {
  const marks: Mark[] = [];
  for (const generation of generations) {
    const at = momentOf(generation);
    if (generation.attempt !== attempt.n || at === null) {
      continue;
    }
    const blocked = (generation.blocked_seconds ?? 0) * 1000;
    const wide = x(at + blocked) - x(at) >= kNarrowest;
    marks.push({ generation, x: x(at), blocked: wide ? bar({ from: at, to: at + blocked }) : null });
  }
  return marks.sort((a, b) => a.x - b.x);
}

function linksOf(job: Job, lanes: Lane[], frame: Frame): Link[] {
  const links: Link[] = [];
  for (const lane of lanes) {
    const from = lane.attempt.started_from;
    const begin = lane.run ?? lane.waiting;
    if (!from || from.job !== job.id || !begin) {
      continue;
    }
    for (const other of lanes) {
      const mark = other.marks.find((one) => one.generation.id === from.generation);
      if (mark && other.y < lane.y) {
        links.push({
          x1: mark.x,
          y1: other.y + frame.lane / 2,
          x2: begin.x,
          y2: lane.y + frame.lane / 2,
          generation: from.generation,
        });
      }
    }
  }
  return links;
}
