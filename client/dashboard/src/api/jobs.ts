import { all, asProblem, get } from "./client";
import { onEvents } from "./live";
import { noteProblem } from "./session";
import type { Event, Job, List } from "./types";

// All jobs, kept up to date: an event asks for its job again, and what changes without one is asked for now and then.

const kSettle = 250; // ms in which events are gathered
const kMostSingle = 12; // more jobs than this at once: the whole list is cheaper
const kRefresh = 15_000;

const jobs = new Map<string, Job>();
const watchers = new Set<() => void>();
const dirty = new Set<string>();
let loaded = false;
let failed: string | null = null;
let timer: ReturnType<typeof setTimeout> | null = null;
let refresh: ReturnType<typeof setInterval> | null = null;
let unsubscribe: (() => void) | null = null;

export interface JobsView {
  jobs: Job[];
  loaded: boolean;
  failed: string | null;
}

export const currentJobs = (): JobsView => ({ jobs: [...jobs.values()], loaded, failed });

export function onJobs(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

const tell = () => watchers.forEach((watcher) => watcher());

export function startJobs(): void {
  if (unsubscribe) {
    return;
  }
  unsubscribe = onEvents(noteEvents);
  refresh = setInterval(() => document.hidden || void guarded(loadActive), kRefresh);
  void guarded(loadAll);
}

export function stopJobs(): void {
  unsubscribe?.();
  unsubscribe = null;
  clearInterval(refresh ?? undefined);
  jobs.clear();
  dirty.clear();
  loaded = false;
}

/** What an action answered is shown at once. */
export function putJob(job: Job): void {
  jobs.set(job.id, job);
  tell();
}

function noteEvents(events: Event[]): void {
  events.forEach((event) => event.job && dirty.add(event.job));
  timer ??= setTimeout(() => {
    timer = null;
    const ids = [...dirty];
    dirty.clear();
    void guarded(() => (ids.length > kMostSingle ? loadAll() : Promise.all(ids.map(loadOne))));
  }, kSettle);
}

async function guarded(load: () => Promise<unknown>): Promise<void> {
  try {
    await load();
    failed = null;
  } catch (error) {
    failed = noteProblem(error).detail;
  }
  tell();
}

async function loadAll(): Promise<void> {
  const items = await all<Job>("/v1/jobs?limit=500");
  jobs.clear();
  items.forEach((job) => jobs.set(job.id, job));
  loaded = true;
}

async function loadActive(): Promise<void> {
  const { items } = await get<List<Job>>("/v1/jobs?state=queued,running,stopping&limit=500");
  items.forEach((job) => jobs.set(job.id, job));
}

async function loadOne(id: string): Promise<void> {
  try {
    jobs.set(id, await get<Job>(`/v1/jobs/${id}`));
  } catch (error) {
    if (asProblem(error).status !== 404) {
      throw error;
    }
    jobs.delete(id); // it was removed
  }
}
