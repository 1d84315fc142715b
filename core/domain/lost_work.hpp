#pragma once

#include "core/domain/ids.hpp"
#include "core/domain/time.hpp"

#include <map>
#include <optional>
#include <vector>

// Which of a job's work its newest state holds, and which is lost. Pure.

namespace ckpt {

/// An attempt whose program ran.
struct WorkAttempt {
  AttemptId id;
  TimePoint started_at{};
  TimePoint ended_at{};                     ///< now, while it runs
  std::optional<GenerationId> started_from; ///< of this job; nothing: from the beginning
  bool counts = false; ///< it runs, or its end is the job's result: nothing goes on after it
};

/// A generation that was sealed.
struct WorkGeneration {
  GenerationId id;
  AttemptId attempt; ///< that wrote it
  TimePoint frozen_at{};
  bool good = true; ///< one could start from it, were it not pruned; false: corrupt
};

/// A job's attempts by number, its generations, and from which of these a person wants it to go on
/// (a rollback that has not begun yet).
struct Work {
  std::vector<WorkAttempt> attempts;
  std::vector<WorkGeneration> generations;
  std::optional<GenerationId> chosen;
};

/// Of each attempt, the run time at its end that no later state holds: it begins with the freeze of
/// the generation that the job went on from, or will go on from. An attempt that the way back to
/// the beginning does not pass (behind a rollback, or the job began anew) is lost as a whole. What
/// is lost is always the end of a run, and one run's is told once, however often the job goes back
/// behind it.
std::map<AttemptId, Duration> lost_work(const Work& work);

/// What the program had behind it where this attempt started: not to be done again.
Duration work_behind(const Work& work, AttemptId attempt);

} // namespace ckpt
