#pragma once

#include "core/domain/ids.hpp"
#include "core/domain/time.hpp"

#include <cstddef>
#include <optional>
#include <span>

// The rules by which runner, daemon and store keep a job from running twice or getting lost. Pure;
// the real programs and the model that explores their interleavings call the same functions.

namespace ckpt::protocol {

// --- the lease of one attempt (L: its length)

constexpr Duration renew_every(Duration lease) {
  return lease / 4;
}
constexpr Duration freeze_after(Duration lease) {
  return lease * 3 / 4;
}

/// Whether the program must stand still (SIGSTOP to the whole tree). `since_renewal_began`: on the
/// monotonic clock, since the START of the newest renewal that has completed; its completion can be
/// reported long after others saw it. To be asked by a thread that never waits for the store.
bool must_freeze(Duration since_renewal_began, Duration lease);

enum class ThawVerdict { thaw, renew_again, leave };

/// What a frozen attempt does after it renewed its lease and, AFTER that, looked at the claims.
/// Looking first is not safe: the answer may be old when it arrives. `leave`: SIGKILL, and out.
ThawVerdict after_freeze(bool newer_claim, Duration since_renewal_began, Duration lease);

// --- starting the program

/// An older claim of the job, as a claimant sees it.
struct OlderAttempt {
  bool ended = false;    ///< its journal has `ended`
  Duration still_for{0}; ///< how long we have watched its lease unchanged (or absent)
};

/// What a claimant knows. What is in other people's files is to be read again after the mark.
struct StartView {
  bool token_revoked = false;          ///< its own token
  bool job_closed = false;             ///< the store says that the job is cancelled or parked
  bool newer_claim = false;            ///< somebody claimed after us
  bool has_result = false;             ///< attempt_with_result() of the older attempts found one
  std::span<const OlderAttempt> older; ///< all of them, not the newest alone
  std::optional<GenerationId> newest;  ///< newest_generation() of the older attempts
  Duration since_own_renewal{0};       ///< as for must_freeze(), at the moment of the start itself
  bool marked = false;                 ///< our journal has `starting` …
  std::optional<GenerationId> marked_from; ///< … from this generation
};

enum class StartVerdict {
  wait, ///< look again soon
  /// Supersede the older attempts (one file each, link(2): it is that or a result, whichever is
  /// there first), then write `starting` with `newest`, durably; then read everything again. With
  /// the line alone, a write that hung could land over a result.
  mark,
  start, ///< launch, or restart from `marked_from`
  leave, ///< never start; write `ended`
};

StartVerdict may_start_program(const StartView& view, Duration lease);

// --- what the journals say

/// An attempt's journal, by claim number, oldest first.
struct AttemptRecord {
  bool marked = false; ///< has `starting`: from then on older attempts can add nothing to the job
  bool left = false;   ///< ended without ever having started its program: its mark is void
  bool completed = false; ///< ended by the program's own end (whatever its exit status)
  std::optional<GenerationId> started_from; ///< of the newest mark
};

/// The attempt whose result is the job's. A result that arrives after a newer attempt's mark (from
/// a node that was cut off) does not count: that attempt may have cut the output back already.
std::optional<std::size_t> attempt_with_result(std::span<const AttemptRecord> attempts);

struct SealedGeneration {
  GenerationId id;
  std::size_t attempt = 0; ///< index into the attempts
};

/// What a new attempt starts from: the newest sealed of the newest attempt that ran, or else what
/// that one started from. One that an older attempt sealed after that is a branch of its own.
std::optional<GenerationId> newest_generation(std::span<const AttemptRecord> attempts,
                                              std::span<const SealedGeneration> sealed);

// --- who asks the scheduler for what

/// Whether a runner whose program it has checkpointed and ended asks for the requeue.
struct RequeueView {
  bool term_seen = false; ///< somebody else ends us, and we could not learn why
  bool newer_claim = false;
  bool token_revoked = false;
};
bool runner_may_requeue(const RequeueView& view);

/// An attempt that could still be running, as the daemon sees it.
struct SuccessionFacts {
  bool scheduler_answered = false;   ///< after our newest act
  bool any_allocation_alive = false; ///< of any token of the job; a newer restart count included
  bool cancelled_by_person = false;
  bool has_result = false;
  std::span<const OlderAttempt> attempts; ///< every claim of the job
};
bool daemon_may_resubmit(const SuccessionFacts& facts, Duration lease);

/// Slurm's CANCELLED means the job's end unless we asked for it: that wish is written down, with
/// the scheduler's id, before the call.
bool cancellation_is_final(bool allocation_cancelled, bool we_asked);

} // namespace ckpt::protocol
