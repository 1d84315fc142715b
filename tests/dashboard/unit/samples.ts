import type { Attempt, Generation, Job } from "../../../client/dashboard/src/api/types";

/** Moments are given in seconds since this one. */
export const kStart = Date.parse("2026-03-01T12:00:00Z");
export const at = (seconds: number): string => new Date(kStart + seconds * 1000).toISOString();
export const ms = (seconds: number): number => kStart + seconds * 1000;

export function job(more: Partial<Job> = {}): Job {
  return {
    id: "j-7",
    name: "lattice",
    state: "running",
    reason: "",
    scheduler: "slurm",
    engine_wish: "auto",
    engine: "criu",
    created_at: at(0),
    ended_at: null,
    exit_code: null,
    signal: null,
    tags: { project: "qcd" },
    policy: { every_seconds: "auto", lead_seconds: "auto", keep: 2, compress: "zstd", max_restarts: 100, at_walltime: "requeue" },
    argv: ["./simulate", "input.dat"],
    cwd: "/home/ada",
    current_attempt: null,
    attempts_count: 0,
    restarts_count: 0,
    generations_count: 0,
    latest_generation: null,
    next_checkpoint_at: null,
    next_checkpoint_trigger: null,
    accounting: { run_seconds: 0, lost_seconds: 0, checkpoint_seconds: 0, queue_seconds: 0 },
    warnings: [],
    ...more,
  };
}

export function attempt(n: number, submitted: number, started: number | null, ended: number | null, more: Partial<Attempt> = {}): Attempt {
  return {
    n,
    job: "j-7",
    scheduler_job_id: "4711",
    restart_count: n - 1,
    node: "n1",
    state: ended === null ? "running" : "ended",
    reason: "",
    end_reason: ended === null ? null : "walltime",
    submitted_at: at(submitted),
    started_at: started === null ? null : at(started),
    ended_at: ended === null ? null : at(ended),
    walltime_ends_at: null,
    started_from: null,
    exit_code: null,
    signal: null,
    lost_seconds: 0,
    ...more,
  };
}

export function generation(id: string, of: number, frozen: number, more: Partial<Generation> = {}): Generation {
  return {
    id,
    job: "j-7",
    state: "sealed",
    trigger: "interval",
    reason: "",
    attempt: of,
    parent: null,
    requested_at: at(frozen),
    frozen_at: at(frozen),
    sealed_at: at(frozen + 1),
    bytes: 1000,
    stored_bytes: 500,
    blocked_seconds: 0.5,
    engine: "criu",
    engine_version: "4.2",
    host: "n1",
    pinned: false,
    ...more,
  };
}

export const from = (generation: string) => ({ started_from: { job: "j-7", generation } });
