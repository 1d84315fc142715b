#include "core/domain/time.hpp"

#include <array>
#include <cstdint>

// Durations are refused rather than guessed at: a job that checkpoints every 30 seconds where 30
// minutes were meant costs somebody a week.

namespace ckpt {
namespace {

constexpr std::int64_t kLongest = std::int64_t{100} * 366 * 24 * 3600 * 1000; // a hundred years

struct Unit {
  std::string_view name;
  std::string_view also; ///< read, never written
  std::int64_t milliseconds;
};
constexpr std::array kUnits{Unit{"d", "d", 86'400'000},
                            Unit{"h", "h", 3'600'000},
                            Unit{"m", "min", 60'000},
                            Unit{"s", "sec", 1'000},
                            Unit{"ms", "ms", 1}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Takes digits (at most `max_digits` of them) from the front; nothing when there are none or too
/// many.
std::optional<std::int64_t> take_number(std::string_view& text, std::size_t max_digits = 12) {
  std::size_t length = 0;
  std::int64_t value = 0;
  while (length < text.size() && is_digit(text[length])) {
    if (length == max_digits) {
      return std::nullopt;
    }
    value = value * 10 + (text[length] - '0');
    ++length;
  }
  if (length == 0) {
    return std::nullopt;
  }
  text.remove_prefix(length);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

auto bad_duration(std::string_view text, const std::string& why) {
  return fail(ErrorClass::usage,
              "bad_duration",
              "\"" + std::string(text) + "\" is not a duration: " + why,
              "write it like 90s, 30m, 1h30m, 24:00:00 or 1-12 (days-hours)");
}

/// "1h30m": each unit at most once, the largest first.
std::optional<std::int64_t> parse_with_units(std::string_view text) {
  std::int64_t total = 0;
  std::size_t next_unit = 0;
  while (!text.empty()) {
    const auto number = take_number(text);
    std::size_t letters = 0;
    while (letters < text.size() && !is_digit(text[letters])) {
      ++letters;
    }
    const std::string_view name = text.substr(0, letters);
    while (next_unit < kUnits.size() && kUnits[next_unit].name != name &&
           kUnits[next_unit].also != name) {
      ++next_unit;
    }
    if (!number || next_unit == kUnits.size() ||
        *number > kLongest / kUnits[next_unit].milliseconds) {
      return std::nullopt;
    }
    total += *number * kUnits[next_unit].milliseconds;
    ++next_unit;
    text.remove_prefix(letters);
  }
  return total;
}

/// Slurm's forms with days or two colons: "1-12", "1-12:30", "1-12:30:00", "24:00:00".
std::optional<std::int64_t> parse_like_slurm(std::string_view text) {
  std::int64_t days = 0;
  const bool has_days = text.find('-') != std::string_view::npos;
  if (has_days) {
    const auto number = take_number(text, 6);
    if (!number || !take(text, '-')) {
      return std::nullopt;
    }
    days = *number;
  }
  std::array<std::int64_t, 3> fields{}; // hours, minutes, seconds
  std::size_t count = 0;
  do {
    const auto number = take_number(text, 7);
    if (!number || count == fields.size() || (count > 0 && *number > 59)) {
      return std::nullopt;
    }
    fields[count++] = *number;
  } while (take(text, ':'));
  if (!text.empty() || (!has_days && count != 3)) {
    return std::nullopt;
  }
  return (((days * 24 + fields[0]) * 60 + fields[1]) * 60 + fields[2]) * 1000;
}

void append_padded(std::string& out, std::int64_t value, std::size_t width) {
  const std::string digits = std::to_string(value);
  out.append(width > digits.size() ? width - digits.size() : 0, '0');
  out += digits;
}

auto bad_time(std::string_view text) {
  return fail(ErrorClass::usage,
              "bad_time",
              "\"" + std::string(text) + "\" is not an RFC 3339 time",
              "write it like 2026-01-31T09:05:00Z");
}

/// Exactly `width` digits.
std::optional<int> take_fixed(std::string_view& text, std::size_t width) {
  if (text.size() < width) {
    return std::nullopt;
  }
  std::string_view field = text.substr(0, width);
  const auto value = take_number(field, width);
  if (!value || !field.empty()) {
    return std::nullopt;
  }
  text.remove_prefix(width);
  return static_cast<int>(*value);
}

/// ".25" → 250 ms; what is finer than a millisecond is dropped.
std::optional<milliseconds> take_fraction(std::string_view& text) {
  if (!take(text, '.')) {
    return milliseconds{0};
  }
  int value = 0;
  int scale = 100;
  bool any = false;
  while (!text.empty() && is_digit(text.front())) {
    value += (text.front() - '0') * scale;
    scale /= 10;
    any = true;
    text.remove_prefix(1);
  }
  return any ? std::optional(milliseconds{value}) : std::nullopt;
}

/// "Z" or "+01:00": how far local time is ahead of UTC.
std::optional<minutes> take_offset(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z')) {
    return minutes{0};
  }
  const bool behind = !text.empty() && text.front() == '-';
  if (!take(text, '+') && !take(text, '-')) {
    return std::nullopt;
  }
  const auto hour = take_fixed(text, 2);
  const bool colon = take(text, ':');
  const auto minute = take_fixed(text, 2);
  if (!hour || !colon || !minute || *hour > 23 || *minute > 59) {
    return std::nullopt;
  }
  const minutes offset{*hour * 60 + *minute};
  return behind ? -offset : offset;
}

} // namespace

std::string format_rfc3339(TimePoint time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss<Duration> clock{time - day};
  std::string out;
  append_padded(out, static_cast<int>(date.year()), 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_padded(out, clock.hours().count(), 2);
  out += ':';
  append_padded(out, clock.minutes().count(), 2);
  out += ':';
  append_padded(out, clock.seconds().count(), 2);
  out += '.';
  append_padded(out, clock.subseconds().count(), 3);
  out += 'Z';
  return out;
}

Result<TimePoint> parse_rfc3339(std::string_view text) {
  std::string_view rest = text;
  const auto year = take_fixed(rest, 4);
  const bool dash1 = take(rest, '-');
  const auto month = take_fixed(rest, 2);
  const bool dash2 = take(rest, '-');
  const auto day = take_fixed(rest, 2);
  const bool separator = take(rest, 'T') || take(rest, 't') || take(rest, ' ');
  const auto hour = take_fixed(rest, 2);
  const bool colon1 = take(rest, ':');
  const auto minute = take_fixed(rest, 2);
  const bool colon2 = take(rest, ':');
  const auto second = take_fixed(rest, 2);
  if (!year || !dash1 || !month || !dash2 || !day || !separator || !hour || !colon1 || !minute ||
      !colon2 || !second || *hour > 23 || *minute > 59 || *second > 60) {
    return bad_time(text);
  }
  const auto fraction = take_fraction(rest);
  const auto offset = fraction ? take_offset(rest) : std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!fraction || !offset || !rest.empty() || !date.ok()) {
    return bad_time(text);
  }
  return TimePoint{std::chrono::sys_days{date}} + hours{*hour} + minutes{*minute} +
         seconds{*second} + *fraction - *offset;
}

Result<Duration> parse_duration(std::string_view text) {
  if (text.empty()) {
    return bad_duration(text, "it is empty");
  }
  for (const char c : text) {
    if (!is_digit(c) && c != ':' && c != '-' && (c < 'a' || c > 'z')) {
      return bad_duration(text, "it holds something other than digits, d, h, m, s, ms, ':' or '-'");
    }
  }
  if (text.find_first_not_of("0123456789") == std::string_view::npos) {
    return fail(ErrorClass::usage,
                "bare_number",
                "\"" + std::string(text) +
                    "\" has no unit: it means minutes to Slurm and seconds to DMTCP",
                "write " + std::string(text) + "m or " + std::string(text) + "s");
  }
  const bool slurm_form = text.find_first_of(":-") != std::string_view::npos;
  const std::size_t first_colon = text.find(':');
  if (slurm_form && text.find('-') == std::string_view::npos && first_colon == text.rfind(':') &&
      text.find_first_not_of("0123456789:") == std::string_view::npos) {
    return bad_duration(text, "it could be MM:SS or HH:MM");
  }
  const auto total = slurm_form ? parse_like_slurm(text) : parse_with_units(text);
  if (!total) {
    return bad_duration(text, "numbers, units or their order are wrong");
  }
  if (*total > kLongest) {
    return bad_duration(text, "it is longer than a hundred years");
  }
  return Duration{*total};
}

std::string format_duration(Duration duration) {
  if (duration == Duration::zero()) {
    return "0s";
  }
  const bool negative = duration < Duration::zero();
  std::string out = negative ? "-" : "";
  // In unsigned arithmetic: Duration::min() has no positive counterpart.
  auto rest = static_cast<std::uint64_t>(duration.count());
  rest = negative ? 0 - rest : rest;
  for (const Unit& unit : kUnits) {
    const auto size = static_cast<std::uint64_t>(unit.milliseconds);
    if (const std::uint64_t count = rest / size; count > 0) {
      out += std::to_string(count);
      out += unit.name;
      rest %= size;
    }
  }
  return out;
}

} // namespace ckpt
