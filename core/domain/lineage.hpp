#pragma once

#include "core/domain/ids.hpp"

#include <optional>
#include <vector>

namespace ckpt {

/// A sealed generation's place in the tree.
struct LineageGeneration {
  GenerationId id;
  AttemptId attempt;                  ///< that wrote it
  std::optional<GenerationId> parent; ///< its attempt started from it; nothing: from the beginning
};

struct LineageAttempt {
  AttemptId id;
  bool program_ran = false;
  std::optional<GenerationId> started_from; ///< nothing: from the beginning
};

/// The generations to start from, best first: the chosen one (a rollback) or the newest sealed one
/// on the current lineage, and then its ancestors, for when it turns out bad. The lineage is that
/// of the newest attempt whose program ran. Pure.
std::vector<GenerationId> start_order(const std::vector<LineageGeneration>& sealed,
                                      const std::vector<LineageAttempt>& attempts,
                                      std::optional<GenerationId> chosen);

} // namespace ckpt
