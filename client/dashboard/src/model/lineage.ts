// Which work of a job counts, and which was lost. Pure.

import type { Attempt, Generation, Job } from "../api/types";

export interface Span {
  from: number;
  to: number;
}

const ms = (time: string | null): number | null => (time ? Date.parse(time) : null);

/** The moment whose state a generation holds. */
export const momentOf = (generation: Generation): number | null =>
  ms(generation.frozen_at) ?? ms(generation.sealed_at) ?? ms(generation.requested_at);

const kGone = new Set(["failed", "corrupt"]);

/**
 * Per attempt number, the part of its run that no later state holds: from the freeze that the job went on from to the attempt's
 * end. The chain is walked back from the newest attempt; attempts beside it (before a rollback) are lost as a whole.
 * Work of a run that goes on, and of one whose result counts, is not lost.
 */
export function lostSpans(job: Job, attempts: Attempt[], generations: Generation[], now: number): Map<number, Span> {
  const byId = new Map(generations.map((generation) => [generation.id, generation]));
  const byNumber = new Map(attempts.map((attempt) => [attempt.n, attempt]));
  const ran = attempts.filter((attempt) => attempt.started_at).sort((a, b) => a.n - b.n);
  const newest = ran[ran.length - 1];
  const keptUntil = new Map<number, number>();
  if (newest) {
    keptUntil.set(newest.n, endOfWork(job, newest, generations, now));
    const seen = new Set<number>();
    for (let at: Attempt | undefined = newest; at?.started_from && !seen.has(at.n); ) {
      seen.add(at.n);
      if (at.started_from.job !== job.id) {
        break; // a fork: what was before belongs to another job
      }
      const from = byId.get(at.started_from.generation);
      const writer: Attempt | undefined = from && from.attempt !== null ? byNumber.get(from.attempt) : undefined;
      const moment = from ? momentOf(from) : null;
      if (!writer || moment === null || writer.n >= at.n) {
        break;
      }
      keptUntil.set(writer.n, stoppedWith(writer, from) ? (ms(writer.ended_at) ?? moment) : moment);
      at = writer;
    }
  }
  const lost = new Map<number, Span>();
  for (const attempt of ran) {
    const start = ms(attempt.started_at) as number;
    const end = ms(attempt.ended_at) ?? now;
    const from = Math.max(start, keptUntil.get(attempt.n) ?? start);
    if (end - from > 0) {
      lost.set(attempt.n, { from, to: end });
    }
  }
  return lost;
}

/** Up to when the newest run counts. */
function endOfWork(job: Job, attempt: Attempt, generations: Generation[], now: number): number {
  const end = ms(attempt.ended_at);
  if (end === null) {
    return now;
  }
  if (job.state === "completed" || attempt.end_reason === "completed" || attempt.end_reason === "failed") {
    return end;
  }
  const own = generations.filter((one) => one.attempt === attempt.n && one.sealed_at && !kGone.has(one.state) && momentOf(one) !== null);
  if (own.some((one) => stoppedWith(attempt, one))) {
    return end;
  }
  return Math.max(ms(attempt.started_at) as number, ...own.map((one) => momentOf(one) as number));
}

/** The program does not run on after the checkpoint of a stop: between its freeze and the end there is no work. */
const stoppedWith = (attempt: Attempt, generation: Generation | undefined): boolean =>
  attempt.end_reason === "stopped" && generation?.trigger === "stop" && generation.attempt === attempt.n;

export const isGood = (generation: Generation): boolean => generation.state === "sealed";
