#include "client/format.hpp"

#include "core/base/strings.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <numeric>

namespace ckpt::client {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 6;

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

/// One past an "ESC [ digits m" that begins at `at`, else 0.
std::size_t colour_end(const std::string& text, std::size_t at) {
  std::size_t i = at + 2;
  while (i < text.size() && text[i] >= '0' && text[i] <= '9') {
    ++i;
  }
  return i < text.size() && text[at + 1] == '[' && text[i] == 'm' ? i + 1 : 0;
}

std::string padded(const std::string& text, std::size_t width, bool right) {
  const std::size_t own = display_width(text);
  const std::string fill(width > own ? width - own : 0, ' ');
  return right ? fill + text : text + fill;
}

} // namespace

std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

std::string shortened(const std::string& text, std::size_t width) {
  if (display_width(text) <= width || width == 0) {
    return text;
  }
  std::string out;
  std::size_t taken = 0;
  for (const char c : text) {
    if (!continues(c) && ++taken >= width) {
      break;
    }
    out += c;
  }
  return out + "…";
}

namespace {

/// How many bytes the character at `at` has, from 0x80 on; 0: it is no UTF-8, a control character,
/// or one that turns the direction of what follows.
std::size_t harmless_character(const std::string& text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(at);
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) {
    return 0;
  }
  std::uint32_t point = first & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0U) != 0x80U) {
      return 0;
    }
    point = point << 6U | (byte(at + i) & 0x3FU);
  }
  constexpr std::array<std::uint32_t, 5> kLowest{0, 0, 0x80, 0x800, 0x10000};
  const bool turns = point == 0x200E || point == 0x200F || (point >= 0x202A && point <= 0x202E) ||
                     (point >= 0x2066 && point <= 0x2069);
  const bool none = point < kLowest.at(length) || (point >= 0xD800 && point <= 0xDFFF) ||
                    point > 0x10FFFF || point < 0xA0;
  return turns || none ? 0 : length;
}

/// Words, but for commands in backquotes that fit a line: people paste those.
std::vector<std::string> unbroken(const std::string& text, std::size_t widest) {
  const auto is_open = [](const std::string& part) {
    return std::count(part.begin(), part.end(), '`') % 2 != 0;
  };
  const std::vector<std::string> words = split(text, ' ');
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < words.size(); ++at) {
    std::string command = words[at];
    std::size_t end = at;
    while (is_open(command) && end + 1 < words.size() && display_width(command) <= widest) {
      command += " " + words[++end];
    }
    const bool whole = end > at && !is_open(command) && display_width(command) <= widest;
    parts.push_back(whole ? command : words[at]);
    at = whole ? end : at;
  }
  return parts;
}

} // namespace

std::string printable(const std::string& text, bool keep_colours) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    const bool control = (byte < 0x20 && c != '\t' && c != '\n') || byte == 0x7F;
    const std::size_t end = c == '\033' && keep_colours ? colour_end(text, i) : 0;
    const std::size_t length = byte >= 0x80 ? harmless_character(text, i) : 0;
    if (end > i) {
      out += text.substr(i, end - i);
      i = end - 1;
    } else if (length > 0) {
      out += text.substr(i, length);
      i += length - 1;
    } else if (byte >= 0x80) {
      out += '?';
    } else {
      out += control ? '?' : c;
    }
  }
  return out;
}

std::string scheduler_text(const api::SchedulerView& scheduler) {
  const std::string kind(word(scheduler.kind));
  return scheduler.version.starts_with(kind) ? scheduler.version : kind + " " + scheduler.version;
}

std::string in_cluster(std::string text, const std::string& cluster) {
  const std::string command = "`ckpt ";
  const std::string option = "--cluster " + cluster + " ";
  for (std::size_t at = 0;
       !cluster.empty() && (at = text.find(command, at)) != std::string::npos;) {
    at += command.size();
    if (text.compare(at, 1, "-") != 0) {
      text.insert(at, option);
    }
  }
  return text;
}

