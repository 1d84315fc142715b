-- The registry as of version 4. A new database is made from this; older ones by migrations/, and
-- a test holds the two to the same result.

-- Times are milliseconds since 1970 in UTC, durations milliseconds; words are those of the API.

CREATE TABLE schema_version (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  version    INTEGER NOT NULL,
  written_by TEXT NOT NULL
) STRICT;

CREATE TABLE jobs (
  id            INTEGER PRIMARY KEY,
  name          TEXT NOT NULL,
  state         TEXT NOT NULL,
  reason        TEXT NOT NULL,
  scheduler     TEXT NOT NULL,
  engine_wish   TEXT NOT NULL,
  engine        TEXT,
  created_at    INTEGER NOT NULL,
  ended_at      INTEGER,
  exit_code     INTEGER,
  signal        INTEGER,
  argv          TEXT NOT NULL,          -- JSON
  cwd           TEXT NOT NULL,
  tags          TEXT NOT NULL,          -- JSON
  policy        TEXT NOT NULL,          -- JSON
  wish_stop     INTEGER NOT NULL DEFAULT 0,
  wish_cancel   INTEGER NOT NULL DEFAULT 0,
  wish_hold     INTEGER NOT NULL DEFAULT 0, -- 1 held, 2 taken back
  wish_reason   TEXT NOT NULL DEFAULT '',
  start_from    INTEGER,                -- generation that the next submission starts from
  attempt_floor INTEGER NOT NULL DEFAULT 0, -- attempts up to here do not count against limits
  override_args TEXT NOT NULL DEFAULT '{}', -- JSON: sbatch options of the newest restart
  warnings      TEXT NOT NULL DEFAULT '[]', -- JSON
  journal_offset INTEGER NOT NULL DEFAULT 0, -- job.jsonl, as far as it is in here
  journal_next   INTEGER NOT NULL DEFAULT 1,
  array_of    INTEGER,                  -- the job of the array's first task
  array_index INTEGER
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state);
CREATE INDEX jobs_by_name ON jobs (name);

CREATE TABLE submissions (
  token            TEXT PRIMARY KEY,
  job_id           INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  state            TEXT NOT NULL,       -- intended, asked, submitted, refused, revoked, over
  scheduler_job_id TEXT,
  reason           TEXT NOT NULL DEFAULT '',
  intended_at      INTEGER NOT NULL,
  submitted_at     INTEGER
) STRICT;
CREATE INDEX submissions_by_job ON submissions (job_id);

CREATE TABLE attempts (
  job_id           INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  n                INTEGER NOT NULL,
  token            TEXT NOT NULL,
  scheduler_job_id TEXT NOT NULL,
  restart_count    INTEGER NOT NULL,
  node             TEXT NOT NULL,
  state            TEXT NOT NULL,
  reason           TEXT NOT NULL DEFAULT '',
  end_reason       TEXT,
  claimed_at       INTEGER NOT NULL,
  started_at       INTEGER,             -- the program ran
  ended_at         INTEGER,
  walltime_ends_at INTEGER,
  started_from     INTEGER,
  engine           TEXT,
  engine_version   TEXT NOT NULL DEFAULT '',
  exit_code        INTEGER,
  signal           INTEGER,
  term_seen        INTEGER NOT NULL DEFAULT 0,
  requeue_intent   INTEGER NOT NULL DEFAULT 0,
  sealed_count     INTEGER NOT NULL DEFAULT 0,
  last_frozen_at   INTEGER,             -- of its newest sealed generation
  blocked_ms       INTEGER NOT NULL DEFAULT 0,
  marked_lost      INTEGER NOT NULL DEFAULT 0,
  journal_offset   INTEGER NOT NULL DEFAULT 0,
  journal_next     INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (job_id, n)
) STRICT;
CREATE INDEX attempts_by_scheduler_id ON attempts (scheduler_job_id);

CREATE TABLE coordinators (
  job_id     INTEGER NOT NULL,
  attempt    INTEGER NOT NULL,
  host       TEXT NOT NULL,
  port       INTEGER NOT NULL,
  pid        INTEGER NOT NULL,
  version    TEXT NOT NULL,
  started_at INTEGER,
  PRIMARY KEY (job_id, attempt),
  FOREIGN KEY (job_id, attempt) REFERENCES attempts (job_id, n) ON DELETE CASCADE
) STRICT;

CREATE TABLE generations (
  job_id         INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  id             INTEGER NOT NULL,
  state          TEXT NOT NULL,
  trigger        TEXT NOT NULL,
  reason         TEXT NOT NULL DEFAULT '',
  attempt        INTEGER,
  parent         INTEGER,
  requested_at   INTEGER,
  frozen_at      INTEGER,
  sealed_at      INTEGER,
  bytes          INTEGER,
  stored_bytes   INTEGER,
  blocked_ms     INTEGER,
  engine         TEXT,
  engine_version TEXT NOT NULL DEFAULT '',
  host           TEXT NOT NULL DEFAULT '',
  pinned         INTEGER NOT NULL DEFAULT 0,
  verified_at    INTEGER,
  PRIMARY KEY (job_id, id)
) STRICT;

CREATE TABLE nodes (
  name         TEXT PRIMARY KEY,
  last_seen_at INTEGER NOT NULL,
  attempts     INTEGER NOT NULL DEFAULT 0,
  refusals     INTEGER NOT NULL DEFAULT 0,
  last_refusal TEXT NOT NULL DEFAULT ''
) STRICT;

-- The history. AUTOINCREMENT: a number is never used again, clients go on from the last they saw.
CREATE TABLE events (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  at         INTEGER NOT NULL,
  type       TEXT NOT NULL,
  job_id     INTEGER,
  attempt    INTEGER,
  generation INTEGER,
  message    TEXT NOT NULL,
  by         TEXT NOT NULL,
  source     TEXT NOT NULL,             -- "job", "attempt" or "daemon": which file it came from
  number     INTEGER                    -- its number in that file: an event comes in once
) STRICT;
CREATE UNIQUE INDEX events_once ON events (job_id, source, ifnull(attempt, 0), number)
  WHERE number IS NOT NULL;
CREATE INDEX events_by_job ON events (job_id, seq);

CREATE TABLE settings (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE idempotency_keys (
  call       TEXT NOT NULL,             -- "submit", "checkpoint", …
  job_id     INTEGER NOT NULL,          -- 0 for a submit
  key        TEXT NOT NULL,
  request    TEXT NOT NULL,             -- digest of what was asked for
  result     TEXT NOT NULL,             -- "j-7", "g3"
  created_at INTEGER NOT NULL,
  PRIMARY KEY (call, job_id, key)
) STRICT;
