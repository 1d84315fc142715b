#include "core/domain/allocation.hpp"

#include <array>

// Slurm's words and short forms of 22.05 and later. What is not here stays unknown: it is neither
// success nor failure.

namespace ckpt {
namespace {

struct SlurmWord {
  std::string_view name;
  std::string_view brief;
  AllocationState state;
};

constexpr std::array kSlurmWords{
    SlurmWord{"PENDING", "PD", AllocationState::pending},
    SlurmWord{"RUNNING", "R", AllocationState::running},
    SlurmWord{"SUSPENDED", "S", AllocationState::suspended},
    SlurmWord{"COMPLETED", "CD", AllocationState::completed},
    SlurmWord{"CANCELLED", "CA", AllocationState::cancelled},
    SlurmWord{"FAILED", "F", AllocationState::failed},
    SlurmWord{"TIMEOUT", "TO", AllocationState::timeout},
    SlurmWord{"NODE_FAIL", "NF", AllocationState::node_fail},
    SlurmWord{"PREEMPTED", "PR", AllocationState::preempted},
    SlurmWord{"BOOT_FAIL", "BF", AllocationState::boot_fail},
    SlurmWord{"DEADLINE", "DL", AllocationState::deadline},
    SlurmWord{"OUT_OF_MEMORY", "OOM", AllocationState::out_of_memory},
    SlurmWord{"COMPLETING", "CG", AllocationState::completing},
    SlurmWord{"CONFIGURING", "CF", AllocationState::configuring},
    SlurmWord{"RESIZING", "RS", AllocationState::running},
    SlurmWord{"SIGNALING", "SI", AllocationState::running},
    SlurmWord{"STAGE_OUT", "SO", AllocationState::completing},
    SlurmWord{
        "STOPPED", "ST", AllocationState::suspended}, // keeps its processors, unlike SUSPENDED
    SlurmWord{"REQUEUED", "RQ", AllocationState::completing}, // still ending, then pending again
    SlurmWord{"REQUEUE_FED", "RF", AllocationState::pending},
    SlurmWord{"REQUEUE_HOLD", "RH", AllocationState::held},
    SlurmWord{"SPECIAL_EXIT", "SE", AllocationState::held},
    SlurmWord{"RESV_DEL_HOLD", "RD", AllocationState::held},
    SlurmWord{"REVOKED", "RV", AllocationState::revoked},
};

std::string_view trimmed(std::string_view text) {
  const auto is_margin = [](char c) { return c == ' ' || c == '(' || c == ')'; };
  while (!text.empty() && is_margin(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_margin(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

/// `cut`: the word was shortened to a column's width, "OUT_OF_ME+"; it must then fit one word only.
AllocationState one_word(std::string_view text, bool cut) {
  std::optional<AllocationState> found;
  for (const SlurmWord& candidate : kSlurmWords) {
    if (text == candidate.name || text == candidate.brief) {
      return candidate.state;
    }
    if (cut && !text.empty() && candidate.name.substr(0, text.size()) == text) {
      if (found && *found != candidate.state) {
        return AllocationState::unknown;
      }
      found = candidate.state;
    }
  }
  return found.value_or(AllocationState::unknown);
}

bool is_hold(std::string_view reason) {
  constexpr std::array<std::string_view, 6> kHolds{"JobHeldUser",
                                                   "JobHeldAdmin",
                                                   "JobHoldMaxRequeue",
                                                   "launch failed requeued held",
                                                   "launch_failed_requeued_held",
                                                   "job requeued in held state"};
  for (const std::string_view hold : kHolds) {
    if (reason == hold) {
      return true;
    }
  }
  return false;
}

} // namespace

bool is_held(const Allocation& allocation) {
  return allocation.state == AllocationState::held ||
         (allocation.state == AllocationState::running && is_hold(allocation.reason));
}

bool is_launch_failure(std::string_view reason) {
  return reason.find("launch failed") != std::string_view::npos ||
         reason.find("launch_failed") != std::string_view::npos;
}

bool is_over(AllocationState state) {
  switch (state) {
  case AllocationState::completed:
  case AllocationState::failed:
  case AllocationState::timeout:
  case AllocationState::cancelled:
  case AllocationState::preempted:
  case AllocationState::node_fail:
  case AllocationState::boot_fail:
  case AllocationState::out_of_memory:
  case AllocationState::deadline:
  case AllocationState::revoked:
    return true;
  case AllocationState::pending:
  case AllocationState::held:
  case AllocationState::configuring:
  case AllocationState::running:
  case AllocationState::suspended:
  case AllocationState::completing:
  case AllocationState::unknown:
    return false;
  }
  return false;
}

AllocationState allocation_state_from_slurm(std::string_view state, std::string_view reason) {
  // "CANCELLED by 0" names who did it; flags follow the base state: "CANCELLED,COMPLETING".
  state = trimmed(state.substr(0, state.find(" by ")));
  std::optional<AllocationState> base;
  bool completing = false;
  while (!state.empty()) {
    const std::size_t end = state.find_first_of(",|+ ");
    const bool cut = end != std::string_view::npos && state[end] == '+' && end + 1 == state.size();
    const AllocationState found = one_word(state.substr(0, end), cut);
    base = base ? base : found;
    completing = completing || found == AllocationState::completing;
    state.remove_prefix(end == std::string_view::npos ? state.size() : end + 1);
    state = trimmed(state);
  }
  if (completing) {
    return AllocationState::completing; // processes of it may still run, whatever it will be called
  }
  if (base == AllocationState::pending && is_hold(trimmed(reason))) {
    return AllocationState::held;
  }
  return base.value_or(AllocationState::unknown);
}

std::optional<EndReason> term_cause(const Allocation& allocation, int restart_count) {
  if (allocation.restart_count > restart_count) { // counted at once, before the old run has ended
    return allocation.preempt_at ? EndReason::preempted : EndReason::requeued;
  }
  if (allocation.state == AllocationState::completing) {
    if (allocation.reason == "TimeLimit") {
      return EndReason::walltime;
    }
    // Otherwise a cancellation, most likely, but not for certain: nobody asks for a requeue then.
    return allocation.preempt_at ? EndReason::preempted : EndReason::interrupted;
  }
  const EndReason told = end_reason_from_allocation(allocation);
  // The batch process still lives, so its status is not what the scheduler speaks of: a controller
  // that has lost its memory says FAILED (JobLaunchFailure).
  if (told == EndReason::completed || told == EndReason::failed ||
      told == EndReason::launch_failed) {
    return EndReason::interrupted;
  }
  return told == EndReason::unknown ? std::nullopt : std::optional(told);
}

EndReason end_reason_from_allocation(const Allocation& allocation) {
  constexpr int kProgramNotEnded = 85; // what our runner returns when the job is to go on
  switch (allocation.state) {
  case AllocationState::completed:
    return EndReason::completed;
  case AllocationState::failed:
    return allocation.exit_code == kProgramNotEnded ? EndReason::unknown : EndReason::failed;
  case AllocationState::timeout:
  case AllocationState::deadline:
    return EndReason::walltime;
  case AllocationState::cancelled:
    return EndReason::cancelled;
  case AllocationState::preempted:
    return EndReason::preempted;
  case AllocationState::node_fail:
    return EndReason::node_fail;
  case AllocationState::boot_fail:
    return EndReason::launch_failed;
  case AllocationState::out_of_memory:
    return EndReason::out_of_memory;
  case AllocationState::revoked:
    return EndReason::requeued;
  case AllocationState::held:
    return allocation.reason.find("launch") != std::string::npos ? EndReason::launch_failed
                                                                 : EndReason::unknown;
  case AllocationState::pending:
  case AllocationState::configuring:
  case AllocationState::running:
  case AllocationState::suspended:
  case AllocationState::completing:
  case AllocationState::unknown:
    return EndReason::unknown;
  }
  return EndReason::unknown;
}

} // namespace ckpt
