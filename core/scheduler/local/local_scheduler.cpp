// Invariants: the intent is on disk before a process exists, its pid soon after, and in between it
// is found by its environment; a process is signalled only while it is the one that was meant; an
// exit status is on disk before its zombie is reaped; nobody else's children are waited for.
#include "core/scheduler/local/local_scheduler.hpp"

#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace ckpt::scheduler::local {
namespace {

constexpr Duration kStartGrace = seconds{10}; ///< for a starter that may be between its two writes
constexpr Duration kRemembered = hours{7 * 24}; ///< ended ones are forgotten then

std::string record_entry(const Path& folder) {
  return std::string(kRecordVariable) + "=" + folder.string();
}

std::uint64_t start_ticks_of(pid_t pid) {
  return process_info(pid).value_or(ProcessInfo{}).start_ticks;
}

bool same_process(const ProcessRecord& meant, const ProcessInfo& found) {
  return found.start_ticks == meant.start_ticks;
}

std::optional<ProcessInfo> live_process(const ProcessRecord& process) {
  const auto info = process_info(process.pid);
  if (!info || !same_process(process, *info) || info->state == 'Z' || info->state == 'X') {
    return std::nullopt;
  }
  return info;
}

void signal_all(const std::vector<ProcessInfo>& processes, int signal) {
  for (const ProcessInfo& process : processes) {
    signal_process(process, signal);
  }
}

AllocationState end_state(const Record& record, const EndRecord& end) {
  if (record.cancelled_at) {
    return AllocationState::cancelled;
  }
  if (end.rebooted) {
    return AllocationState::node_fail;
  }
  if (end.never_started || (end.status && !end.status->success())) {
    return AllocationState::failed;
  }
  return AllocationState::completed;
}

std::string end_reason(const Record& record, const EndRecord& end) {
  if (record.cancelled_at) {
    return "Cancelled";
  }
  if (end.rebooted) {
    return "Reboot";
  }
  if (end.never_started) {
    return "NeverStarted";
  }
  if (!end.status) {
    return "ExitStatusUnknown";
  }
  return end.status->success() ? std::string{} : "NonZeroExitCode";
}

Allocation describe(const Record& record) {
  Allocation allocation;
  allocation.id = record.id;
  allocation.restart_count = record.restart_count();
  allocation.name = record.submission.name;
  allocation.comment = comment_with_token("", record.submission.token);
  allocation.node = host_name();
  allocation.time_limit = record.submission.time_limit;
  allocation.requeue_allowed = true;
  allocation.started_at = record.started_at();
  if (record.ended()) {
    const EndRecord& end = *record.end;
    allocation.state = end_state(record, end);
    allocation.reason = end_reason(record, end);
    allocation.ends_at = end.ended_at;
    if (end.status) {
      allocation.exit_code = end.status->code;
      allocation.signal = end.status->signal;
    }
  } else {
    allocation.state = record.cancelled_at ? AllocationState::completing : AllocationState::running;
    allocation.reason = record.held ? "JobHeldUser" : "";
    if (record.submission.time_limit) {
      allocation.ends_at = *allocation.started_at + *record.submission.time_limit;
    }
  }
  allocation.raw_state = word(allocation.state);
  return allocation;
}

} // namespace

LocalScheduler::LocalScheduler(const SchedulerConfig& config, Clock& clock)
    : state_dir_(std::filesystem::absolute(config.state_dir)), kill_wait_(config.local_kill_wait),
      clock_(clock), records_(state_dir_), boot_id_(boot_id()) {}

Result<SchedulerJobId> LocalScheduler::submit(const Submission& submission) {
  if (submission.tasks) {
    return fail(ErrorClass::usage, "array_needs_slurm", "there are no job arrays on this machine");
  }
  const auto id = records_.create(submission, clock_.now());
  if (!id) {
    return id;
  }
  if (auto started = start(*id, submission, 0); !started) {
    // Nothing ran under this number and nobody was told it.
    if (auto removed = records_.remove(*id); !removed) {
      log::warning(removed.error().message);
    }
    return tl::unexpected<Error>(started.error());
  }
  return id;
}

