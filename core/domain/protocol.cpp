#include "core/domain/protocol.hpp"

#include <algorithm>

// Safe because of the order in which things are written and read: the claim before the look at
// older leases, the mark before the last look at results, generations and revocations, the renewal
// before the look at newer claims. Facts in the store only ever appear, so that a "not there" that
// was read after one's own write binds whoever writes later.

namespace ckpt::protocol {
namespace {

bool can_no_longer_run(std::span<const OlderAttempt> attempts, Duration lease) {
  return std::all_of(attempts.begin(), attempts.end(), [&](const OlderAttempt& attempt) {
    return attempt.ended || attempt.still_for >= lease;
  });
}

} // namespace

bool must_freeze(Duration since_renewal_began, Duration lease) {
  return since_renewal_began >= freeze_after(lease);
}

ThawVerdict after_freeze(bool newer_claim, Duration since_renewal_began, Duration lease) {
  if (newer_claim) {
    return ThawVerdict::leave;
  }
  return must_freeze(since_renewal_began, lease) ? ThawVerdict::renew_again : ThawVerdict::thaw;
}

StartVerdict may_start_program(const StartView& view, Duration lease) {
  if (view.token_revoked || view.job_closed || view.newer_claim || view.has_result) {
    return StartVerdict::leave;
  }
  if (!can_no_longer_run(view.older, lease) || must_freeze(view.since_own_renewal, lease)) {
    return StartVerdict::wait;
  }
  return view.marked && view.marked_from == view.newest ? StartVerdict::start : StartVerdict::mark;
}

std::optional<std::size_t> attempt_with_result(std::span<const AttemptRecord> attempts) {
  for (std::size_t i = attempts.size(); i-- > 0;) {
    if (attempts[i].completed) {
      return i;
    }
    if (attempts[i].marked && !attempts[i].left) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<GenerationId> newest_generation(std::span<const AttemptRecord> attempts,
                                              std::span<const SealedGeneration> sealed) {
  for (std::size_t i = attempts.size(); i-- > 0;) {
    std::optional<GenerationId> newest;
    for (const SealedGeneration& generation : sealed) {
      if (generation.attempt == i) {
        newest = std::max(newest, std::optional(generation.id));
      }
    }
    if (newest) {
      return newest;
    }
    if (attempts[i].marked && !attempts[i].left) {
      return attempts[i].started_from;
    }
  }
  return std::nullopt;
}

bool runner_may_requeue(const RequeueView& view) {
  return !view.term_seen && !view.newer_claim && !view.token_revoked;
}

bool daemon_may_resubmit(const SuccessionFacts& facts, Duration lease) {
  return facts.scheduler_answered && !facts.any_allocation_alive && !facts.cancelled_by_person &&
         !facts.has_result && can_no_longer_run(facts.attempts, lease);
}

bool cancellation_is_final(bool allocation_cancelled, bool we_asked) {
  return allocation_cancelled && !we_asked;
}

} // namespace ckpt::protocol
