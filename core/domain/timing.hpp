#pragma once

#include "core/domain/job.hpp"

#include <optional>

// When checkpoints are due. All times are durations since the program was launched or restarted in
// this attempt, on the monotonic clock, so that a stepped clock moves nothing.

namespace ckpt {

/// What checkpoints of this job have cost so far.
struct CheckpointCosts {
  std::optional<Duration> last_blocked;             ///< the program stood still
  std::optional<Duration> slowest_freeze_to_sealed; ///< of this job
};

struct RunFacts {
  Duration now{0};
  std::optional<Duration> allocation_end; ///< by walltime, or by a preemption that was announced
  std::optional<Duration> preempt_at;     ///< announced then: the grace time began
  std::optional<Duration> time_limit;     ///< length of the whole allocation
  std::optional<Duration> last_frozen; ///< freeze of the newest sealed generation of this attempt
  std::optional<Duration> last_try_ended; ///< of the newest try, sealed or failed
  int failures_in_a_row = 0;
  bool proven = false;                ///< the job has a sealed generation, an origin's apart
  Duration run_before{0};             ///< run time that the program has behind it (for stop_after)
  Duration total_before{0};           ///< run time of all earlier attempts (for total_time)
  bool last_checkpoint_taken = false; ///< the one before the end of this allocation is sealed
  CheckpointCosts costs;
};

struct NextCheckpoint {
  Duration at{0}; ///< may lie in the past: due
  Trigger trigger = Trigger::interval;
  bool operator==(const NextCheckpoint&) const = default;
};

/// `auto`: 30 min until measured, never below 20 × the last blocked time. A fixed wish: never below
/// twice that time, or the program would get no time to work. max() when off.
Duration effective_interval(const Policy& policy, const CheckpointCosts& costs);
/// `auto`: 3 × the slowest freeze-to-sealed, at least 10 s, at most a quarter of the limit (30 s
/// before anything was measured, same bounds). A fixed wish: at most half of the limit.
Duration effective_lead(const Policy& policy,
                        const CheckpointCosts& costs,
                        std::optional<Duration> time_limit);

/// The next checkpoint that policy and allocation ask for by themselves, the earliest one; on a tie
/// the one that ends the attempt. Failures push the next try back (10 s, doubling, at most the
/// interval), but never past the lead time. `stop` comes at stop_after or total_time of run time
/// (retry.hpp).
/// Nothing: none is due until something changes.
std::optional<NextCheckpoint> next_checkpoint(const Policy& policy, const RunFacts& facts);

} // namespace ckpt
