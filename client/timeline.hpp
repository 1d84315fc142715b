#pragma once

#include "client/output.hpp"
#include "core/domain/time.hpp"

#include <string>

namespace ckpt::client {

inline constexpr std::size_t kMostRows = 12;

/// A job's attempts as bars over time, with its checkpoints and the work that was lost; a line for
/// each attempt, the oldest left out when there are more than `most_rows`. Empty before the first
/// one has begun. Pure but for the time zone.
std::string timeline(const JobDetails& details,
                     TimePoint now,
                     std::size_t width,
                     std::size_t most_rows = kMostRows);

} // namespace ckpt::client
