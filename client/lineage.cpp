#include "client/lineage.hpp"

#include "core/domain/lineage.hpp"

#include <algorithm>

namespace ckpt::client {

std::vector<GenerationId> abandoned(const std::vector<api::GenerationView>& generations,
                                    const std::vector<api::AttemptView>& attempts) {
  std::vector<LineageGeneration> sealed;
  for (const api::GenerationView& one : generations) {
    if (one.state == GenerationState::sealed && one.attempt) {
      sealed.push_back({one.id, *one.attempt, one.parent});
    }
  }
  std::vector<LineageAttempt> begun;
  for (const api::AttemptView& one : attempts) {
    const bool own = one.started_from && one.started_from->job == one.job;
    begun.push_back({one.n,
                     one.started_at.has_value(),
                     own ? std::optional(one.started_from->generation) : std::nullopt});
  }
  const std::vector<GenerationId> line = start_order(sealed, begun, std::nullopt);
  std::vector<GenerationId> left;
  for (const LineageGeneration& one : sealed) {
    if (!line.empty() && std::find(line.begin(), line.end(), one.id) == line.end()) {
      left.push_back(one.id);
    }
  }
  return left;
}

std::vector<GenerationId> left_aside_by(GenerationId chosen,
                                        const std::vector<api::GenerationView>& generations) {
  std::vector<GenerationId> left;
  for (const api::GenerationView& one : generations) {
    if (one.state == GenerationState::sealed && chosen < one.id && !one.pinned) {
      left.push_back(one.id);
    }
  }
  std::sort(left.begin(), left.end());
  return left;
}

std::optional<GenerationRef> origin_of(JobId job, const std::vector<api::AttemptView>& attempts) {
  for (const api::AttemptView& one : attempts) {
    if (one.started_from && one.started_from->job != job) {
      return one.started_from;
    }
  }
  return std::nullopt;
}

std::vector<api::GenerationView> with_abandoned(std::vector<api::GenerationView> generations,
                                                const std::vector<api::AttemptView>& attempts) {
  const std::vector<GenerationId> left = abandoned(generations, attempts);
  for (api::GenerationView& one : generations) {
    if (one.reason.empty() && std::find(left.begin(), left.end(), one.id) != left.end()) {
      one.reason = "abandoned: the job was set back, and goes on from another one";
    }
  }
  return generations;
}

} // namespace ckpt::client
