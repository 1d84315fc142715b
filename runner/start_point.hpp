#pragma once

#include "core/base/process.hpp"
#include "core/domain/generation.hpp"
#include "core/store/generations.hpp"
#include "core/store/job_folder.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ckpt::runner {

/// What an earlier attempt did, as its journal tells.
struct EarlierAttempt {
  AttemptId id;
  bool ended = false;       ///< has its final event
  bool program_ran = false; ///< marked its start, and did not leave again without one
  std::optional<GenerationId> started_from; ///< of its newest mark; nothing: from the beginning
  std::optional<EndReason> end_reason;
  std::string end_detail;
  std::optional<ExitStatus> result; ///< the program ended by itself
  bool sealed_any = false;
  Duration program_time{0}; ///< from program start to its last event
};

/// As core/domain/lineage.hpp says, of what the store holds.
std::vector<GenerationId> start_order(const std::vector<Manifest>& sealed,
                                      const std::vector<EarlierAttempt>& attempts,
                                      std::optional<GenerationId> chosen);

/// Why this job should not be tried again by itself: it failed at once, several times in a row, and
/// no attempt came any further.
std::optional<std::string> loop_guard(const std::vector<EarlierAttempt>& attempts);

/// The attempt whose result is the job's, if the program has ended by itself already; attempts up
/// to `floor` were before a person's wish to restart.
std::optional<EarlierAttempt> finished_attempt(const std::vector<EarlierAttempt>& attempts,
                                               std::int64_t floor);

/// The manifests of all that can be started from.
Result<std::vector<Manifest>> good_generations(const store::Generations& generations);

/// Reads all earlier journals and fates. What cannot be read counts as not having run.
std::vector<EarlierAttempt> read_earlier_attempts(const store::JobFolder& folder, AttemptId before);

} // namespace ckpt::runner
