#pragma once

#include "core/store/job_folder.hpp"

#include <optional>
#include <string>
#include <vector>

// attempts/<n>.fate: whether an attempt may still end the job. Made once, by link(2), by whoever is
// first, and never changed:
//  - the runner, before it writes the program's own end into its journal;
//  - a newer attempt, before it marks its start, for all older ones;
//  - the daemon, before it writes down that the attempt was lost.
// A call that hangs in the file server can take effect after its caller's death; a line in a
// journal would then void a result that was there first, or the other way round. The link cannot.
// Files; any thread.

namespace ckpt::store {

enum class FateKind {
  result,     ///< the program ended by itself: this is the job's result
  superseded, ///< a newer attempt starts the program: a result that comes now is void
  given_up,   ///< by the daemon; likewise
};
} // namespace ckpt::store

namespace ckpt {
CKPT_WORDS(store::FateKind, result, superseded, given_up);
} // namespace ckpt

namespace ckpt::store {

struct Fate {
  FateKind kind = FateKind::result;
  std::optional<AttemptId> by; ///< superseded: the newer attempt
  std::string reason;
  std::optional<int> exit_code; ///< of a result
  std::optional<int> signal;    ///< of a result
  TimePoint at{};               ///< tells a repeated call from another caller's
  bool operator==(const Fate&) const = default;
};

/// Decides, or finds it decided: returns what stands there. The same wish (`at` included) may be
/// repeated after an error.
Result<Fate> decide_fate(const JobFolder& folder, AttemptId attempt, const Fate& wish);
/// Nothing: not decided. On a network filesystem "not decided" can be some seconds old; only
/// decide_fate() is certain.
Result<std::optional<Fate>> read_fate(const JobFolder& folder, AttemptId attempt);
/// Supersedes every attempt before `by` that has no fate yet; returns the fates of all, oldest
/// first. None of them can get a result any more that does not stand there.
Result<std::vector<Fate>> supersede_older(const JobFolder& folder, AttemptId by);

/// A result as the `ended` event that belongs into the attempt's journal: for when its writer died,
/// or hangs, between the two.
AttemptEvent end_by_fate(const Fate& result);

} // namespace ckpt::store