Status
LocalScheduler::start(const SchedulerJobId& id, const Submission& submission, int restart_count) {
  ProcessRecord process;
  process.restart_count = restart_count;
  process.boot_id = boot_id_;
  process.started_at = clock_.now();
  process.parent = ::getpid();
  process.parent_ticks = start_ticks_of(process.parent);
  if (auto intent = records_.write(id, process); !intent) {
    return intent;
  }
  kill_point("local.intent");
  SpawnOptions options;
  options.argv = {submission.script.string()};
  options.env = submission.env;
  options.env["CKPT_LOCAL_JOB_ID"] = id.value;
  options.env["CKPT_LOCAL_RESTART_COUNT"] = std::to_string(restart_count);
  options.env["CKPT_LOCAL_STATE"] = state_dir_.string();
  options.env[kRecordVariable] = records_.folder(id).string();
  options.cwd = submission.cwd;
  options.stdout_path = submission.output_path;
  options.new_session = true;
  const auto pid = spawn(options);
  if (!pid) {
    EndRecord end;
    end.restart_count = restart_count;
    end.ended_at = clock_.now();
    end.never_started = true;
    if (auto written = records_.write(id, end); !written) {
      log::warning(written.error().message);
    }
    return tl::unexpected<Error>(pid.error());
  }
  kill_point("local.spawned");
  process.pid = *pid;
  // A child of ours keeps its /proc entry until we reap it, so this cannot miss.
  process.start_ticks = start_ticks_of(*pid);
  if (auto written = records_.write(id, process); !written) {
    // It runs, and is found by its environment: not a failure of the submission.
    log::warning(written.error().message);
  }
  return {};
}

void LocalScheduler::find_process(Record& record) {
  auto found = processes_with_environment(record_entry(records_.folder(record.id)));
  if (found.empty()) {
    return;
  }
  const auto eldest =
      std::min_element(found.begin(), found.end(), [](const ProcessInfo& a, const ProcessInfo& b) {
        return a.start_ticks < b.start_ticks || (a.start_ticks == b.start_ticks && a.pid < b.pid);
      });
  record.process->pid = eldest->pid;
  record.process->start_ticks = eldest->start_ticks;
  if (auto written = records_.write(record.id, *record.process); !written) {
    log::warning(written.error().message);
  }
}

std::optional<EndRecord> LocalScheduler::end_of(const Record& record) {
  EndRecord end;
  end.restart_count = record.restart_count();
  end.ended_at = clock_.now();
  if (!record.process || record.process->pid == 0) {
    if (end.ended_at < record.started_at() + kStartGrace) {
      return std::nullopt;
    }
    end.never_started = true;
    return end;
  }
  const ProcessRecord& process = *record.process;
  if (process.boot_id != boot_id_) {
    end.rebooted = true;
    return end;
  }
  if (live_process(process)) {
    return std::nullopt;
  }
  // Ours as long as we have not reaped it: the pid cannot have become somebody else's.
  if (process.parent == ::getpid() && process.parent_ticks == start_ticks_of(process.parent)) {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(process.pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == process.pid) {
      end.status.emplace();
      (info.si_code == CLD_EXITED ? end.status->code : end.status->signal) = info.si_status;
    }
  }
  return end;
}

void LocalScheduler::kill_cancelled(const Record& record) {
  if (!record.cancelled_at || clock_.now() < *record.cancelled_at + kill_wait_) {
    return;
  }
  if (record.process && live_process(*record.process)) {
    signal_all(process_tree(record.process->pid), SIGKILL);
  }
}

Result<Allocation> LocalScheduler::observe(const SchedulerJobId& id) {
  auto record = records_.read(id);
  if (!record) {
    return tl::unexpected<Error>(record.error());
  }
  if (record->ended()) {
    return describe(*record);
  }
  if (record->process && record->process->pid == 0 && record->process->boot_id == boot_id_) {
    find_process(*record);
  }
  kill_cancelled(*record);
  if (auto end = end_of(*record)) {
    // The runner may have counted a restart while we looked: then this was not the end.
    if (const auto again = records_.read(id);
        again && again->restart_count() > end->restart_count) {
      end->restart_count = again->restart_count();
      record->restart = again->restart;
    }
    if (auto written = records_.write(id, *end); !written) {
      return tl::unexpected<Error>(written.error());
    }
    kill_point("local.end_written");
    if (end->status) {
      siginfo_t info{};
      ::waitid(P_PID, static_cast<id_t>(record->process->pid), &info, WEXITED | WNOHANG);
    }
    record->end = std::move(end);
  }
  return describe(*record);
}

