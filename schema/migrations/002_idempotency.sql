-- Version 2: what was answered to a request with an Idempotency-Key, so that a repeated one finds
-- its result again after a crash.

CREATE TABLE idempotency_keys (
  call       TEXT NOT NULL,             -- "submit", "checkpoint", …
  job_id     INTEGER NOT NULL,          -- 0 for a submit
  key        TEXT NOT NULL,
  request    TEXT NOT NULL,             -- digest of what was asked for
  result     TEXT NOT NULL,             -- "j-7", "g3"
  created_at INTEGER NOT NULL,
  PRIMARY KEY (call, job_id, key)
) STRICT;
