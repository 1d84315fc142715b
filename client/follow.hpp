#pragma once

#include "client/output.hpp"
#include "client/session.hpp"

#include <atomic>
#include <functional>
#include <optional>

// Waiting for jobs and reading their output while they run. A daemon that is restarted meanwhile is
// found again.

namespace ckpt::client {

inline constexpr int kParkedStatus = 85;

bool is_settled(JobState state); ///< ended or parked: nothing happens by itself any more

/// What `wait` and `run` tell of a settled job.
JobResult result_of(const api::JobView& job);

/// Asks again until `done` says so. `timed_out` (class timed_out) at the deadline.
Result<api::JobView> wait_for_job(Session& session,
                                  const std::string& selector,
                                  std::optional<MonoTime> deadline,
                                  const std::function<bool(const api::JobView&)>& done);

/// Until the scheduler has given it a number (right after a submit), or it is settled. `timed_out`
/// after `patience`.
Result<api::JobView> wait_for_number(Session& session, const api::JobView& job, Duration patience);

/// The job's warnings, a line each.
void say_warnings(Session& session, const api::JobView& job);

/// The exit status of a `--wait`: the program's, once the job is settled.
int wait_for_end(Session& session, const api::JobView& job);

/// Copies a stream of a job to `out`, and with `follow` goes on until the job is settled.
/// `each_turn` (may be empty) is called several times a second, with how many bytes there were.
Result<std::uint64_t> copy_output(Session& session,
                                  const std::string& selector,
                                  api::OutputRequest request,
                                  bool follow,
                                  std::FILE* out,
                                  const std::function<Status(std::uint64_t)>& each_turn);

/// Counts Ctrl-C from now on, instead of being ended by it.
const std::atomic<int>& count_interrupts();

} // namespace ckpt::client
