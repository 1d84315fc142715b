#pragma once

#include "core/domain/time.hpp"

namespace ckpt {

/// As long a limit as Slurm itself shows where there is none; it is not counted as one.
inline constexpr Duration kNoLimit = hours{365 * 24};

/// What sbatch's --time takes: `60` (minutes), `1:30` (minutes:seconds), `24:00:00`, `1-12`,
/// `1-12:30`, `1-12:30:00`; `UNLIMITED`, `INFINITE`, `-1` and `0` are kNoLimit. And what
/// parse_duration takes.
Result<Duration> parse_time_limit(std::string_view text);

} // namespace ckpt
