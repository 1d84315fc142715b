#include "core/domain/lineage.hpp"

#include <algorithm>

namespace ckpt {
namespace {

using Sealed = std::vector<LineageGeneration>;

const LineageGeneration* find(const Sealed& sealed, GenerationId id) {
  const auto found =
      std::find_if(sealed.begin(), sealed.end(), [&](const LineageGeneration& generation) {
        return generation.id == id;
      });
  return found == sealed.end() ? nullptr : &*found;
}

/// The newest generation that `attempt` wrote and that is older than `before`.
const LineageGeneration*
newest_of(const Sealed& sealed, AttemptId attempt, std::optional<GenerationId> before) {
  const LineageGeneration* newest = nullptr;
  for (const LineageGeneration& generation : sealed) {
    if (generation.attempt == attempt && (!before || generation.id < *before) &&
        (newest == nullptr || newest->id < generation.id)) {
      newest = &generation;
    }
  }
  return newest;
}

} // namespace

std::vector<GenerationId> start_order(const std::vector<LineageGeneration>& sealed,
                                      const std::vector<LineageAttempt>& attempts,
                                      std::optional<GenerationId> chosen) {
  const auto started_from = [&](AttemptId id) -> std::optional<GenerationId> {
    const auto found = std::find_if(
        attempts.begin(), attempts.end(), [&](const LineageAttempt& a) { return a.id == id; });
    return found == attempts.end() ? std::nullopt : found->started_from;
  };
  std::optional<GenerationId> next = chosen;
  if (!next) {
    const auto ran = std::find_if(
        attempts.rbegin(), attempts.rend(), [](const LineageAttempt& a) { return a.program_ran; });
    if (ran == attempts.rend()) {
      return {};
    }
    const LineageGeneration* newest = newest_of(sealed, ran->id, std::nullopt);
    next = newest != nullptr ? std::optional(newest->id) : ran->started_from;
  }
  std::vector<GenerationId> order;
  while (next && std::find(order.begin(), order.end(), *next) == order.end()) {
    const LineageGeneration* generation = find(sealed, *next);
    if (generation == nullptr) {
      // Pruned or corrupt: what lies before it is unknown here, so the newest older one is the best
      // guess left.
      const LineageGeneration* older = nullptr;
      for (const LineageGeneration& candidate : sealed) {
        if (candidate.id < *next && (older == nullptr || older->id < candidate.id)) {
          older = &candidate;
        }
      }
      next = older != nullptr ? std::optional(older->id) : std::nullopt;
      continue;
    }
    order.push_back(generation->id);
    const LineageGeneration* before = newest_of(sealed, generation->attempt, generation->id);
    next = before != nullptr    ? std::optional(before->id)
           : generation->parent ? generation->parent
                                : started_from(generation->attempt);
  }
  return order;
}

} // namespace ckpt
