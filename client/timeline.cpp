#include "client/timeline.hpp"

#include "client/format.hpp"

#include <algorithm>

namespace ckpt::client {
namespace {

constexpr std::size_t kLabel = 14;
constexpr std::size_t kLeastRoom = 20;

constexpr char kWaits = '.';
constexpr char kRuns = '=';
constexpr char kCheckpoint = 'o';
constexpr char kLost = 'x';

/// Instants onto columns.
struct Scale {
  TimePoint from;
  TimePoint to;
  std::size_t columns;
  std::size_t at(TimePoint time) const {
    const auto whole = std::max<std::int64_t>((to - from).count(), 1);
    const auto part = std::clamp<std::int64_t>((time - from).count(), 0, whole);
    return static_cast<std::size_t>(part * static_cast<std::int64_t>(columns - 1) / whole);
  }
};

void paint(std::string& row, const Scale& scale, TimePoint from, TimePoint to, char mark) {
  for (std::size_t i = scale.at(from); i <= scale.at(to); ++i) {
    row[i] = mark;
  }
}

/// Since when its work is lost. What one that was stopped still did while its last checkpoint was
/// sealed is told as `lost` in seconds, and is no loss to be drawn.
std::optional<TimePoint> lost_since(const JobDetails& details, const api::AttemptView& attempt) {
  if (!attempt.ended_at || attempt.lost <= Duration{0}) {
    return std::nullopt;
  }
  const TimePoint since = *attempt.ended_at - attempt.lost;
  const bool sealing = attempt.end_reason == EndReason::stopped &&
                       std::any_of(details.generations.begin(),
                                   details.generations.end(),
                                   [&](const api::GenerationView& one) {
                                     return one.attempt == attempt.n &&
                                            one.trigger == Trigger::stop && one.sealed_at &&
                                            one.frozen_at && *one.frozen_at <= since;
                                   });
  return sealing ? std::nullopt : std::optional(since);
}

/// `before`: the end of the attempt before it; a requeue is of the same submission.
std::string bar(const JobDetails& details,
                const api::AttemptView& attempt,
                std::optional<TimePoint> before,
                const Scale& scale,
                TimePoint now) {
  std::string row(scale.columns, ' ');
  const TimePoint end = attempt.ended_at.value_or(now);
  if (attempt.submitted_at) {
    const TimePoint from = std::max(*attempt.submitted_at, before.value_or(*attempt.submitted_at));
    paint(row, scale, from, std::max(attempt.started_at.value_or(end), from), kWaits);
  }
  if (!attempt.started_at) {
    return row;
  }
  paint(row, scale, *attempt.started_at, end, kRuns);
  if (const auto since = lost_since(details, attempt); since && scale.at(end) > scale.at(*since)) {
    paint(row, scale, *since, end, kLost);
  }
  for (const api::GenerationView& one : details.generations) {
    if (one.attempt == attempt.n && one.sealed_at && one.frozen_at) {
      row[scale.at(*one.frozen_at)] = kCheckpoint;
    }
  }
  return row;
}

std::string label_of(const api::AttemptView& attempt) {
  std::string text = attempt.n.value > 0 ? attempt.n.str() : "-";
  text += attempt.node.empty() ? "" : " " + attempt.node;
  text = shortened(text, kLabel - 1);
  text.append(kLabel - std::min(kLabel, display_width(text)), ' ');
  return text;
}

/// The attempt's first sign of life, for the left end of the picture.
TimePoint beginning(const api::AttemptView& attempt, TimePoint fallback) {
  return attempt.submitted_at.value_or(attempt.started_at.value_or(fallback));
}

} // namespace

std::string
timeline(const JobDetails& details, TimePoint now, std::size_t width, std::size_t most_rows) {
  std::vector<api::AttemptView> rows = details.attempts;
  const std::size_t hidden = rows.size() > most_rows ? rows.size() - most_rows : 0;
  rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(hidden));
  const bool begun = std::any_of(rows.begin(), rows.end(), [](const api::AttemptView& one) {
    return one.started_at.has_value();
  });
  if (!begun || width < kLabel + kLeastRoom) {
    return "";
  }
  Scale scale{beginning(rows.front(), now), now, width - kLabel};
  if (!rows.back().ended_at.has_value() || !details.job.ended_at) {
    scale.to = rows.back().ended_at ? *rows.back().ended_at : now;
  } else {
    scale.to = *rows.back().ended_at;
  }
  const std::string left = local_time(scale.from);
  const std::string right = local_time(scale.to);
  std::string text = std::string(kLabel, ' ') + left;
  if (scale.columns > left.size() + right.size() + 2) {
    text.append(scale.columns - left.size() - right.size(), ' ');
    text += right;
  }
  text += "\n";
  std::optional<TimePoint> before;
  for (const api::AttemptView& one : rows) {
    std::string row = bar(details, one, before, scale, now);
    before = one.ended_at;
    row.erase(row.find_last_not_of(' ') + 1);
    text += label_of(one) + row + "\n";
  }
  text += std::string(kLabel, ' ') + "= runs  o checkpoint  x lost  . waits";
  text += hidden > 0 ? "  (" + std::to_string(hidden) + " older not shown)\n" : "\n";
  return text;
}

} // namespace ckpt::client
