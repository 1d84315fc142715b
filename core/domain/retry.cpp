#include "core/domain/retry.hpp"

#include <algorithm>

namespace ckpt {
namespace {

constexpr Duration kLongestDelay = minutes{10};
constexpr int kGrowth = 4;

/// As people write budgets: 200h, and not 8d8h.
std::string as_typed(Duration time) {
  const auto whole = std::chrono::duration_cast<hours>(time);
  const Duration rest = time - whole;
  return (whole.count() > 0 ? std::to_string(whole.count()) + "h" : "") +
         (rest.count() > 0 || whole.count() <= 0 ? format_duration(rest) : "");
}

} // namespace

Duration restart_delay(int broke_in_a_row, Duration first) {
  if (broke_in_a_row <= 0) {
    return Duration{0};
  }
  Duration delay = first;
  for (int i = 1; i < broke_in_a_row && delay < kLongestDelay; ++i) {
    delay *= kGrowth;
  }
  return std::min(delay, kLongestDelay);
}

std::optional<RunLimit> run_limit(const Policy& policy, Duration lineage_run, Duration total_run) {
  std::optional<RunLimit> limit;
  if (policy.stop_after) {
    limit = RunLimit{RunLimit::Kind::stop_after, *policy.stop_after - lineage_run};
  }
  // On a tie the budget: a restart needs a larger one, and that has to be said.
  if (policy.total_time && (!limit || *policy.total_time - total_run <= limit->left)) {
    limit = RunLimit{RunLimit::Kind::total_time, *policy.total_time - total_run};
  }
  return limit;
}

std::string words_of(RunLimit::Kind kind, const Policy& policy, const std::string& job) {
  if (kind == RunLimit::Kind::stop_after) {
    return "it has run for " + as_typed(policy.stop_after.value_or(Duration{0})) +
           ", as --stop-after asks; `ckpt restart " + job + "` goes on";
  }
  const Duration budget = policy.total_time.value_or(Duration{0});
  return "the time budget of " + as_typed(budget) + " is used up; `ckpt restart " + job +
         " --total-time " + as_typed(2 * budget) + "` goes on";
}

bool budget_used_up(const Policy& policy, Duration total_run) {
  return policy.total_time && total_run >= *policy.total_time;
}

} // namespace ckpt