std::string wrapped(const std::string& text, std::size_t width, std::size_t indent) {
  std::string out;
  std::size_t column = 0;
  bool first = true;
  for (const std::string& one : unbroken(text, width - std::min(width, indent))) {
    const std::size_t length = display_width(one);
    if (!first && column + 1 + length > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (!first) {
      out += ' ';
      ++column;
    }
    out += one;
    column += length;
    first = false;
  }
  return out;
}

std::string short_duration(Duration duration) {
  struct Unit {
    std::int64_t ms;
    const char* name;
  };
  constexpr std::array kUnits{
      Unit{86'400'000, "d"}, Unit{3'600'000, "h"}, Unit{60'000, "m"}, Unit{1000, "s"}};
  std::int64_t left = std::max<std::int64_t>(duration.count(), 0);
  if (left > 0 && left < 100) {
    return std::to_string(left) + "ms";
  }
  if (left < 10'000) {
    constexpr std::size_t kRoom = 32;
    std::array<char, kRoom> text{};
    (void)std::snprintf(text.data(), text.size(), "%.1f", static_cast<double>(left) / 1000.0);
    std::string out(text.data());
    if (out.ends_with(".0")) {
      out.resize(out.size() - 2);
    }
    return out + "s";
  }
  std::string out;
  int parts = 0;
  for (const Unit& unit : kUnits) {
    const std::int64_t count = left / unit.ms;
    left %= unit.ms;
    if (count > 0 && parts < 2) {
      out += std::to_string(count) + unit.name;
    }
    parts += count > 0 || parts > 0 ? 1 : 0;
  }
  return out;
}

std::string local_time(TimePoint time) {
  const std::time_t seconds_since = std::chrono::floor<seconds>(time).time_since_epoch().count();
  std::tm parts{};
  localtime_r(&seconds_since, &parts);
  constexpr std::size_t kRoom = 40;
  std::array<char, kRoom> text{};
  return std::string(text.data(),
                     std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts));
}

std::string ago(TimePoint time, TimePoint now) {
  if (now - time < seconds{1} && time - now < seconds{1}) {
    return "now";
  }
  return time <= now ? short_duration(now - time) + " ago" : "in " + short_duration(time - now);
}

std::string optional_bytes(const std::optional<std::uint64_t>& bytes) {
  return bytes ? human_bytes(*bytes) : "-";
}

std::string generation_text(const GenerationRef& generation) {
  return generation.job.str() + " " + generation.generation.str();
}

std::string or_dash(std::string text) {
  return text.empty() ? "-" : std::move(text);
}

std::string outcome_of(JobState state, std::optional<int> exit_code, std::optional<int> signal) {
  std::string out(word(state));
  if (signal) {
    out += " (signal " + std::to_string(*signal) + ")";
  } else if (exit_code && *exit_code != 0) {
    out += " (exit status " + std::to_string(*exit_code) + ")";
  }
  return out;
}

std::string outcome_with_reason(const api::JobView& job) {
  const std::string outcome = outcome_of(job.state, job.exit_code, job.signal);
  if (outcome.find(job.reason) != std::string::npos) { // also an empty one
    return outcome;
  }
  return job.reason.starts_with(outcome + " ") ? job.reason : outcome + ": " + job.reason;
}

std::string spaced(std::string_view word) {
  std::string text(word);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

std::string trigger_text(Trigger trigger) {
  const std::string text = spaced(word(trigger));
  return trigger == Trigger::proof ? text + ": an early one, to see that it can be done" : text;
}

std::string interval_text(const Interval& interval) {
  switch (interval.kind) {
  case Interval::Kind::automatic:
    return "auto";
  case Interval::Kind::off:
    return "off";
  case Interval::Kind::fixed:
    break;
  }
  return format_duration(interval.every);
}

Table::Table(std::vector<std::pair<std::string, Column>> columns) : columns_(std::move(columns)) {}

void Table::row(std::vector<std::string> cells) {
  for (std::string& cell : cells) {
    cell = printable(cell);
    std::replace(cell.begin(), cell.end(), '\n', ' ');
  }
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::str(std::size_t width) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t widest = display_width(columns_[i].first);
    for (const auto& cells : rows_) {
      widest = std::max(widest, display_width(cells[i]));
    }
    // A column that says nothing about anybody only takes room.
    const bool silent =
        !rows_.empty() &&
        std::all_of(rows_.begin(), rows_.end(), [i](const auto& c) { return c[i].empty(); });
    widths.push_back(silent ? 0 : widest);
  }
  const auto total = [&] {
    const auto shown = std::count_if(widths.begin(), widths.end(), [](auto w) { return w > 0; });
    return std::accumulate(widths.begin(),
                           widths.end(),
                           kGap * static_cast<std::size_t>(std::max<std::ptrdiff_t>(shown - 1, 0)));
  };
  while (total() > width) { // the widest flexible one gives way first
    std::size_t* widest = nullptr;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].second == Column::flexible && widths[i] > kNarrowest &&
          (widest == nullptr || widths[i] > *widest)) {
        widest = &widths[i];
      }
    }
    if (widest == nullptr) {
      break;
    }
    --*widest;
  }
  std::string out;
  const auto first = static_cast<std::size_t>(
      std::find_if(widths.begin(), widths.end(), [](std::size_t w) { return w > 0; }) -
      widths.begin());
  const auto line = [&](const auto& cell_of) {
    std::string text;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (widths[i] == 0) {
        continue;
      }
      text +=
          (i == first ? "" : std::string(kGap, ' ')) +
          padded(shortened(cell_of(i), widths[i]), widths[i], columns_[i].second == Column::right);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  line([&](std::size_t i) { return columns_[i].first; });
  for (const auto& cells : rows_) {
    line([&](std::size_t i) { return cells[i]; });
  }
  return out;
}

} // namespace ckpt::client
