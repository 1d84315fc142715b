#include "core/domain/allocation.hpp"

#include <doctest/doctest.h>

using namespace ckpt;

TEST_CASE("Slurm's states in ours") {
  using enum AllocationState;
  struct Case {
    const char* state;
    const char* reason;
    AllocationState expected;
  };
  const Case cases[] = {
      {"PENDING", "Resources", pending},
      {"PENDING", "BeginTime", pending},
      {"PENDING", "Dependency", pending},
      {"PENDING", "JobHeldUser", held},
      {"PENDING", "JobHeldAdmin", held},
      {"PENDING", "(launch failed requeued held)", held},
      {"PENDING", "launch failed requeued held", held},
      {"PD", "(JobHeldUser)", held},
      {"PD", "(Priority)", pending},
      {"RUNNING", "None", running},
      {"RUNNING", "JobHeldUser", running}, // a stale reason holds nothing that runs
      {"R", "", running},
      {"S", "", suspended},
      {"STOPPED", "", suspended},
      {"ST", "", suspended},
      {"CF", "", configuring},
      {"CONFIGURING", "", configuring},
      {"COMPLETING", "TimeLimit", completing},
      {"CG", "", completing},
      {"CD", "", completed},
      {"COMPLETED", "", completed},
      {"F", "NonZeroExitCode", failed},
      {"FAILED", "", failed},
      {"TO", "", timeout},
      {"TIMEOUT", "TimeLimit", timeout},
      {"CA", "", cancelled},
      {"CANCELLED", "", cancelled},
      {"CANCELLED by 0", "", cancelled},
      {"CANCELLED by 1000", "", cancelled},
      {"CANCELLED+", "", cancelled},
      {"PR", "", preempted},
      {"PREEMPTED", "", preempted},
      {"NF", "", node_fail},
      {"NODE_FAIL", "", node_fail},
      {"BF", "", boot_fail},
      {"OOM", "", out_of_memory},
      {"OUT_OF_MEMORY", "", out_of_memory},
      {"OUT_OF_ME+", "", out_of_memory},
      {"DL", "", deadline},
      {"RV", "", revoked},
      {"RQ", "", completing},
      {"REQUEUE_HOLD", "", held},
      {"SE", "", held},
      {"RS", "", running},
      {"SI", "", running},
      {"SO", "", completing},
      {"CANCELLED,COMPLETING", "", completing},
      {"COMPLETED|COMPLETING", "", completing},
      {"RUNNING, RESIZING", "", running},
      {"PENDING,POWERING_UP_NODE", "JobHeldUser", held},
  };
  for (const Case& c : cases) {
    CAPTURE(c.state);
    CAPTURE(c.reason);
    CHECK(word(allocation_state_from_slurm(c.state, c.reason)) == word(c.expected));
  }
}

TEST_CASE("a word that is not known stays unknown") {
  for (const char* state : {"", " ", "FROZEN", "XX", "running", "COMP+", "RE+", "+", ",", "R0"}) {
    CAPTURE(state);
    CHECK(allocation_state_from_slurm(state, "None") == AllocationState::unknown);
  }
  CHECK_FALSE(is_over(AllocationState::unknown));
}

TEST_CASE("over is what cannot run again under this restart count") {
  using enum AllocationState;
  for (const AllocationState state : Words<AllocationState>::kAll) {
    CAPTURE(word(state));
    const bool alive = state == pending || state == held || state == configuring ||
                       state == running || state == suspended || state == completing ||
                       state == unknown;
    CHECK(is_over(state) != alive);
  }
}

TEST_CASE("why TERM came, asked while the attempt ends") {
  // As recorded from 22.05: state and reason are the same for most of them.
  Allocation seen;
  seen.state = AllocationState::running;
  CHECK_FALSE(term_cause(seen, 0));
  seen.state = AllocationState::completing;
  CHECK(term_cause(seen, 0) == EndReason::interrupted); // scancel
  seen.reason = "TimeLimit";
  CHECK(term_cause(seen, 0) == EndReason::walltime);
  seen.reason.clear();
  seen.restart_count = 1;
  CHECK(term_cause(seen, 0) == EndReason::requeued);
  CHECK(term_cause(seen, 1) == EndReason::interrupted);
  seen.preempt_at = TimePoint{};
  CHECK(term_cause(seen, 0) == EndReason::preempted);
  CHECK(term_cause(seen, 1) == EndReason::preempted); // to be cancelled, or at the end of a grace
  seen = {};
  seen.state = AllocationState::cancelled;
  CHECK(term_cause(seen, 0) == EndReason::cancelled);
  seen.state = AllocationState::pending;
  CHECK_FALSE(term_cause(seen, 0));
  seen.state = AllocationState::failed; // "JobLaunchFailure", of one whose batch process lives
  CHECK(term_cause(seen, 0) == EndReason::interrupted);
  seen.state = AllocationState::completed;
  CHECK(term_cause(seen, 0) == EndReason::interrupted);
}

TEST_CASE("why an attempt ended, as far as the scheduler knows") {
  const auto reason = [](AllocationState state, std::optional<int> exit_code = {}) {
    Allocation allocation;
    allocation.state = state;
    allocation.exit_code = exit_code;
    return end_reason_from_allocation(allocation);
  };
  CHECK(reason(AllocationState::completed, 0) == EndReason::completed);
  CHECK(reason(AllocationState::failed, 7) == EndReason::failed);
  CHECK(reason(AllocationState::failed, 85) == EndReason::unknown); // our own: the journal knows
  CHECK(reason(AllocationState::timeout) == EndReason::walltime);
  CHECK(reason(AllocationState::cancelled) == EndReason::cancelled);
  CHECK(reason(AllocationState::preempted) == EndReason::preempted);
  CHECK(reason(AllocationState::node_fail) == EndReason::node_fail);
  CHECK(reason(AllocationState::boot_fail) == EndReason::launch_failed);
  CHECK(reason(AllocationState::out_of_memory) == EndReason::out_of_memory);
  CHECK(reason(AllocationState::running) == EndReason::unknown);
  CHECK(reason(AllocationState::unknown) == EndReason::unknown);
  Allocation held;
  held.state = AllocationState::held;
  held.reason = "(launch failed requeued held)";
  CHECK(end_reason_from_allocation(held) == EndReason::launch_failed);
  held.reason = "JobHeldUser";
  CHECK(end_reason_from_allocation(held) == EndReason::unknown);
}
