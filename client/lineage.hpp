#pragma once

#include "api/views.hpp"

#include <optional>
#include <vector>

namespace ckpt::client {

/// The sealed generations behind which the job was set back: the next start does not go on from
/// them by itself. Pure.
std::vector<GenerationId> abandoned(const std::vector<api::GenerationView>& generations,
                                    const std::vector<api::AttemptView>& attempts);

/// The sealed generations that a start from `chosen` leaves aside, and that nobody has pinned: they
/// go once a newer one is sealed. Pure.
std::vector<GenerationId> left_aside_by(GenerationId chosen,
                                        const std::vector<api::GenerationView>& generations);

/// What a fork began from: a generation of another job. Nothing: it is none. Pure.
std::optional<GenerationRef> origin_of(JobId job, const std::vector<api::AttemptView>& attempts);

/// The generations, with that as the reason of each that was abandoned.
std::vector<api::GenerationView> with_abandoned(std::vector<api::GenerationView> generations,
                                                const std::vector<api::AttemptView>& attempts);

} // namespace ckpt::client
