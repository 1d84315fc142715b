#pragma once

#include "core/store/job_folder.hpp"

#include <set>

namespace ckpt::store {

/// The generations that a person has pinned, replayed from job.jsonl. An error (not: nothing) when
/// it cannot be read: who cannot see the pins must not delete.
Result<std::set<GenerationId>> pinned_generations(const JobFolder& folder);

} // namespace ckpt::store
