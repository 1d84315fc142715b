#pragma once

#include "api/views.hpp"

#include <vector>

namespace ckpt::client {

/// The sealed generations behind which the job was set back: the next start does not go on from
/// them by itself. Pure.
std::vector<GenerationId> abandoned(const std::vector<api::GenerationView>& generations,
                                    const std::vector<api::AttemptView>& attempts);

/// The same, with that as the reason of each.
std::vector<api::GenerationView> with_abandoned(std::vector<api::GenerationView> generations,
                                                const std::vector<api::AttemptView>& attempts);

} // namespace ckpt::client
