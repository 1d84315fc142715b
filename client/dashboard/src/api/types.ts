// The API's shapes, as openapi.yaml has them: only the fields that the page reads.

export type Text = string | { base64: string };
export type JobState = "queued" | "running" | "stopping" | "parked" | "completed" | "failed" | "cancelled";
export type GenerationState = "requested" | "writing" | "verifying" | "sealed" | "failed" | "pruned" | "corrupt";

export interface GenerationRef {
  job: string;
  generation: string;
}

export interface Generation {
  id: string;
  job: string;
  state: GenerationState;
  trigger: string;
  reason: string;
  attempt: number | null;
  parent: string | null;
  requested_at: string | null;
  frozen_at: string | null;
  sealed_at: string | null;
  bytes: number | null;
  stored_bytes: number | null;
  blocked_seconds: number | null;
  engine: string | null;
  engine_version: string;
  host: string;
  pinned: boolean;
}

export interface Attempt {
  n: number;
  job: string;
  scheduler_job_id: string;
  restart_count: number;
  node: string;
  state: string;
  reason: string;
  end_reason: string | null;
  submitted_at: string | null;
  started_at: string | null;
  ended_at: string | null;
  walltime_ends_at: string | null;
  started_from: GenerationRef | null;
  exit_code: number | null;
  signal: number | null;
  lost_seconds: number;
}

export interface Policy {
  every_seconds: number | "auto" | "off";
  lead_seconds: number | "auto";
  keep: number;
  compress: string;
  max_restarts: number;
  at_walltime: string;
}

export interface Warning {
  code: string;
  message: string;
  advice: string;
}

export interface Job {
  id: string;
  name: string;
  state: JobState;
  reason: string;
  scheduler: string;
  engine_wish: string;
  engine: string | null;
  created_at: string;
  ended_at: string | null;
  exit_code: number | null;
  signal: number | null;
  tags: Record<string, string>;
  policy: Policy;
  argv: Text[];
  script_path: Text;
  cwd: Text;
  current_attempt: Attempt | null;
  attempts_count: number;
  restarts_count: number;
  generations_count: number;
  latest_generation: Generation | null;
  next_checkpoint_at: string | null;
  next_checkpoint_trigger: string | null;
  accounting: { run_seconds: number; lost_seconds: number; checkpoint_seconds: number; queue_seconds: number };
  warnings: Warning[];
}

export interface Event {
  seq: number;
  at: string;
  type: string;
  job: string | null;
  attempt: number | null;
  generation: string | null;
  message: string;
  by: string;
}

export interface Status {
  health: "ok" | "degraded";
  daemon: { version: string; pid: number; host: string; cluster: string; state_dir: string; started_at: string };
  scheduler: { kind: string; version: string; up: boolean; detail: string; asked_at: string | null };
  engines: { engine: string; usable: boolean; version: string; detail: string }[];
  store: { path: string; filesystem: string; available_bytes: number; total_bytes: number };
  jobs: Record<string, number>;
  last_event_seq: number;
  degraded: { code: string; message: string; advice: string; since: string | null }[];
}

export interface Coordinator {
  job: string;
  attempt: number;
  engine: string;
  version: string;
  host: string;
  port: number;
  state: string;
}

export interface Node {
  name: string;
  state: string;
  reason: string;
  attempts_count: number;
  refusals_count: number;
  last_refusal: string | null;
  last_seen_at: string | null;
  jobs: string[];
}

export interface Stats {
  jobs: Record<string, number>;
  checkpoints: { trigger: string; outcome: string; count: number }[];
  blocked_seconds: { count: number; sum: number; max: number };
  stored_bytes: number;
  raw_bytes: number;
  accounting: {
    run_seconds: number;
    lost_seconds: number;
    saved_seconds: number;
    checkpoint_seconds: number;
    queue_seconds: number;
  };
}

export interface List<T> {
  items: T[];
  next: string | null;
}

export interface EventPage extends List<Event> {
  last_seq: number;
}
