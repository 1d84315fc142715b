#pragma once

#include "api/views.hpp"
#include "core/domain/job.hpp"
#include "core/store/journal.hpp"
#include "core/store/records.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

// A job as the registry holds it: the fold of its events. apply() is pure, and the only way in
// which a model changes; live events, recovery and a rebuild go through the same one, so that
// replaying the files gives the same rows. Not thread-safe (loop thread).

namespace ckpt::daemon {

enum class SubmissionState {
  intended,  ///< written down, the scheduler not asked yet or said "not now"
  asked,     ///< it was asked; unless an answer follows, the outcome is unknown
  submitted, ///< it has an id
  refused,   ///< the scheduler said no for good
  revoked,   ///< must not run (any more); what is left of it in the scheduler is surplus
  over,      ///< ended in order
};

struct SubmissionRow {
  SubmissionToken token;
  SubmissionState state = SubmissionState::intended;
  std::optional<SchedulerJobId> scheduler_job_id;
  std::string reason;
  TimePoint intended_at{};
  std::optional<TimePoint> submitted_at;
  bool open() const;
  bool operator==(const SubmissionRow&) const = default;
};

struct AttemptRow {
  AttemptId n;
  SubmissionToken token;
  SchedulerJobId scheduler_job_id;
  int restart_count = 0;
  std::string node;
  AttemptState state = AttemptState::starting;
  std::string reason;
  std::optional<EndReason> end_reason;
  TimePoint claimed_at{};
  std::optional<TimePoint> started_at;
  std::optional<TimePoint> ended_at;
  std::optional<TimePoint> walltime_ends_at;
  std::optional<GenerationId> started_from;
  std::optional<EngineKind> engine;
  std::string engine_version;
  std::optional<int> exit_code;
  std::optional<int> signal;
  bool term_seen = false;
  bool requeue_intent = false;
  int sealed_count = 0;
  std::optional<TimePoint> last_frozen_at;
  Duration blocked{0};
  bool marked_lost = false;
  store::ReadPosition position;
  bool live() const { return state != AttemptState::ended; }
};

/// What its program has run for. One that ended without a word counts as far as it is known to have
/// run: nobody may have looked for days.
Duration run_time(const AttemptRow& row, TimePoint now);

struct GenerationRow {
  GenerationId id;
  GenerationState state = GenerationState::requested;
  Trigger trigger = Trigger::manual;
  std::string reason;
  std::optional<AttemptId> attempt;
  std::optional<GenerationId> parent;
  std::optional<TimePoint> requested_at;
  std::optional<TimePoint> frozen_at;
  std::optional<TimePoint> sealed_at;
  std::optional<std::uint64_t> bytes;
  std::optional<std::uint64_t> stored_bytes;
  std::optional<Duration> blocked;
  std::optional<EngineKind> engine;
  std::string engine_version;
  std::string host;
  bool pinned = false;
  std::optional<TimePoint> verified_at; ///< its bytes were read again and were good
};

/// What a restart asked for on top of the spec.
struct RestartOverrides {
  std::vector<std::string> sbatch_args;
  std::optional<Duration> time_limit;
  bool operator==(const RestartOverrides&) const = default;
};

/// A person's hold. `releasing`: taken back, and the allocation is still to be told.
enum class HoldWish { none, held, releasing };

struct JobRow {
  JobId id;
  std::string name;
  JobState state = JobState::queued;
  std::string reason;
  SchedulerKind scheduler = SchedulerKind::local;
  EngineWish engine_wish = EngineWish::automatic;
  std::optional<EngineKind> engine;
  TimePoint created_at{};
  std::optional<TimePoint> ended_at;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::vector<std::string> argv;
  std::string cwd;
  Policy policy;
  bool wish_stop = false;
  bool wish_cancel = false;
  HoldWish hold = HoldWish::none;
  std::string wish_reason;
  std::optional<GenerationId> start_from;
  std::int64_t attempt_floor = 0;
  RestartOverrides overrides;
  std::vector<api::WarningView> warnings;
  std::optional<api::ArrayTaskView> array;
  store::ReadPosition position; ///< in job.jsonl
};

struct JobModel {
  JobRow job;
  std::vector<SubmissionRow> submissions; ///< oldest first
  std::vector<AttemptRow> attempts;       ///< by number
  std::map<GenerationId, GenerationRow> generations;

  SubmissionRow* open_submission(); ///< at most one is open: the newest
  const SubmissionRow* open_submission() const;
  AttemptRow* attempt(AttemptId n);
  const AttemptRow* newest_attempt() const;
  /// The rollback that the next attempt will begin with; done once, so nothing after that.
  std::optional<GenerationId> chosen_start() const;
};

/// One line of the history, before it has its seq.
struct EventRow {
  TimePoint at{};
  std::string type;
  std::optional<AttemptId> attempt;
  std::optional<GenerationId> generation;
  std::string message;
  std::string by;
  std::string source; ///< "job", "attempt" or "daemon"
  std::optional<std::int64_t> number;
};

/// What one or more events did to a model: the registry writes this in one transaction.
struct Change {
  std::vector<EventRow> events;
  std::set<std::string> submissions; ///< tokens of changed rows
  std::set<AttemptId> attempts;
  std::set<GenerationId> generations;
  struct IdempotencyKey {
    std::string call;
    std::string key;
    std::string request;
    std::string result;
  };
  std::vector<IdempotencyKey> keys;
  struct Refusal {
    std::string node;
    std::string reason;
    TimePoint at{};
  };
  std::vector<Refusal> node_refusals;
};

/// Both in one.
void merge(Change& into, const Change& more);

/// A new job, before its first event.
JobModel model_of(const JobSpec& spec, const Policy& policy);

/// A line of job.jsonl. An event that the state machine does not allow changes nothing but its own
/// appearance in the history.
void apply(JobModel& model, const store::JobEvent& event, Change& change);

/// A new claim: an attempt begins.
void apply(JobModel& model, const store::Claim& claim, Change& change);

/// A line of an attempt's journal; the attempt is known.
void apply(JobModel& model, AttemptId attempt, const store::AttemptEvent& event, Change& change);

/// A checkpoint that was under way went down with its attempt, unless a manifest says otherwise
/// later.
void fail_open_generations(JobModel& model, AttemptId attempt, Change& change);

/// What the scheduler shows of the newest attempt's allocation (suspended, resumed, no sight); only
/// for people, and no durable fact.
void show_attempt_state(JobModel& model, AttemptId attempt, AttemptState state, Change& change);

} // namespace ckpt::daemon

namespace ckpt {
CKPT_WORDS(daemon::SubmissionState, intended, asked, submitted, refused, revoked, over);
} // namespace ckpt
