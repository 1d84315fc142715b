#pragma once

#include "core/domain/job.hpp"

#include <optional>
#include <string>

// When a job is tried again, and when it has had all the time that it was to have. Pure.

namespace ckpt {

/// How long to wait before the next try after so many in a row that broke at once: nothing,
/// `first`, then four times as long each time, at most ten minutes.
Duration restart_delay(int broke_in_a_row, Duration first);

/// Why a job ends its run by its own policy, on reaching which run time.
struct RunLimit {
  enum class Kind { stop_after, total_time } kind = Kind::stop_after;
  Duration left{0}; ///< of run time; may be negative
};

/// The nearer of `--stop-after` (of the run that the program itself has seen: work that was lost
/// and repeated counts once) and `--total-time` (of all that was spent on it).
std::optional<RunLimit> run_limit(const Policy& policy, Duration lineage_run, Duration total_run);

/// What stands as the reason of a job that is parked by it, with what to type.
std::string words_of(RunLimit::Kind kind, const Policy& policy, const std::string& job);

/// `--total-time` is used up.
bool budget_used_up(const Policy& policy, Duration total_run);

} // namespace ckpt