Result<std::vector<Allocation>> LocalScheduler::snapshot() {
  std::vector<Allocation> allocations;
  const auto ids = records_.list();
  for (const SchedulerJobId& id : ids) {
    auto allocation = observe(id);
    if (!allocation) {
      if (allocation.error().code != "no_such_allocation") {
        return tl::unexpected<Error>(allocation.error());
      }
      continue;
    }
    // The last number stays, so that it is not given again.
    if (is_over(allocation->state) && id != ids.back() &&
        *allocation->ends_at + kRemembered < clock_.now()) {
      if (auto removed = records_.remove(id); !removed) {
        log::warning(removed.error().message);
      }
      continue;
    }
    allocations.push_back(std::move(*allocation));
  }
  return allocations;
}

Result<std::vector<Allocation>> LocalScheduler::look_up(const std::vector<SchedulerJobId>& ids) {
  std::vector<Allocation> allocations;
  for (const SchedulerJobId& id : ids) {
    auto allocation = observe(id);
    if (allocation) {
      allocations.push_back(std::move(*allocation));
    } else if (allocation.error().code != "no_such_allocation") {
      return tl::unexpected<Error>(allocation.error());
    }
  }
  return allocations;
}

Status LocalScheduler::cancel(const SchedulerJobId& id) {
  const auto seen = observe(id);
  if (!seen) {
    return seen.error().code == "no_such_allocation" ? Status{}
                                                     : tl::unexpected<Error>(seen.error());
  }
  if (is_over(seen->state)) {
    return {};
  }
  if (auto written = records_.write_cancelled(id, clock_.now()); !written) {
    return written;
  }
  kill_point("local.cancel_written");
  const auto record = records_.read(id);
  if (record && record->process && live_process(*record->process)) {
    const auto processes = process_tree(record->process->pid);
    signal_all(processes, SIGCONT);
    signal_all(processes, SIGTERM);
  }
  return {};
}

Status LocalScheduler::requeue(const SchedulerJobId& id) {
  if (auto seen = observe(id); !seen) {
    return tl::unexpected<Error>(seen.error());
  }
  const auto record = records_.read(id);
  if (!record) {
    return tl::unexpected<Error>(record.error());
  }
  if (!record->ended() || record->cancelled_at) {
    return fail(ErrorClass::conflict,
                "allocation_state",
                id.value + (record->cancelled_at ? " was cancelled" : " still runs"));
  }
  return start(id, record->submission, record->restart_count() + 1);
}

Status LocalScheduler::start_now(const SchedulerJobId& id) {
  return records_.read(id).map([](const Record&) {});
}

Status LocalScheduler::release(const SchedulerJobId& id) {
  return records_.read(id).and_then([&](const Record&) { return records_.write_held(id, false); });
}

Status LocalScheduler::hold(const SchedulerJobId& id) {
  return records_.read(id).and_then([&](const Record&) { return records_.write_held(id, true); });
}

Status LocalScheduler::exclude_node(const SchedulerJobId& id, const std::string& node) {
  return fail(ErrorClass::conflict,
              "not_supported",
              "cannot exclude " + node + " for " + id.value + ": there is only this machine");
}

Status LocalScheduler::ring(const SchedulerJobId& id) {
  const auto record = records_.read(id);
  if (!record) {
    return tl::unexpected<Error>(record.error());
  }
  const auto info = record->process ? live_process(*record->process) : std::nullopt;
  if (!info || !signal_process(*info, SIGURG)) {
    return fail(ErrorClass::not_found, "no_such_allocation", id.value + " does not run");
  }
  return {};
}

} // namespace ckpt::scheduler::local

namespace ckpt::scheduler {

Status local_requeued(const Path& state_dir, const SchedulerJobId& id, int restart_count) {
  local::Records records(state_dir);
  const auto record = records.read(id);
  if (!record) {
    return tl::unexpected<Error>(record.error());
  }
  if (record->held) {
    return fail(ErrorClass::conflict, "held", "it is held: it goes on when it is released");
  }
  return records.write(id, local::RestartRecord{restart_count, system_clock().now()});
}

} // namespace ckpt::scheduler
