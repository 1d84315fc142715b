#include "core/domain/time_limit.hpp"

#include <algorithm>
#include <charconv>

namespace ckpt {
namespace {

/// A number that is all of the text, of at most `max_digits`.
std::optional<std::int64_t> whole_number(std::string_view text, std::size_t max_digits) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool all = error == std::errc{} && end == text.data() + text.size();
  return all && value >= 0 && text.front() != '-' && text.size() <= max_digits
             ? std::optional(value)
             : std::nullopt;
}

/// "60" and "1:30": what nothing but a limit may mean.
std::optional<Duration> parse_minutes(std::string_view text) {
  constexpr std::size_t kMinuteDigits = 7; // about twenty years
  constexpr std::int64_t kLastSecond = 59;
  const std::size_t colon = text.find(':');
  const auto whole = whole_number(text.substr(0, colon), kMinuteDigits);
  const auto rest = colon == std::string_view::npos ? std::optional<std::int64_t>(0)
                                                    : whole_number(text.substr(colon + 1), 2);
  if (!whole || !rest || *rest > kLastSecond) {
    return std::nullopt;
  }
  return minutes{*whole} + seconds{*rest};
}

bool same_word(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

} // namespace

Result<Duration> parse_time_limit(std::string_view text) {
  if (same_word(text, "unlimited") || same_word(text, "infinite") || text == "-1") {
    return kNoLimit;
  }
  if (const auto value = parse_minutes(text)) {
    return *value == Duration{0} ? kNoLimit : *value;
  }
  auto duration = parse_duration(text);
  if (!duration) {
    duration.error().message = "\"" + std::string(text) + "\" is no time limit";
    duration.error().advice =
        "write it like 30 or 30:00 (minutes), 24:00:00, 1-12 (days-hours), 90s, 1h30m or UNLIMITED";
    return duration;
  }
  return *duration == Duration{0} ? kNoLimit : *duration; // as sbatch takes 0:00:00
}

} // namespace ckpt
