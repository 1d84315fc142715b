#include "core/domain/timing.hpp"

#include "core/domain/retry.hpp"

#include <algorithm>
#include <array>

// Two promises: the checkpoint before the end of the allocation is never pushed back by what failed
// earlier, and a program always gets time to work between two checkpoints.

namespace ckpt {
namespace {

constexpr Duration kAutomaticInterval = minutes{30};
constexpr int kBlockedToInterval = 20;     // `auto` costs at most 5 % of the run time
constexpr int kBlockedToFixedInterval = 2; // a wish is a wish, but half of the time is for working
constexpr Duration kFirstLead = seconds{30};
constexpr Duration kShortestLead = seconds{10};
constexpr int kSealsInLead = 3;
constexpr Duration kLatestProof = minutes{10};
constexpr int kProofShare = 20; // 5 % of the limit
constexpr Duration kFirstBackOff = seconds{10};
constexpr Duration kLongestBackOff = minutes{30}; // when there is no interval to bound it

Duration back_off(int failures, Duration interval) {
  const int doublings = std::min(failures - 1, 12);
  return std::min({kFirstBackOff * (1 << doublings), interval, kLongestBackOff});
}

/// When a try that has to succeed before `end` may be made again after one failed at
/// `last_try_ended`: with the usual patience, but never so late that most of what is left is waited
/// away.
Duration retry_before(Duration end, Duration last_try_ended, Duration patience) {
  const Duration left = std::max(end - last_try_ended, Duration::zero());
  return last_try_ended + std::min(patience, left / 4);
}

} // namespace

Duration effective_interval(const Policy& policy, const CheckpointCosts& costs) {
  const Duration blocked = costs.last_blocked.value_or(Duration::zero());
  switch (policy.every.kind) {
  case Interval::Kind::off:
    return Duration::max();
  case Interval::Kind::fixed:
    return std::max(policy.every.every, kBlockedToFixedInterval * blocked);
  case Interval::Kind::automatic:
    break;
  }
  return std::max(kAutomaticInterval, kBlockedToInterval * blocked);
}

Duration effective_lead(const Policy& policy,
                        const CheckpointCosts& costs,
                        std::optional<Duration> time_limit) {
  if (policy.lead) {
    // A lead as long as the allocation would leave no time to work, in every allocation to come.
    return time_limit ? std::min(*policy.lead, *time_limit / 2) : *policy.lead;
  }
  Duration lead =
      costs.slowest_freeze_to_sealed ? kSealsInLead * *costs.slowest_freeze_to_sealed : kFirstLead;
  lead = std::max(lead, kShortestLead);
  return time_limit ? std::min(lead, *time_limit / 4) : lead;
}

std::optional<NextCheckpoint> next_checkpoint(const Policy& policy, const RunFacts& facts) {
  if (facts.last_checkpoint_taken) {
    return std::nullopt;
  }
  const Duration interval = effective_interval(policy, facts.costs);
  const bool failing = facts.failures_in_a_row > 0 && facts.last_try_ended;
  const Duration patience =
      failing ? back_off(facts.failures_in_a_row, interval) : Duration::zero();
  const Duration last_try = facts.last_try_ended.value_or(Duration::zero());
  const auto pushed_back = [&](Duration at) {
    return failing ? std::max(at, last_try + patience) : at;
  };

  // In the order of precedence on a tie: those that end the attempt first.
  std::array<std::optional<Duration>, 5> due{};
  constexpr std::array kTriggers{Trigger::stop,
                                 Trigger::preemption,
                                 Trigger::before_walltime,
                                 Trigger::proof,
                                 Trigger::interval};
  if (const auto limit = run_limit(policy, facts.run_before, facts.total_before)) {
    due[0] = pushed_back(limit->left);
  }
  if (facts.preempt_at) {
    // What Slurm then calls the end of the allocation is the kill at the end of the grace time: no
    // walltime, and all of the grace is there to be used.
    const Duration kill = facts.allocation_end.value_or(*facts.preempt_at);
    due[1] = failing ? retry_before(kill, last_try, patience) : facts.now;
  } else if (facts.allocation_end) {
    const Duration end = *facts.allocation_end;
    const Duration at = end - effective_lead(policy, facts.costs, facts.time_limit);
    due[2] = failing && last_try > at ? retry_before(end, last_try, patience) : at;
  }
  if (!facts.proven && !facts.preempt_at) {
    const Duration share = facts.time_limit ? *facts.time_limit / kProofShare : kLatestProof;
    due[3] = pushed_back(std::min(kLatestProof, share));
  }
  if (interval != Duration::max() && !facts.preempt_at) { // one checkpoint is enough
    due[4] = pushed_back(facts.last_frozen.value_or(Duration::zero()) + interval);
  }

  std::optional<NextCheckpoint> next;
  for (std::size_t i = 0; i < due.size(); ++i) {
    if (due[i] && (!next || *due[i] < next->at)) {
      next = NextCheckpoint{*due[i], kTriggers[i]};
    }
  }
  return next;
}

} // namespace ckpt
