#include "daemon/registry/rows.hpp"

#include "daemon/registry/json_columns.hpp"

#include <algorithm>

namespace ckpt::daemon::rows {

using sql::Columns;
using sql::run;

void put(SQLite::Database& db, const JobRow& job) {
  run(db,
      "INSERT INTO jobs (id, name, state, reason, scheduler, engine_wish, engine, created_at, "
      "ended_at, exit_code, signal, argv, cwd, tags, policy, wish_stop, wish_cancel, wish_hold, "
      "wish_reason, start_from, attempt_floor, override_args, warnings, journal_offset, "
      "journal_next, array_of, array_index) VALUES "
      "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
      "ON CONFLICT (id) DO UPDATE SET name=excluded.name, state=excluded.state, "
      "reason=excluded.reason, engine=excluded.engine, ended_at=excluded.ended_at, "
      "exit_code=excluded.exit_code, signal=excluded.signal, tags=excluded.tags, "
      "policy=excluded.policy, wish_stop=excluded.wish_stop, wish_cancel=excluded.wish_cancel, "
      "wish_hold=excluded.wish_hold, wish_reason=excluded.wish_reason, "
      "start_from=excluded.start_from, attempt_floor=excluded.attempt_floor, "
      "override_args=excluded.override_args, warnings=excluded.warnings, "
      "journal_offset=excluded.journal_offset, journal_next=excluded.journal_next",
      job.id,
      job.name,
      job.state,
      job.reason,
      job.scheduler,
      job.engine_wish,
      job.engine,
      job.created_at,
      job.ended_at,
      job.exit_code,
      job.signal,
      columns::from_strings(job.argv),
      job.cwd,
      columns::from_tags(job.policy.tags),
      columns::from_policy(job.policy),
      job.wish_stop,
      job.wish_cancel,
      static_cast<std::int64_t>(job.hold),
      job.wish_reason,
      job.start_from,
      job.attempt_floor,
      columns::from_overrides(job.overrides),
      columns::from_warnings(job.warnings),
      job.position.offset,
      job.position.next_number,
      job.array ? std::optional(job.array->id) : std::nullopt,
      job.array ? std::optional(job.array->index) : std::nullopt);
}

void put(SQLite::Database& db, JobId job, const SubmissionRow& row) {
  run(db,
      "INSERT INTO submissions (token, job_id, state, scheduler_job_id, reason, intended_at, "
      "submitted_at) VALUES (?,?,?,?,?,?,?) ON CONFLICT (token) DO UPDATE SET "
      "state=excluded.state, scheduler_job_id=excluded.scheduler_job_id, reason=excluded.reason, "
      "submitted_at=excluded.submitted_at",
      row.token,
      job,
      row.state,
      row.scheduler_job_id,
      row.reason,
      row.intended_at,
      row.submitted_at);
}

void put(SQLite::Database& db, JobId job, const AttemptRow& row) {
  run(db,
      "INSERT INTO attempts (job_id, n, token, scheduler_job_id, restart_count, node, state, "
      "reason, end_reason, claimed_at, started_at, ended_at, walltime_ends_at, started_from, "
      "engine, engine_version, exit_code, signal, term_seen, requeue_intent, sealed_count, "
      "last_frozen_at, blocked_ms, marked_lost, journal_offset, journal_next) "
      "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
      "ON CONFLICT (job_id, n) DO UPDATE SET state=excluded.state, reason=excluded.reason, "
      "end_reason=excluded.end_reason, started_at=excluded.started_at, "
      "ended_at=excluded.ended_at, walltime_ends_at=excluded.walltime_ends_at, "
      "started_from=excluded.started_from, engine=excluded.engine, "
      "engine_version=excluded.engine_version, exit_code=excluded.exit_code, "
      "signal=excluded.signal, term_seen=excluded.term_seen, "
      "requeue_intent=excluded.requeue_intent, sealed_count=excluded.sealed_count, "
      "last_frozen_at=excluded.last_frozen_at, blocked_ms=excluded.blocked_ms, "
      "marked_lost=excluded.marked_lost, journal_offset=excluded.journal_offset, "
      "journal_next=excluded.journal_next",
      job,
      row.n,
      row.token,
      row.scheduler_job_id,
      row.restart_count,
      row.node,
      row.state,
      row.reason,
      row.end_reason,
      row.claimed_at,
      row.started_at,
      row.ended_at,
      row.walltime_ends_at,
      row.started_from,
      row.engine,
      row.engine_version,
      row.exit_code,
      row.signal,
      row.term_seen,
      row.requeue_intent,
      row.sealed_count,
      row.last_frozen_at,
      row.blocked,
      row.marked_lost,
      row.position.offset,
      row.position.next_number);
}

void put(SQLite::Database& db, JobId job, const GenerationRow& row) {
  run(db,
      "INSERT INTO generations (job_id, id, state, trigger, reason, attempt, parent, "
      "requested_at, frozen_at, sealed_at, bytes, stored_bytes, blocked_ms, engine, "
      "engine_version, host, pinned, verified_at) "
      "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
      "ON CONFLICT (job_id, id) DO UPDATE SET state=excluded.state, trigger=excluded.trigger, "
      "reason=excluded.reason, attempt=excluded.attempt, parent=excluded.parent, "
      "requested_at=excluded.requested_at, frozen_at=excluded.frozen_at, "
      "sealed_at=excluded.sealed_at, bytes=excluded.bytes, stored_bytes=excluded.stored_bytes, "
      "blocked_ms=excluded.blocked_ms, engine=excluded.engine, "
      "engine_version=excluded.engine_version, host=excluded.host, pinned=excluded.pinned, "
      "verified_at=excluded.verified_at",
      job,
      row.id,
      row.state,
      row.trigger,
      row.reason,
      row.attempt,
      row.parent,
      row.requested_at,
      row.frozen_at,
      row.sealed_at,
      row.bytes,
      row.stored_bytes,
      row.blocked,
      row.engine,
      row.engine_version,
      row.host,
      row.pinned,
      row.verified_at);
}

void add_event(SQLite::Database& db, std::optional<JobId> job, const EventRow& event) {
  run(db,
      "INSERT OR IGNORE INTO events (at, type, job_id, attempt, generation, message, by, source, "
      "number) VALUES (?,?,?,?,?,?,?,?,?)",
      event.at,
      event.type,
      job,
      event.attempt,
      event.generation,
      event.message,
      event.by,
      event.source,
      event.number);
}

const char* const kSelectJob =
    "SELECT id, name, state, reason, scheduler, engine_wish, engine, created_at, ended_at, "
    "exit_code, signal, argv, cwd, policy, wish_stop, wish_cancel, wish_hold, wish_reason, "
    "start_from, attempt_floor, override_args, warnings, journal_offset, journal_next, array_of, "
    "array_index FROM jobs ";

JobRow read_job(SQLite::Statement& row) {
  Columns at(row);
  JobRow job;
  job.id = JobId{at.number()};
  job.name = at.text();
  job.state = at.word_of(JobState::parked);
  job.reason = at.text();
  job.scheduler = at.word_of(SchedulerKind::local);
  job.engine_wish = at.word_of(EngineWish::automatic);
  job.engine = at.maybe_word<EngineKind>();
  job.created_at = at.time();
  job.ended_at = at.maybe_time();
  job.exit_code = at.maybe_int();
  job.signal = at.maybe_int();
  job.argv = columns::to_strings(at.text());
  job.cwd = at.text();
  job.policy = columns::to_policy(at.text());
  job.wish_stop = at.flag();
  job.wish_cancel = at.flag();
  job.hold = static_cast<HoldWish>(std::clamp<std::int64_t>(at.number(), 0, 2));
  job.wish_reason = at.text();
  job.start_from = at.maybe_id<GenerationId>();
  job.attempt_floor = at.number();
  job.overrides = columns::to_overrides(at.text());
  job.warnings = columns::to_warnings(at.text());
  job.position.offset = static_cast<std::uint64_t>(at.number());
  job.position.next_number = at.number();
  const auto array = at.maybe_id<JobId>();
  const auto index = at.maybe_number();
  if (array && index) {
    job.array = api::ArrayTaskView{*array, *index};
  }
  return job;
}

namespace {

SubmissionRow read_submission(SQLite::Statement& row) {
  Columns at(row);
  SubmissionRow out;
  out.token = SubmissionToken{at.text()};
  out.state = at.word_of(SubmissionState::asked);
  if (at.null()) {
    at.maybe_number();
  } else {
    out.scheduler_job_id = SchedulerJobId{at.text()};
  }
  out.reason = at.text();
  out.intended_at = at.time();
  out.submitted_at = at.maybe_time();
  return out;
}

AttemptRow read_attempt(SQLite::Statement& row) {
  Columns at(row);
  AttemptRow out;
  out.n = AttemptId{at.number()};
  out.token = SubmissionToken{at.text()};
  out.scheduler_job_id = SchedulerJobId{at.text()};
  out.restart_count = static_cast<int>(at.number());
  out.node = at.text();
  out.state = at.word_of(AttemptState::unknown);
  out.reason = at.text();
  out.end_reason = at.maybe_word<EndReason>();
  out.claimed_at = at.time();
  out.started_at = at.maybe_time();
  out.ended_at = at.maybe_time();
  out.walltime_ends_at = at.maybe_time();
  out.started_from = at.maybe_id<GenerationId>();
  out.engine = at.maybe_word<EngineKind>();
  out.engine_version = at.text();
  out.exit_code = at.maybe_int();
  out.signal = at.maybe_int();
  out.term_seen = at.flag();
  out.requeue_intent = at.flag();
  out.sealed_count = static_cast<int>(at.number());
  out.last_frozen_at = at.maybe_time();
  out.blocked = at.duration();
  out.marked_lost = at.flag();
  out.position.offset = static_cast<std::uint64_t>(at.number());
  out.position.next_number = at.number();
  return out;
}

GenerationRow read_generation(SQLite::Statement& row) {
  Columns at(row);
  GenerationRow out;
  out.id = GenerationId{at.number()};
  out.state = at.word_of(GenerationState::failed);
  out.trigger = at.word_of(Trigger::manual);
  out.reason = at.text();
  out.attempt = at.maybe_id<AttemptId>();
  out.parent = at.maybe_id<GenerationId>();
  out.requested_at = at.maybe_time();
  out.frozen_at = at.maybe_time();
  out.sealed_at = at.maybe_time();
  const auto size = [](Columns& c) { return static_cast<std::uint64_t>(c.number()); };
  out.bytes = at.maybe(size);
  out.stored_bytes = at.maybe(size);
  out.blocked = at.maybe([](Columns& c) { return c.duration(); });
  out.engine = at.maybe_word<EngineKind>();
  out.engine_version = at.text();
  out.host = at.text();
  out.pinned = at.flag();
  out.verified_at = at.maybe_time();
  return out;
}

} // namespace

void load_parts(SQLite::Database& db, JobModel& model) {
  const std::int64_t id = model.job.id.value;
  SQLite::Statement submissions(
      db,
      "SELECT token, state, scheduler_job_id, reason, intended_at, submitted_at FROM submissions "
      "WHERE job_id = ? ORDER BY rowid");
  submissions.bind(1, id);
  while (submissions.executeStep()) {
    model.submissions.push_back(read_submission(submissions));
  }
  SQLite::Statement attempts(
      db,
      "SELECT n, token, scheduler_job_id, restart_count, node, state, reason, end_reason, "
      "claimed_at, started_at, ended_at, walltime_ends_at, started_from, engine, engine_version, "
      "exit_code, signal, term_seen, requeue_intent, sealed_count, last_frozen_at, blocked_ms, "
      "marked_lost, journal_offset, journal_next FROM attempts WHERE job_id = ? ORDER BY n");
  attempts.bind(1, id);
  while (attempts.executeStep()) {
    model.attempts.push_back(read_attempt(attempts));
  }
  SQLite::Statement generations(
      db,
      "SELECT id, state, trigger, reason, attempt, parent, requested_at, frozen_at, sealed_at, "
      "bytes, stored_bytes, blocked_ms, engine, engine_version, host, pinned, verified_at "
      "FROM generations "
      "WHERE job_id = ? ORDER BY id");
  generations.bind(1, id);
  while (generations.executeStep()) {
    const GenerationRow row = read_generation(generations);
    model.generations.emplace(row.id, row);
  }
}

} // namespace ckpt::daemon::rows
