#include "core/domain/retention.hpp"

#include <algorithm>
#include <optional>

// What is kept for safety comes first, whatever the policy: pinned, in use, and the newest sealed
// generation of a job that may still need it.

namespace ckpt {
namespace {

struct Survey {
  std::optional<GenerationId> newest_sealed;
  std::optional<GenerationId> newest_on_lineage; ///< sealed
};

Survey survey(const std::vector<GenerationFacts>& generations) {
  Survey found;
  for (const GenerationFacts& generation : generations) {
    if (generation.state != GenerationState::sealed) {
      continue;
    }
    found.newest_sealed = std::max(found.newest_sealed, std::optional(generation.id));
    if (generation.on_lineage) {
      found.newest_on_lineage = std::max(found.newest_on_lineage, std::optional(generation.id));
    }
  }
  return found;
}

bool is_judged(GenerationState state) {
  return state == GenerationState::sealed || state == GenerationState::failed ||
         state == GenerationState::corrupt;
}

RetentionVerdict keep(GenerationId id, std::string reason) {
  return {id, true, std::move(reason)};
}
RetentionVerdict remove(GenerationId id, std::string reason) {
  return {id, false, std::move(reason)};
}

/// `rank`: how many sealed ones on the lineage are newer.
RetentionVerdict judge_sealed(const GenerationFacts& generation,
                              const Survey& found,
                              const Policy& policy,
                              JobPhase phase,
                              int rank) {
  if (phase == JobPhase::succeeded) {
    const std::string limit = "keep-after-success " + std::to_string(policy.keep_after_success);
    return generation.on_lineage && rank < policy.keep_after_success
               ? keep(generation.id, "within " + limit)
               : remove(generation.id, "the job has succeeded: beyond " + limit);
  }
  if (generation.id == found.newest_on_lineage || generation.id == found.newest_sealed) {
    return keep(generation.id,
                phase == JobPhase::unfinished ? "newest good generation of an unfinished job"
                                              : "newest good generation of a job that can go on");
  }
  if (!generation.on_lineage) {
    return found.newest_on_lineage && *found.newest_on_lineage > generation.id
               ? remove(generation.id,
                        "abandoned by a rollback, and " + found.newest_on_lineage->str() +
                            " is sealed")
               : keep(generation.id,
                      "abandoned by a rollback, but nothing newer is sealed after it");
  }
  const std::string limit = "keep " + std::to_string(std::max(policy.keep, 1));
  return rank < std::max(policy.keep, 1) ? keep(generation.id, "within " + limit)
                                         : remove(generation.id, "beyond " + limit);
}

RetentionVerdict judge(const GenerationFacts& generation,
                       const Survey& found,
                       const Policy& policy,
                       JobPhase phase,
                       int rank) {
  if (generation.pinned) {
    return keep(generation.id, "pinned");
  }
  if (generation.in_use) {
    return keep(generation.id, "an attempt starts from it");
  }
  if (generation.state == GenerationState::failed) {
    return remove(generation.id, "it failed and never was complete");
  }
  if (generation.state == GenerationState::corrupt) {
    const bool superseded = found.newest_sealed && *found.newest_sealed > generation.id;
    return superseded || phase == JobPhase::succeeded
               ? remove(generation.id, "corrupt")
               : keep(generation.id, "corrupt, but there is no newer good one yet");
  }
  return judge_sealed(generation, found, policy, phase, rank);
}

} // namespace

std::vector<RetentionVerdict>
retain(const std::vector<GenerationFacts>& generations, const Policy& policy, JobPhase phase) {
  std::vector<GenerationFacts> sorted = generations;
  std::sort(sorted.begin(), sorted.end(), [](const GenerationFacts& a, const GenerationFacts& b) {
    return a.id > b.id;
  });
  const Survey found = survey(sorted);
  std::vector<RetentionVerdict> verdicts;
  int rank = 0;
  for (const GenerationFacts& generation : sorted) {
    if (!is_judged(generation.state)) {
      continue;
    }
    verdicts.push_back(judge(generation, found, policy, phase, rank));
    if (generation.state == GenerationState::sealed && generation.on_lineage) {
      ++rank;
    }
  }
  std::reverse(verdicts.begin(), verdicts.end());
  return verdicts;
}

} // namespace ckpt
