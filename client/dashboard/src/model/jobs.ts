// Filter, search and order of the jobs table. Pure.

import type { Job, JobState } from "../api/types";
import { commandLine } from "./format";

export type Filter = "all" | "active" | "parked" | "failed" | "completed" | "cancelled";

const kStates: Record<Filter, JobState[]> = {
  all: [],
  active: ["queued", "running", "stopping"],
  parked: ["parked"],
  failed: ["failed"],
  completed: ["completed"],
  cancelled: ["cancelled"],
};

export const kFilters = Object.keys(kStates) as Filter[];

export const isOver = (job: Job): boolean => ["completed", "failed", "cancelled"].includes(job.state);

export function inFilter(job: Job, filter: Filter): boolean {
  return filter === "all" || kStates[filter].includes(job.state);
}

export function counts(jobs: Job[]): Record<Filter, number> {
  return Object.fromEntries(kFilters.map((filter) => [filter, jobs.filter((job) => inFilter(job, filter)).length])) as Record<
    Filter,
    number
  >;
}

/** Every word must be somewhere: id, name, state, node, scheduler's id, command, or a tag as KEY=VALUE. */
export function matches(job: Job, search: string): boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) {
    return true;
  }
  const place = job.current_attempt;
  const tags = Object.entries(job.tags).map(([key, value]) => `${key}=${value}`);
  const hay = [job.id, job.name, job.state, job.engine ?? "", place?.node ?? "", place?.scheduler_job_id ?? "", commandLine(job.argv), ...tags]
    .join("\n")
    .toLowerCase();
  return words.every((word) => (/^j-\d+$/.test(word) ? job.id === word : hay.includes(word)));
}

export const number = (id: string): number => Number(id.slice(2));

/** What goes on stands first, then the newest. */
export function ordered(jobs: Iterable<Job>): Job[] {
  return [...jobs].sort((a, b) => Number(isOver(a)) - Number(isOver(b)) || number(b.id) - number(a.id));
}

/** What a person may do with it now. */
export function actions(job: Job): { checkpoint: boolean; stop: boolean; restart: boolean; cancel: boolean } {
  const runs = job.state === "running";
  return {
    checkpoint: runs,
    stop: runs || job.state === "queued",
    restart: ["parked", "failed", "cancelled"].includes(job.state),
    cancel: !isOver(job),
  };
}

/** The share of its allocation that the running attempt has used, 0 to 1; null without a limit. */
export function walltimeShare(job: Job, now: number): number | null {
  const attempt = job.current_attempt;
  if (!attempt?.started_at || !attempt.walltime_ends_at || attempt.ended_at) {
    return null;
  }
  const start = Date.parse(attempt.started_at);
  const end = Date.parse(attempt.walltime_ends_at);
  return end > start ? Math.min(1, Math.max(0, (now - start) / (end - start))) : null;
}
