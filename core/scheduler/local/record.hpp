#pragma once

#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/scheduler/scheduler.hpp"

#include <optional>
#include <string>
#include <vector>

// What is written down of an allocation on this machine: a folder `<state>/local/local-N/` with one
// file a writer, each replaced atomically.
//   submission.json  what was asked for; never changed
//   process.json     the process that was started for it: first without a pid (the intent)
//   restarts.json    the runner's own count of its restarts
//   cancelled.json   someone cancelled it, and when
//   end.json         its process was seen to have ended, under this restart count

namespace ckpt::scheduler::local {

struct ProcessRecord {
  int restart_count = 0;
  pid_t pid = 0; ///< 0: about to be started
  std::uint64_t start_ticks = 0;
  std::string boot_id;
  TimePoint started_at{};
  pid_t parent = 0; ///< who started it and has to reap it
  std::uint64_t parent_ticks = 0;
};

struct RestartRecord {
  int restart_count = 0;
  TimePoint started_at{};
};

struct EndRecord {
  int restart_count = 0;
  TimePoint ended_at{};
  std::optional<ExitStatus> status; ///< nothing: whoever could have told is gone
  bool never_started = false;
  bool rebooted = false;
};

/// Everything on disk of one allocation. `submission.env` holds what its script was started with.
struct Record {
  SchedulerJobId id;
  Submission submission;
  TimePoint submitted_at{};
  std::optional<ProcessRecord> process;
  std::optional<RestartRecord> restart;
  std::optional<TimePoint> cancelled_at;
  bool held = false; ///< it does not start itself anew
  std::optional<EndRecord> end;

  int restart_count() const;    ///< the newest one
  TimePoint started_at() const; ///< of that one
  bool ended() const { return end && end->restart_count >= restart_count(); }
};

/// The folders of a state directory. Any thread; writes are durable when they return. Errors are
/// those of core/base/files, and `bad_record`.
class Records {
public:
  explicit Records(const Path& state_dir) : root_(state_dir / "local") {}

  /// Takes the next number and writes the submission.
  Result<SchedulerJobId> create(const Submission& submission, TimePoint now);
  /// Error `no_such_allocation`.
  Result<Record> read(const SchedulerJobId& id) const;
  std::vector<SchedulerJobId> list() const; ///< by number
  Path folder(const SchedulerJobId& id) const { return root_ / id.value; }

  Status write(const SchedulerJobId& id, const ProcessRecord& process);
  Status write(const SchedulerJobId& id, const RestartRecord& restart);
  Status write(const SchedulerJobId& id, const EndRecord& end);
  Status write_cancelled(const SchedulerJobId& id, TimePoint now);
  Status write_held(const SchedulerJobId& id, bool held);
  Status remove(const SchedulerJobId& id);

private:
  Path root_;
};

/// The number of "local-17", or nothing.
std::optional<std::int64_t> local_number(const std::string& id);

} // namespace ckpt::scheduler::local
