#pragma once

#include "core/base/process.hpp"
#include "core/domain/generation.hpp"
#include "core/domain/hazards.hpp"
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
  std::vector<Warning> warnings; ///< of hazards, told by it: new, changed; text empty: gone
  Duration program_time{0};      ///< from program start to its last event
  std::optional<TimePoint> last_event_at;
};

/// As core/domain/lineage.hpp says, of what the store holds.
std::vector<GenerationId> start_order(const std::vector<Manifest>& sealed,
                                      const std::vector<EarlierAttempt>& attempts,
                                      std::optional<GenerationId> chosen);

/// How many attempts in a row, up to the newest, broke at once (within a quarter of an hour) and
/// came no further; those up to `floor` were before a person's wish to restart.
int broke_in_a_row(const std::vector<EarlierAttempt>& attempts, std::int64_t floor);

/// Why this job should not be tried again by itself: that happened three times.
std::optional<std::string> loop_guard(const std::vector<EarlierAttempt>& attempts,
                                      std::int64_t floor);

/// When it may be tried again after those, the first time `first` after the newest one's last word.
/// Nothing: at once. A clock that another host sets cannot make the wait longer than it is to be.
std::optional<TimePoint> next_try(const std::vector<EarlierAttempt>& attempts,
                                  std::int64_t floor,
                                  Duration first,
                                  TimePoint now);

/// Run time of all of them, what was lost of it included.
Duration total_run(const std::vector<EarlierAttempt>& attempts);

/// The attempt whose result is the job's, if the program has ended by itself already; attempts up
/// to `floor` were before a person's wish to restart.
std::optional<EarlierAttempt> finished_attempt(const std::vector<EarlierAttempt>& attempts,
                                               std::int64_t floor);

/// The manifests of all that can be started from.
Result<std::vector<Manifest>> good_generations(const store::Generations& generations);

/// Reads all earlier journals and fates. A damaged journal counts as not having run; one that the
/// storage does not give now (is_storage_trouble) is an error: without it an older generation might
/// be taken for the newest.
Result<std::vector<EarlierAttempt>> read_earlier_attempts(const store::JobFolder& folder,
                                                          AttemptId before);

/// The warnings of hazards that stand after all of them.
std::vector<Warning> warnings_of_earlier(const std::vector<EarlierAttempt>& attempts);

} // namespace ckpt::runner
