#pragma once

#include "core/domain/decide.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <vector>

// Situations are written as changes to a job whose first allocation runs and whose runner lives.

namespace ckpt::test {

using Sight = AllocationFacts::Sight;

inline const MonoTime kNow{hours{10}};
inline const DecideLimits kLimits;

/// A job whose first allocation runs and whose runner lives.
inline JobFacts running() {
  JobFacts facts;
  facts.state = JobState::running;
  facts.submission = SubmissionFacts{SubmissionToken{"t"},
                                     SubmissionFacts::State::submitted,
                                     SchedulerJobId{"12"},
                                     std::nullopt,
                                     ""};
  facts.allocation.sight = Sight::present;
  facts.allocation.answered_at = kNow;
  Allocation allocation;
  allocation.id = SchedulerJobId{"12"};
  allocation.state = AllocationState::running;
  facts.allocation.allocation = allocation;
  AttemptFacts attempt;
  attempt.id = AttemptId{1};
  attempt.token = SubmissionToken{"t"};
  attempt.program_ran = true;
  facts.attempt = attempt;
  return facts;
}

struct Row {
  const char* what;
  std::function<void(JobFacts&)> change;
  std::vector<ActionKind> kinds;
  std::optional<JobEventType> event = {};
};

inline void set_state(JobFacts& f, AllocationState state, int restart_count = 0) {
  f.allocation.allocation->state = state;
  f.allocation.allocation->restart_count = restart_count;
}

/// decide() at one situation does what its row says.
inline void check_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.what);
    JobFacts facts = running();
    row.change(facts);
    const auto actions = decide(facts, kNow, kLimits);
    std::vector<ActionKind> kinds;
    for (const Action& action : actions) {
      kinds.push_back(action.kind);
      CHECK_FALSE(action.reason.empty());
    }
    CHECK(kinds == row.kinds);
    CHECK(actions.back().event == row.event);
  }
}

} // namespace ckpt::test
