#pragma once

#include "client/output.hpp"
#include "core/domain/time.hpp"

#include <string>

namespace ckpt::client {

/// A job's attempts as bars over time, with its checkpoints and the work that was lost; a line for
/// each attempt, the oldest left out when there are many. Empty before the first one has begun.
/// Pure but for the time zone.
std::string timeline(const JobDetails& details, TimePoint now, std::size_t width);

} // namespace ckpt::client
