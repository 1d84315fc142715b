#include "client/details_text.hpp"

#include "client/job_tables.hpp"
#include "client/lineage.hpp"
#include "client/overview_text.hpp"
#include "client/progress.hpp"
#include "client/timeline.hpp"
#include "core/base/strings.hpp"

#include <algorithm>

namespace ckpt::client {
namespace {

constexpr std::size_t kLabel = 14;

/// Lines with a label, one below the other.
class Lines {
public:
  explicit Lines(const Look& look) : look_(look) {}
  void add(const std::string& label, const std::string& text) {
    text_ += labelled(label, text, look_.width);
  }
  std::string painted(const std::string& text, const char* code) const {
    return client::painted(text, code, look_.colour);
  }
  const std::string& text() const { return text_; }

private:
  const Look& look_;
  std::string text_;
};

void add_next_checkpoint(Lines& lines, const JobDetails& details, TimePoint now) {
  const api::JobView& job = details.job;
  if (job.next_checkpoint_at) {
    lines.add("checkpoint",
              ago(*job.next_checkpoint_at, now) +
                  (job.next_checkpoint_trigger
                       ? " (" + trigger_text(*job.next_checkpoint_trigger) + ")"
                       : ""));
  }
  for (const api::GenerationView& one : details.generations) {
    if (one.progress) {
      lines.add("writing",
                one.id.str() + ": " +
                    progress_text(*one.progress, now - one.requested_at.value_or(now)));
    }
  }
}

/// How it is now.
std::string present(const JobDetails& details, TimePoint now, const Look& look) {
  const api::JobView& job = details.job;
  Lines lines(look);
  lines.add("job", job.id.str() + (job.name.empty() ? "" : " " + job.name));
  lines.add("state", lines.painted(outcome_with_reason(job), colour_of(job)));
  if (const auto origin = origin_of(job.id, details.attempts)) {
    lines.add("fork of",
              generation_text(*origin) +
                  (job.latest_generation ? "" : ", from where it goes on: it has no own one yet"));
  }
  lines.add("program", shell_join(job.argv));
  if (!job.stdout_path.empty()) {
    const bool one_file = job.stderr_path.empty() || job.stderr_path == job.stdout_path;
    lines.add("output", job.stdout_path + (one_file ? "" : ", errors " + job.stderr_path));
  }
  if (job.ended_at) {
    lines.add("ended", local_time(*job.ended_at) + " (" + ago(*job.ended_at, now) + ")");
  }
  if (job.current_attempt && job.current_attempt->walltime_ends_at && !job.ended_at) {
    lines.add("walltime", "ends " + ago(*job.current_attempt->walltime_ends_at, now));
  }
  add_next_checkpoint(lines, details, now);
  const api::AccountingView& time = job.accounting;
  lines.add("time", // fits a line, whatever the numbers
            "ran " + short_duration(time.run) + ", lost " + short_duration(time.lost) +
                ", stood still " + short_duration(time.checkpoint) + ", queued " +
                short_duration(time.queue));
  for (const api::WarningView& warning : job.warnings) {
    lines.add("warning", lines.painted(warning.message, kYellow));
    if (!warning.advice.empty()) {
      lines.add("", warning.advice);
    }
  }
  return lines.text();
}

/// What it was told at its beginning.
std::string standing(const api::JobView& job, TimePoint now, const Look& look) {
  Lines lines(look);
  lines.add("engine",
            job.engine ? std::string(word(*job.engine))
                       : std::string(word(job.engine_wish)) + " (not chosen yet)");
  lines.add("policy", policy_text(job.policy));
  for (const auto& [key, value] : job.tags) {
    lines.add("tag", key + "=" + value);
  }
  lines.add("in", job.cwd);
  if (!job.script_path.empty()) {
    lines.add("script", job.script_path + " (the kept copy)");
  }
  lines.add("scheduler", std::string(word(job.scheduler)));
  lines.add("created", local_time(job.created_at) + " (" + ago(job.created_at, now) + ")");
  return lines.text();
}

template <class View> std::vector<View> newest(const std::vector<View>& all, std::size_t count) {
  const auto left = all.size() - std::min(all.size(), count);
  return {all.begin() + static_cast<std::ptrdiff_t>(left), all.end()};
}

/// Picture and tables, of the newest `count` attempts and checkpoints.
std::string
history(const JobDetails& details, TimePoint now, const Look& look, const std::size_t count) {
  std::string text;
  if (const std::string picture = timeline(details, now, look.width, std::min(kMostRows, count));
      !picture.empty()) {
    text += "\n" + picture;
  }
  if (!details.attempts.empty()) {
    text += "\n" + attempts_text(newest(details.attempts, count), now, look.width);
  }
  if (!details.generations.empty()) {
    const auto generations = with_abandoned(details.generations, details.attempts);
    text += "\n" + generations_text(newest(generations, count), now, look.width);
  }
  if (count < std::max(details.attempts.size(), details.generations.size())) {
    text += "older ones: `ckpt show " + details.job.id.str() + "`\n";
  }
  return text;
}

} // namespace

std::string details_text(const JobDetails& details, TimePoint now, const Look& look) {
  const std::string head = present(details, now, look);
  std::size_t count = std::max(details.attempts.size(), details.generations.size());
  std::string text = head + history(details, now, look, count);
  while (look.rows > 0 && count > 1 && split_lines(text).size() > look.rows) {
    text = head + history(details, now, look, --count);
  }
  return text + "\n" + standing(details.job, now, look);
}

std::string labelled(const std::string& label, const std::string& text, std::size_t width) {
  std::string out = label;
  out.resize(std::max(kLabel, label.size() + 1), ' ');
  const std::size_t room = width > 2 * kLabel ? width - kLabel : width;
  for (const char c : wrapped(text, room, 0)) {
    out += c;
    if (c == '\n') {
      out.append(kLabel, ' ');
    }
  }
  return out + "\n";
}

std::string painted(const std::string& text, const char* code, bool colour) {
  return colour ? std::string("\033[") + code + "m" + printable(text) + "\033[0m" : text;
}

const char* colour_of(const api::JobView& job) {
  switch (job.state) {
  case JobState::failed:
  case JobState::cancelled:
    return kRed;
  case JobState::parked:
    return kYellow;
  case JobState::queued:
  case JobState::running:
  case JobState::stopping:
  case JobState::completed:
    break;
  }
  return kGreen;
}

} // namespace ckpt::client
