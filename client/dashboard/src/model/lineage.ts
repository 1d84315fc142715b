// Which work of a job counts, and which was lost. Pure.

import type { Attempt, Generation } from "../api/types";

export interface Span {
  from: number;
  to: number;
}

const ms = (time: string | null): number | null => (time ? Date.parse(time) : null);

/** The moment whose state a generation holds. */
export const momentOf = (generation: Generation): number | null =>
  ms(generation.frozen_at) ?? ms(generation.sealed_at) ?? ms(generation.requested_at);

/**
 * The part of an attempt's run that no later state holds, as the daemon counts it: always its end. What one that was stopped still did
 * while its last checkpoint was sealed is in the seconds, and is no loss to be drawn.
 */
export function lostSpan(attempt: Attempt, generations: Generation[]): Span | null {
  const to = ms(attempt.ended_at);
  if (to === null || attempt.lost_seconds <= 0) {
    return null;
  }
  const from = to - Math.round(attempt.lost_seconds * 1000);
  const sealing = generations.some(
    (one) => attempt.end_reason === "stopped" && one.attempt === attempt.n && one.trigger === "stop" && one.sealed_at && (momentOf(one) ?? to) <= from,
  );
  return sealing ? null : { from, to };
}

export const isGood = (generation: Generation): boolean => generation.state === "sealed";
