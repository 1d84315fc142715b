#pragma once

#include "core/domain/ids.hpp"
#include "core/domain/time.hpp"
#include "core/domain/words.hpp"

#include <optional>
#include <string>

namespace ckpt {

/// What a scheduler says of an allocation, in our words. Slurm has more and newer ones: what we do
/// not know is `unknown`, with the raw word beside it.
enum class AllocationState {
  pending,
  held, ///< pending by a hold of user or administrator, or "launch failed requeued held"
  configuring,
  running,
  suspended,
  completing,
  completed,
  failed,
  timeout,
  cancelled,
  preempted,
  node_fail,
  boot_fail,
  out_of_memory,
  deadline,
  revoked,
  unknown,
};
CKPT_WORDS(AllocationState,
           pending,
           held,
           configuring,
           running,
           suspended,
           completing,
           completed,
           failed,
           timeout,
           cancelled,
           preempted,
           node_fail,
           boot_fail,
           out_of_memory,
           deadline,
           revoked,
           unknown);

/// One allocation as a scheduler shows it. Times are the scheduler's host's.
struct Allocation {
  SchedulerJobId id;
  int restart_count = 0;
  AllocationState state = AllocationState::unknown;
  std::string raw_state; ///< "RUNNING", as the scheduler spelled it
  std::string reason;    ///< "BeginTime", "TimeLimit", "(launch failed requeued held)"
  std::string node;      ///< of the batch script; empty before it starts
  std::string name;
  std::string comment; ///< holds the token of our submissions, after whatever the user put there
  std::string partition;
  std::string dependency; ///< of one that waits for others: "afterok:101(unfulfilled)"
  std::optional<TimePoint> started_at;
  std::optional<TimePoint> ends_at;    ///< soft: start + limit; nothing when there is no limit
  std::optional<TimePoint> preempt_at; ///< the only sign of a preemption with grace time
  std::optional<TimePoint> eligible_at;
  std::optional<Duration> time_limit;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::optional<bool> requeue_allowed;
  /// Nothing is known of it but that others of its array are shown and it is not (cancelled): a task
  /// that has never begun was cancelled then, and one that has is over and forgotten.
  bool left_array = false;
};

/// Over: no process of it runs any more, and none will under this restart count.
bool is_over(AllocationState state);

/// It waits because it is held, or runs and would wait after a requeue.
bool is_held(const Allocation& allocation);

/// The reason of a hold that Slurm itself has put on a job whose launch failed.
bool is_launch_failure(std::string_view reason);

/// Slurm's word ("COMPLETING", "CANCELLED by 0", "CG", "OUT_OF_MEMORY+") and reason in ours;
/// `unknown` for what is not on our list.
AllocationState allocation_state_from_slurm(std::string_view state, std::string_view reason);

/// Why an attempt ended, as far as the scheduler alone tells (the journal knows better when the
/// runner lived to write it).
EndReason end_reason_from_allocation(const Allocation& allocation);

/// Why an attempt was sent TERM, asked while it still ends (Slurm then says COMPLETING, whatever it
/// will be called); nothing: the scheduler does not tell, or does not know of any end.
/// `restart_count` is the attempt's own.
std::optional<EndReason> term_cause(const Allocation& allocation, int restart_count);

} // namespace ckpt
