#pragma once

#include "core/domain/retention.hpp"
#include "core/store/generations.hpp"
#include "runner/start_point.hpp"

#include <functional>
#include <set>
#include <vector>

namespace ckpt::runner {

/// Keeps a job's generations within the user's wishes while its runner lives, also with the daemon
/// dead: a full disk would end the job. Blocking; one thread at a time; what it did comes back as
/// events for the journal.
class Tidy {
public:
  explicit Tidy(store::JobFolder folder);

  /// Retention. Without the pins, or the list of generations, nothing is removed. `attempts`: all
  /// of the job, the current one last; they tell which generations a rollback has abandoned.
  std::vector<store::AttemptEvent>
  prune(const Policy& policy, JobPhase phase, const std::vector<EarlierAttempt>& attempts) const;

  /// raw → zstd of every good generation, once each; stops soon after `give_way` says so.
  std::vector<store::AttemptEvent> compress(const Policy& policy,
                                            const std::function<bool()>& give_way);

private:
  void tidy_origin(const Policy& policy, JobPhase phase, std::size_t sealed) const;

  store::JobFolder folder_;
  store::Generations generations_;
  std::set<GenerationId> packed_; ///< one that does not shrink is not tried again and again
};

} // namespace ckpt::runner
