#pragma once

#include "core/domain/job.hpp"
#include "core/domain/time.hpp"
#include "core/domain/words.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

// What the API shows, as plain values: one struct a JSON object, with the same field names (but
// durations, which get `_seconds` behind them, and sizes that say `_bytes` here already). An empty
// optional is `null` on the wire. Values only: copy them freely between threads.

namespace ckpt::api {

/// How far a generation that is written or verified has come.
struct ProgressView {
  std::string what; ///< "writing", "verifying"
  std::uint64_t done_bytes = 0;
  std::optional<std::uint64_t> total_bytes; ///< an estimate while it is written
  bool operator==(const ProgressView&) const = default;
};

/// A checkpoint of a job. `latest_generation` of a job and the items of `…/generations`.
struct GenerationView {
  GenerationId id;
  JobId job;
  GenerationState state = GenerationState::requested;
  Trigger trigger = Trigger::manual;
  std::string reason;                 ///< why it failed, was pruned, or is corrupt; else empty
  std::optional<AttemptId> attempt;   ///< that wrote it; nothing while no runner has taken it up
  std::optional<GenerationId> parent; ///< what that attempt had started from
  std::optional<TimePoint> requested_at;
  std::optional<TimePoint> frozen_at; ///< the instant that a restart goes back to
  std::optional<TimePoint> sealed_at;
  std::optional<std::uint64_t> bytes;        ///< raw
  std::optional<std::uint64_t> stored_bytes; ///< as it lies on disk now
  std::optional<Duration> blocked;           ///< `blocked_seconds`: the program stood still
  std::optional<EngineKind> engine;
  std::string engine_version;
  std::string host; ///< that it was written on
  bool pinned = false;
  std::optional<TimePoint> verified_at; ///< its bytes were read again and were good
  std::optional<ProgressView> progress; ///< nothing: it is not at work
  bool operator==(const GenerationView&) const = default;
};

/// One run of a job in one allocation. `current_attempt` of a job and the items of `…/attempts`.
struct AttemptView {
  AttemptId n; ///< provisional until the runner has claimed it
  JobId job;
  SchedulerJobId scheduler_job_id; ///< empty before the scheduler has answered
  int restart_count = 0;
  std::string node; ///< empty before it starts
  AttemptState state = AttemptState::submitted;
  std::string reason; ///< in words: why it waits ("Resources"), or why it ended
  std::optional<EndReason> end_reason;
  std::optional<TimePoint> submitted_at;
  std::optional<TimePoint> started_at;
  std::optional<TimePoint> ended_at;
  std::optional<TimePoint> walltime_ends_at;
  std::optional<GenerationRef> started_from; ///< nothing: from the beginning
  std::optional<EngineKind> engine;
  std::string engine_version;
  std::optional<int> exit_code; ///< of the program; at most one of the two
  std::optional<int> signal;
  Duration lost{0}; ///< `lost_seconds`: of its run, the end that no later state holds
  bool operator==(const AttemptView&) const = default;
};

/// Where the job's time went, over all attempts.
struct AccountingView {
  Duration run{0};  ///< `run_seconds`: the program was there
  Duration lost{0}; ///< `lost_seconds`: of that, what no later state holds (the attempts' sum)
  Duration checkpoint{0}; ///< `checkpoint_seconds`: of that, standing still for checkpoints
  Duration queue{0};      ///< `queue_seconds`: waiting for an allocation
  bool operator==(const AccountingView&) const = default;
};

/// What will or may break a restart.
struct WarningView {
  std::string code; ///< stable word: "outside_sockets", "gpu", "uncovered_files"
  std::string message;
  std::string advice; ///< what to do about it; may be empty
  std::optional<TimePoint> first_seen;
  bool operator==(const WarningView&) const = default;
};

/// Which task of a job array a job is.
struct ArrayTaskView {
  JobId id; ///< of the array: the job of its first task
  std::int64_t index = 0;
  bool operator==(const ArrayTaskView&) const = default;
};

struct JobView {
  JobId id;
  std::string name;
  std::optional<ArrayTaskView> array; ///< nothing: of none
  JobState state = JobState::queued;
  std::string reason; ///< why it is in that state, when there is something to say
  SchedulerKind scheduler = SchedulerKind::local;
  EngineWish engine_wish = EngineWish::automatic;
  std::optional<EngineKind> engine; ///< chosen; nothing before the first start
  TimePoint created_at{};
  std::optional<TimePoint> ended_at;
  std::optional<int> exit_code; ///< of the program; at most one of the two, only of a final state
  std::optional<int> signal;
  std::map<std::string, std::string> tags;
  Policy policy;
  std::vector<std::string> argv;
  std::string script_path; ///< of the kept copy of its batch script; empty: there is none
  std::string cwd;
  std::string stdout_path; ///< absolute, resolved; empty while it is not known yet
  std::string stderr_path; ///< may equal stdout_path
  std::optional<AttemptView> current_attempt; ///< the newest; of an ended job the last one
  int attempts_count = 0;
  int restarts_count = 0;
  int generations_count = 0;                       ///< sealed and still there
  std::optional<GenerationView> latest_generation; ///< newest good one of the current lineage
  std::optional<TimePoint> next_checkpoint_at;
  std::optional<Trigger> next_checkpoint_trigger;
  AccountingView accounting;
  std::vector<WarningView> warnings;
  bool operator==(const JobView&) const = default;
};

/// What an attempt's engine listens on (DMTCP only).
struct CoordinatorView {
  JobId job;
  AttemptId attempt;
  SchedulerJobId scheduler_job_id;
  EngineKind engine = EngineKind::dmtcp;
  std::string version;
  std::string host;
  int port = 0;
  std::int64_t pid = 0;
  std::string state; ///< "running", "gone", "unknown"
  std::optional<TimePoint> started_at;
  bool operator==(const CoordinatorView&) const = default;
};

/// A process of a running attempt.
struct ProcessView {
  std::int64_t pid = 0;
  std::int64_t ppid = 0;
  std::string name;
  std::string role;  ///< "program", "engine", "runner"
  std::string state; ///< "running", "sleeping", "stopped", … or the engine's own word
  std::string node;
  std::optional<std::uint64_t> resident_bytes;
  std::optional<Duration> cpu; ///< `cpu_seconds`
  bool operator==(const ProcessView&) const = default;
};

/// One line of the history: `ckpt events`. `seq` grows, with gaps, and is never used again.
struct EventView {
  std::int64_t seq = 0;
  TimePoint at{};
  std::string type; ///< stable word: "job_queued", "attempt_ended", "checkpoint_sealed"
  std::optional<JobId> job;
  std::optional<AttemptId> attempt;
  std::optional<GenerationId> generation;
  std::string message; ///< one sentence for people
  std::string by;      ///< "user", "daemon", "runner", "scheduler"; may be empty
  bool operator==(const EventView&) const = default;
};

struct DaemonView {
  std::string version;
  std::int64_t pid = 0;
  std::string host;
  std::int64_t uid = 0;
  std::string cluster;
  std::string state_dir;
  std::string config_path; ///< empty: none is there
  TimePoint started_at{};
  std::int64_t epoch = 0;
  bool operator==(const DaemonView&) const = default;
};

struct SchedulerView {
  SchedulerKind kind = SchedulerKind::local;
  std::string version;
  bool up = false;
  std::string detail;
  std::optional<TimePoint> asked_at; ///< last answer to the batched query
  bool operator==(const SchedulerView&) const = default;
};

struct EngineView {
  EngineKind engine = EngineKind::dmtcp;
  bool usable = false;
  std::string version;
  std::string detail; ///< where it is, or why it cannot be used (on the daemon's own host)
  bool operator==(const EngineView&) const = default;
};

struct StoreView {
  std::string path;
  std::string filesystem;
  std::uint64_t available_bytes = 0;
  std::uint64_t total_bytes = 0;
  bool operator==(const StoreView&) const = default;
};

/// Something is wrong that a person can do something about.
struct DegradedView {
  std::string code;
  std::string message;
  std::string advice;
  std::optional<TimePoint> since;
  bool operator==(const DegradedView&) const = default;
};

struct StatusView {
  std::string health; ///< "ok"; "degraded" as soon as there is a reason
  DaemonView daemon;
  SchedulerView scheduler;
  std::vector<EngineView> engines;
  StoreView store;
  std::map<std::string, std::int64_t> jobs; ///< number of jobs by state, zeros included
  std::int64_t last_event_seq = 0;
  std::vector<DegradedView> degraded;
  bool operator==(const StatusView&) const = default;
};

/// One page of a list. `next` is the cursor for `after`, nothing at the end.
template <class View> struct Page {
  std::vector<View> items;
  std::optional<std::string> next;
  bool operator==(const Page&) const = default;
};

// --- requests ---

/// POST /v1/jobs. On the wire the fields of spec.json without `id`, `created_at` and
/// `started_from`, and `policy`; only `argv` and `cwd` are required.
struct SubmitRequest {
  JobSpec spec; ///< `id`, `created_at` and `scheduler` are not set: the daemon gives them
  /// The text of a batch script: the daemon keeps a copy in the job's folder, and puts interpreter
  /// and copy in the place of `argv[0]`, which is what the script is called.
  std::optional<std::string> script;
  std::optional<SchedulerKind> scheduler; ///< nothing: the daemon's own
  Policy policy;
  std::string idempotency_key; ///< of every POST: the header `Idempotency-Key`; empty: none
  bool operator==(const SubmitRequest&) const = default;
};

/// POST /v1/arrays: what each task is, and which there are to be.
struct ArrayRequest {
  SubmitRequest job;
  std::string indexes; ///< as for sbatch: "1-200%10"
  bool operator==(const ArrayRequest&) const = default;
};

/// The answer: a job array, by its tasks.
struct ArrayView {
  JobId id;                               ///< of the first task's job
  std::map<std::string, std::string> tag; ///< that selects all of them
  std::vector<JobView> items;             ///< by index
  bool operator==(const ArrayView&) const = default;
};

struct JobFilter {
  std::vector<JobState> states;            ///< any of these; empty: all
  std::map<std::string, std::string> tags; ///< all of these
  std::optional<JobId> after;              ///< ascending by id; those behind this one
  int limit = 100;                         ///< 1 … 1000
  bool operator==(const JobFilter&) const = default;
};

struct CheckpointRequest {
  Duration wait{0};                  ///< until sealed; 0: return at once
  Trigger trigger = Trigger::manual; ///< or `program`: the program itself asks
  std::string idempotency_key{};
};

struct StopRequest {
  Duration wait{0}; ///< until parked (or over)
  std::string idempotency_key;
};

struct CancelRequest {
  Duration wait{0}; ///< until nothing of it is left
  std::string idempotency_key;
};

struct RestartRequest {
  std::optional<GenerationId> generation; ///< nothing: the newest good one
  std::vector<std::string> sbatch_args;   ///< behind those of the submit, so they win
  std::optional<Duration> time_limit;     ///< nothing: as before
  std::string policy_patch; ///< JSON object for patch_policy, its form is checked; empty: none
  std::string
      engine_path; ///< folders with engines, searched behind the job's PATH; empty: as before
  std::string idempotency_key;
};

/// POST …/fork: a new job that starts from a generation of this one.
struct ForkRequest {
  std::optional<GenerationId> generation; ///< nothing: the newest good one
  std::string name;                       ///< empty: the origin's, or one like it
  std::vector<std::string> sbatch_args;   ///< behind those of the origin
  std::optional<Duration> time_limit;     ///< nothing: the origin's
  std::string stdout_path;  ///< empty: the origin's pattern, if that gives another file
  std::string stderr_path;  ///< likewise
  std::string engine_path;  ///< folders with engines, searched behind those that the origin has
  bool share_files = false; ///< files that the origin's program writes may be cut back and written
  std::string policy_patch; ///< on top of the origin's policy
  std::string idempotency_key;
};

struct EventFilter {
  std::optional<std::int64_t> after; ///< nothing: only what comes from now on
  Duration wait{0};                  ///< until there is at least one
  std::optional<std::string> job;    ///< selector
  int limit = 100;                   ///< 1 … 1000
};

struct EventPage {
  std::vector<EventView> items;
  std::int64_t last_seq = 0; ///< `after` for the next call, also when `items` is empty
  bool operator==(const EventPage&) const = default;
};

enum class OutputStream { stdout_text, stderr_text, runner, coordinator };

struct OutputRequest {
  OutputStream stream = OutputStream::stdout_text;
  std::optional<AttemptId> attempt; ///< of runner and coordinator log; nothing: the newest
  std::uint64_t offset = 0;
  std::size_t limit = std::size_t{1} << 20U; ///< at most this many bytes
};

struct OutputChunk {
  std::string data;
  std::uint64_t offset = 0; ///< of data[0]; smaller than asked for when the file was cut back
  std::uint64_t size = 0;   ///< of the file now; 0 when there is none yet
  bool complete = false;    ///< the job is over (or parked) and this reaches the end
};

} // namespace ckpt::api

namespace ckpt {
/// `stdout` is a macro of C, so the words are written out.
template <> struct Words<api::OutputStream> {
  using enum api::OutputStream;
  static constexpr std::array kAll{stdout_text, stderr_text, runner, coordinator};
  static constexpr std::string_view kNames = "stdout, stderr, runner, coordinator";
};
} // namespace ckpt
