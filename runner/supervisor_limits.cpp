// What a job's own policy and its last attempts say against going on.
#include "core/domain/retry.hpp"
#include "runner/supervisor.hpp"

namespace ckpt::runner {

using Kind = store::AttemptEventKind;

Status Supervisor::may_try_again(std::int64_t floor) {
  if (const auto why = loop_guard(earlier_, floor)) {
    return fail(ErrorClass::refused,
                "loop_guard",
                *why,
                "look at `ckpt logs --runner`, then `ckpt restart`");
  }
  if (budget_used_up(policy_, total_run(earlier_))) {
    return fail(ErrorClass::refused,
                "time_budget",
                words_of(RunLimit::Kind::total_time, policy_, spec_.id.str()));
  }
  const auto at = next_try(earlier_, floor, context_.restart_delay, clock_.now());
  if (!at) {
    return {};
  }
  const MonoTime until = clock_.monotonic() + (*at - clock_.now());
  report({.kind = Kind::waiting,
          .reason = "attempt " + earlier_.back().id.str() + " broke at once (" +
                    std::string(word(*earlier_.back().end_reason)) + "): it is tried again at " +
                    format_rfc3339(*at)});
  while (clock_.monotonic() < until) {
    if (give_up_start_) {
      return fail(ErrorClass::failed, "interrupted", "ended while it waited for its next try");
    }
    clock_.sleep_for(milliseconds{200});
  }
  return {};
}

/// The checkpoint that `--stop-after` or `--total-time` asked for is sealed.
Supervisor::Ending Supervisor::ending_by_policy() const {
  const auto limit = run_limit(policy_, run_before_ + now(), facts_.total_before + now());
  return {EndReason::stopped,
          words_of(limit ? limit->kind : RunLimit::Kind::stop_after, policy_, spec_.id.str()),
          false,
          {},
          {}};
}

} // namespace ckpt::runner
