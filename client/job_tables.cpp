#include "client/job_tables.hpp"

#include "core/base/strings.hpp"

#include <algorithm>

namespace ckpt::client {
namespace {

using Column = Table::Column;

/// People know an unnamed job by its program.
std::string name_of(const api::JobView& job) {
  const std::string program = job.argv.empty() ? "" : job.argv.front();
  return or_dash(job.name.empty() ? program.substr(program.rfind('/') + 1) : job.name);
}

/// Where it is now: what only waits, or is over, is on no node.
std::string node_of(const api::JobView& job) {
  const auto& attempt = job.current_attempt;
  const bool there = attempt && attempt->state != AttemptState::submitted &&
                     attempt->state != AttemptState::pending &&
                     attempt->state != AttemptState::ended;
  return there ? or_dash(attempt->node) : "-";
}

std::string start_of(const api::AttemptView& attempt) {
  if (!attempt.started_from) {
    return "-";
  }
  const bool fork = attempt.started_from->job != attempt.job;
  return (fork ? attempt.started_from->job.str() + " " : "") +
         attempt.started_from->generation.str();
}

/// "g1, g2: the job has completed" for each reason, in the order of the table.
std::string reasons_below(const std::vector<std::pair<std::string, std::string>>& reasons,
                          std::size_t width) {
  std::vector<std::pair<std::string, std::string>> merged; // reason, whose
  for (const auto& [whose, reason] : reasons) {
    const auto same = std::find_if(
        merged.begin(), merged.end(), [&](const auto& one) { return one.first == reason; });
    if (reason.empty()) {
      continue;
    }
    if (same == merged.end()) {
      merged.emplace_back(reason, whose);
    } else {
      same->second += ", " + whose;
    }
  }
  std::string text;
  for (const auto& [reason, whose] : merged) {
    constexpr std::size_t kIndent = 4;
    text += wrapped(whose + ": " + reason, width, kIndent) + "\n";
  }
  return text;
}

Table attempts_table(const std::vector<api::AttemptView>& attempts, TimePoint now, bool reasons) {
  Table table({{"ATTEMPT", Column::right},
               {"SLURM/PID", Column::left},
               {"NODE", Column::flexible},
               {"STATE", Column::left},
               {"FROM", Column::left},
               {"TIME", Column::right},
               {"REASON", Column::flexible}});
  for (const api::AttemptView& attempt : attempts) {
    std::string id = attempt.scheduler_job_id.value;
    if (attempt.restart_count > 0) {
      id += " r" + std::to_string(attempt.restart_count);
    }
    const std::string state =
        spaced(attempt.end_reason ? word(*attempt.end_reason) : word(attempt.state));
    const std::string time =
        attempt.started_at ? short_duration(attempt.ended_at.value_or(now) - *attempt.started_at)
                           : "-";
    table.row({attempt.n.value > 0 ? attempt.n.str() : "-",
               or_dash(id),
               or_dash(attempt.node),
               state,
               start_of(attempt),
               time,
               reasons ? attempt.reason : ""});
  }
  return table;
}

Table generations_table(const std::vector<api::GenerationView>& generations,
                        TimePoint now,
                        bool reasons) {
  Table table({{"GEN", Column::left},
               {"STATE", Column::left},
               {"TRIGGER", Column::flexible},
               {"BY", Column::right},
               {"FROM", Column::left},
               {"FROZEN", Column::left},
               {"SIZE", Column::right},
               {"STORED", Column::right},
               {"BLOCKED", Column::right},
               {"REASON", Column::flexible}});
  for (const api::GenerationView& one : generations) {
    table.row({one.id.str() + (one.pinned ? "*" : ""),
               std::string(word(one.state)),
               spaced(word(one.trigger)),
               one.attempt ? one.attempt->str() : "-",
               one.parent ? one.parent->str() : "-",
               one.frozen_at ? ago(*one.frozen_at, now) : "-",
               optional_bytes(one.bytes),
               one.state == GenerationState::pruned ? "-" : optional_bytes(one.stored_bytes),
               one.blocked ? short_duration(*one.blocked) : "-",
               reasons ? one.reason : ""});
  }
  return table;
}

Table jobs_table(const std::vector<api::JobView>& jobs,
                 TimePoint now,
                 bool restarts,
                 bool reasons) {
  Table table({{"JOB", Column::left},
               {"NAME", Column::flexible},
               {"STATE", Column::left},
               {"NODE", Column::flexible},
               {"RUN", Column::right},
               {restarts ? "RESTARTS" : "", Column::right},
               {"LAST CHECKPOINT", Column::left},
               {"REASON", Column::flexible}});
  for (const api::JobView& job : jobs) {
    const auto& latest = job.latest_generation;
    table.row(
        {job.id.str(),
         name_of(job),
         std::string(word(job.state)),
         node_of(job),
         short_duration(job.accounting.run),
         restarts ? std::to_string(job.restarts_count) : "",
         latest && latest->frozen_at ? latest->id.str() + " " + ago(*latest->frozen_at, now) : "-",
         reasons ? job.reason : ""});
  }
  return table;
}

constexpr std::size_t kUnlimited = 10'000;

} // namespace

bool fits(const std::string& table, std::size_t width) {
  const std::vector<std::string> lines = split_lines(table);
  return std::all_of(lines.begin(), lines.end(), [&](const std::string& line) {
    return display_width(line) <= width;
  });
}

std::string table_or_below(const Table& whole,
                           const Table& narrow,
                           const std::vector<std::pair<std::string, std::string>>& reasons,
                           std::size_t width) {
  std::string text = whole.str(kUnlimited);
  return fits(text, width) ? text : narrow.str(width) + reasons_below(reasons, width);
}

std::string jobs_text(const std::vector<api::JobView>& jobs, TimePoint now, std::size_t width) {
  for (const bool restarts : {true, false}) {
    std::string text = jobs_table(jobs, now, restarts, true).str(kUnlimited);
    if (fits(text, width)) {
      return text;
    }
  }
  constexpr std::size_t kFew = 20; // of more, nobody looks below the table for one
  if (jobs.size() > kFew) {
    return jobs_table(jobs, now, false, true).str(width);
  }
  std::vector<std::pair<std::string, std::string>> reasons;
  for (const api::JobView& job : jobs) {
    reasons.emplace_back(job.id.str(), job.reason);
  }
  return jobs_table(jobs, now, true, false).str(width) + reasons_below(reasons, width);
}

std::string
attempts_text(const std::vector<api::AttemptView>& attempts, TimePoint now, std::size_t width) {
  std::vector<std::pair<std::string, std::string>> reasons;
  for (const api::AttemptView& one : attempts) {
    reasons.emplace_back("attempt " + (one.n.value > 0 ? one.n.str() : "-"), one.reason);
  }
  return table_or_below(
      attempts_table(attempts, now, true), attempts_table(attempts, now, false), reasons, width);
}

std::string generations_text(const std::vector<api::GenerationView>& generations,
                             TimePoint now,
                             std::size_t width) {
  std::vector<std::pair<std::string, std::string>> reasons;
  bool pinned = false;
  for (const api::GenerationView& one : generations) {
    reasons.emplace_back(one.id.str(), one.reason);
    pinned = pinned || one.pinned;
  }
  return table_or_below(generations_table(generations, now, true),
                        generations_table(generations, now, false),
                        reasons,
                        width) +
         (pinned ? "* pinned: kept until `ckpt unpin`\n" : "");
}

} // namespace ckpt::client
