#pragma once

#include "core/domain/generation.hpp"

#include <string>
#include <vector>

namespace ckpt {

struct GenerationFacts {
  GenerationId id;
  GenerationState state = GenerationState::sealed;
  bool pinned = false;
  bool in_use = false; ///< an attempt is starting from it, or a fork waits to
  bool on_lineage =
      true; ///< reached from the current attempt by parents; a rolled-back branch is not
};

enum class JobPhase { unfinished, succeeded, ended_otherwise };

struct RetentionVerdict {
  GenerationId id;
  bool keep = true;
  std::string reason; ///< "newest good generation of an unfinished job", "beyond keep 2", …
  bool operator==(const RetentionVerdict&) const = default;
};

/// One verdict for every sealed, failed or corrupt generation (others are none of its business),
/// ascending. Never removes the newest sealed one of an unfinished job, a pinned one, one in use;
/// nor anything of a job that failed or was cancelled but what is beyond `keep`. `keep` counts
/// sealed ones on the lineage; those off it (abandoned by a rollback) are kept until a newer one on
/// it is sealed, then removed. Failed ones go; corrupt ones stay until a newer good one is there.
std::vector<RetentionVerdict>
retain(const std::vector<GenerationFacts>& generations, const Policy& policy, JobPhase phase);

} // namespace ckpt
