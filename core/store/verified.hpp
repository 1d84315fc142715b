#pragma once

#include "core/base/files.hpp"
#include "core/domain/time.hpp"

#include <optional>

namespace ckpt::store {

/// When the bytes of a sealed generation were last read and found good: the file `verified` in its
/// folder (Generations::dir), by the daemon alone. What it found bad has Generations::mark_corrupt.
Status mark_verified(const Path& generation_dir, TimePoint at);
/// Nothing: never, or nobody knows.
std::optional<TimePoint> verified_at(const Path& generation_dir);

} // namespace ckpt::store
