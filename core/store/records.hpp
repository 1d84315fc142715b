#pragma once

#include "core/domain/generation.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// What the files of a job folder hold, as plain values. JSON and framing are in records.cpp and
// journal.cpp.

namespace ckpt::store {

/// What an attempt's runner writes down, in order: attempts/<n>/journal.jsonl.
enum class AttemptEventKind {
  claimed,
  waiting,            ///< for an older lease to run out (reason)
  starting,           ///< engine chosen (engine, reason: those passed over)
  program_started,    ///< by launch
  program_restarted,  ///< from `generation`
  restart_failed,     ///< of `generation` (reason)
  walltime_known,     ///< the allocation ends at `time`
  checkpoint_started, ///< generation, trigger
  checkpoint_frozen,  ///< generation, time: the instant that a restart goes back to
  checkpoint_sealed,  ///< generation, bytes, blocked
  checkpoint_failed,  ///< generation, code, reason
  checkpoint_refused, ///< before anything was written: code, reason
  compressed,         ///< generation, bytes
  pruned,             ///< generation, reason
  corrupt,            ///< generation, reason
  order_done,         ///< order, generation
  order_refused,      ///< order, reason
  policy_applied,     ///< revision
  term_seen,
  lease_lost,    ///< program frozen by its own runner
  lease_renewed, ///< and thawed
  warning,       ///< code, reason, advice
  warning_gone,  ///< code
  suspended,
  resumed,
  requeue_intent, ///< token; written before scontrol requeue
  requeue_done,
  requeue_failed, ///< reason
  node_refused,   ///< this host cannot run the image (reason); excluded at the requeue
  ended,          ///< final: end_reason, exit_code, signal
};
} // namespace ckpt::store

namespace ckpt {
CKPT_WORDS(store::AttemptEventKind,
           claimed,
           waiting,
           starting,
           program_started,
           program_restarted,
           restart_failed,
           walltime_known,
           checkpoint_started,
           checkpoint_frozen,
           checkpoint_sealed,
           checkpoint_failed,
           checkpoint_refused,
           compressed,
           pruned,
           corrupt,
           order_done,
           order_refused,
           policy_applied,
           term_seen,
           lease_lost,
           lease_renewed,
           warning,
           warning_gone,
           suspended,
           resumed,
           requeue_intent,
           requeue_done,
           requeue_failed,
           node_refused,
           ended);
} // namespace ckpt

namespace ckpt::store {

struct AttemptEvent {
  std::int64_t number = 0; ///< from 1, set by the writer
  TimePoint at{};          ///< set by the writer when it is zero
  AttemptEventKind kind = AttemptEventKind::claimed;
  std::string code;
  std::string reason;
  std::string advice;
  std::optional<GenerationId> generation;
  std::optional<Trigger> trigger;
  std::optional<EndReason> end_reason;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::optional<std::int64_t> order;
  std::optional<int> revision;
  std::optional<TimePoint> time;
  std::optional<std::uint64_t> bytes;
  std::optional<Duration> blocked;
  std::optional<EngineVersion> engine;
  bool operator==(const AttemptEvent&) const = default;
};

/// What the daemon alone writes down of a job, before its registry commits: job.jsonl.
enum class JobEventKind {
  created,
  submit_intent,     ///< token
  submitted,         ///< token, scheduler_job_id
  submit_failed,     ///< token, reason
  token_revoked,     ///< token
  stop_requested,    ///< checkpoint, free the allocation, park
  parked,            ///< reason
  restart_requested, ///< generation: from there (nothing: from the newest good one)
  cancel_requested,
  cancelled, ///< reason
  completed, ///< exit_code, signal
  failed,    ///< exit_code, signal, reason
  held,
  released,
  pinned,         ///< generation
  unpinned,       ///< generation
  policy_changed, ///< revision
  tagged,
  attempt_lost,  ///< attempt, reason
  pruned,        ///< generation, reason; before it is removed
  began,         ///< its program has started for the first time, and somebody wants to know
  notified,      ///< `notice` of event `of` went out that way (reason: to whom)
  notify_failed, ///< likewise, but it never did (reason)
};

/// How people are told of a change of a job.
enum class NoticeWay { mail, command };
} // namespace ckpt::store

namespace ckpt {
CKPT_WORDS(store::JobEventKind,
           created,
           submit_intent,
           submitted,
           submit_failed,
           token_revoked,
           stop_requested,
           parked,
           restart_requested,
           cancel_requested,
           cancelled,
           completed,
           failed,
           held,
           released,
           pinned,
           unpinned,
           policy_changed,
           tagged,
           attempt_lost,
           pruned,
           began,
           notified,
           notify_failed);
CKPT_WORDS(store::NoticeWay, mail, command);
} // namespace ckpt

namespace ckpt::store {

struct JobEvent {
  std::int64_t number = 0;
  TimePoint at{};
  JobEventKind kind = JobEventKind::created;
  std::string reason;
  std::string by; ///< "user", "daemon", "scheduler"
  std::string idempotency_key;
  std::optional<SubmissionToken> token;
  std::optional<SchedulerJobId> scheduler_job_id;
  std::optional<GenerationId> generation;
  std::optional<AttemptId> attempt;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::optional<int> revision;
  /// The ways in which people are to be told of this event (part of it, so that a crash behind it
  /// forgets nobody); of `notified` and `notify_failed`: the one way that is settled.
  std::vector<NoticeWay> notice;
  std::optional<std::int64_t> of; ///< number of the event that they were told of
  bool operator==(const JobEvent&) const = default;
};

/// Who a runner is; the content of attempts/<n>.claim.
struct Claim {
  AttemptId attempt;
  SubmissionToken token;
  SchedulerJobId scheduler_job_id;
  int restart_count = 0;
  std::string host;
  std::string boot_id;
  std::int64_t pid = 0;
  std::uint64_t start_ticks = 0;
  TimePoint at{};
  bool operator==(const Claim&) const = default;
};

/// attempts/<n>/lease. A watcher only asks whether the content changed.
struct Lease {
  std::int64_t renewals = 0;
  std::string boot_id;
  std::int64_t pid = 0;
  TimePoint at{};
  bool operator==(const Lease&) const = default;
};

enum class OrderKind { checkpoint, stop, cancel, reload_policy, requeue, pause, resume };
} // namespace ckpt::store

namespace ckpt {
CKPT_WORDS(store::OrderKind, checkpoint, stop, cancel, reload_policy, requeue, pause, resume);
} // namespace ckpt

namespace ckpt::store {

/// attempts/<n>/orders/<number>.json, written by the daemon, answered in the journal.
struct Order {
  std::int64_t number = 0;
  std::int64_t epoch = 0; ///< of the daemon; a runner refuses one older than it has seen
  TimePoint expires_at{};
  OrderKind kind = OrderKind::checkpoint;
  Trigger trigger = Trigger::manual;
  std::optional<GenerationId> generation; ///< already allocated by the daemon (checkpoint)
  std::string reason;
  bool operator==(const Order&) const = default;
};

} // namespace ckpt::store
