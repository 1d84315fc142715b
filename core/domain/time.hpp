#pragma once

#include "core/domain/result.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace ckpt {

using Duration = std::chrono::milliseconds;
/// Wall-clock time (CLOCK_REALTIME): for people and for Slurm's times. It can step.
using TimePoint = std::chrono::sys_time<Duration>;
/// Monotonic time of one host and boot: for leases, deadlines and intervals.
using MonoTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// RFC 3339 in UTC with milliseconds: "2026-01-31T09:05:00.250Z".
std::string format_rfc3339(TimePoint time);
Result<TimePoint> parse_rfc3339(std::string_view text);

/// A duration as users type it: `90s`, `30m`, `24h`, `2d`, `1h30m`, `24:00:00`, `MM:SS` is refused
/// as ambiguous, `1-12` (days-hours), `1-12:30[:00]`. A bare number is refused with a hint: it
/// means minutes to Slurm and seconds to DMTCP.
Result<Duration> parse_duration(std::string_view text);

/// Shortest exact form that parse_duration reads again: "1h30m", "45s", "250ms".
std::string format_duration(Duration duration);

} // namespace ckpt
