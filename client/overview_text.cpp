#include "client/overview_text.hpp"

#include "client/job_tables.hpp"
#include "core/base/strings.hpp"

#include <algorithm>
#include <map>

namespace ckpt::client {
namespace {

using Column = Table::Column;

std::string share(Duration part, Duration whole) {
  if (whole <= Duration{0}) {
    return "";
  }
  const double percent =
      100.0 * static_cast<double>(part.count()) / static_cast<double>(whole.count());
  char text[32];
  std::snprintf(text, sizeof text, percent < 10 ? " (%.1f %%)" : " (%.0f %%)", percent);
  return text;
}

std::string checkpoints_line(const std::vector<api::CheckpointCount>& counts) {
  std::map<std::string, std::int64_t> by_outcome;
  std::string triggers;
  for (const api::CheckpointCount& one : counts) {
    by_outcome[one.outcome] += one.count;
    if (one.outcome == "sealed") {
      triggers += (triggers.empty() ? "" : ", ") + std::to_string(one.count) + " " +
                  spaced(word(one.trigger));
    }
  }
  std::string text = std::to_string(by_outcome["sealed"]) + " sealed";
  text += triggers.empty() ? "" : " (" + triggers + ")";
  for (const char* outcome : {"failed", "corrupt", "open"}) {
    if (by_outcome[outcome] > 0) {
      text += ", " + std::to_string(by_outcome[outcome]) + " " + outcome;
    }
  }
  return text;
}

std::string reason_of(const api::NodeView& node) {
  return node.refusals_count == 0 ? node.reason
                                  : node.reason + (node.reason.empty() ? "" : "; ") +
                                        std::to_string(node.refusals_count) +
                                        (node.refusals_count == 1 ? " restart" : " restarts") +
                                        " refused: " + node.last_refusal;
}

Table nodes_table(const std::vector<api::NodeView>& nodes, TimePoint now, bool reasons) {
  Table table({{"NODE", Column::left},
               {"STATE", Column::left},
               {"PARTITIONS", Column::flexible},
               {"ATTEMPTS", Column::right},
               {"LAST SEEN", Column::left},
               {"JOBS", Column::flexible},
               {"REASON", Column::flexible}});
  for (const api::NodeView& node : nodes) {
    table.row({node.name,
               or_dash(node.state),
               or_dash(join(node.partitions, ",")),
               std::to_string(node.attempts_count),
               node.last_seen_at ? ago(*node.last_seen_at, now) : "-",
               or_dash(join(node.jobs, ",")),
               reasons ? reason_of(node) : ""});
  }
  return table;
}

} // namespace

std::string nodes_text(const std::vector<api::NodeView>& nodes, TimePoint now, std::size_t width) {
  std::vector<std::pair<std::string, std::string>> reasons;
  for (const api::NodeView& node : nodes) {
    reasons.emplace_back(node.name, reason_of(node));
  }
  return table_or_below(
      nodes_table(nodes, now, true), nodes_table(nodes, now, false), reasons, width);
}

Table processes_table(const std::vector<api::ProcessView>& processes) {
  Table table({{"PID", Column::right},
               {"PPID", Column::right},
               {"NODE", Column::flexible},
               {"ROLE", Column::left},
               {"STATE", Column::left},
               {"MEMORY", Column::right},
               {"CPU", Column::right},
               {"NAME", Column::flexible}});
  for (const api::ProcessView& one : processes) {
    table.row({std::to_string(one.pid),
               one.ppid > 0 ? std::to_string(one.ppid) : "-",
               or_dash(one.node),
               one.role,
               one.state == "unknown" ? "-" : one.state,
               optional_bytes(one.resident_bytes),
               one.cpu ? short_duration(*one.cpu) : "-",
               one.name});
  }
  return table;
}

std::vector<std::pair<std::string, std::string>> stats_lines(const api::StatsView& stats) {
  std::string jobs;
  for (const auto& [state, count] : stats.jobs) {
    if (count > 0) {
      jobs += (jobs.empty() ? "" : ", ") + std::to_string(count) + " " + state;
    }
  }
  const api::TotalsView& time = stats.accounting;
  std::vector<std::pair<std::string, std::string>> lines{
      {"jobs", jobs.empty() ? "none" : jobs}, {"checkpoints", checkpoints_line(stats.checkpoints)}};
  if (stats.blocked.count > 0) {
    lines.emplace_back("stood still",
                       short_duration(stats.blocked.sum) + share(stats.blocked.sum, time.run) +
                           ", " + short_duration(stats.blocked.sum / stats.blocked.count) +
                           " on average, " + short_duration(stats.blocked.max) + " at most");
  }
  lines.emplace_back("stored",
                     human_bytes(stats.stored_bytes) +
                         (stats.stored_bytes < stats.raw_bytes
                              ? " (" + human_bytes(stats.raw_bytes) + " uncompressed)"
                              : ""));
  lines.emplace_back("ran", short_duration(time.run));
  lines.emplace_back("lost", short_duration(time.lost) + share(time.lost, time.run));
  lines.emplace_back("saved", short_duration(time.saved) + " that restarts had not to do again");
  lines.emplace_back("queued", short_duration(time.queue));
  return lines;
}

std::string pruned_text(const std::vector<api::PrunedView>& pruned,
                        const std::vector<Holding>& holding,
                        bool dry_run) {
  std::string text;
  std::uint64_t bytes = 0;
  for (const api::PrunedView& one : pruned) {
    text += one.job.str() + " " + one.generation.str() + ": " + optional_bytes(one.stored_bytes) +
            ", " + one.reason + "\n";
    bytes += one.stored_bytes.value_or(0);
  }
  if (!pruned.empty()) {
    text += human_bytes(bytes) + (dry_run ? " would be freed\n" : " freed\n");
  } else {
    text += holding.empty() ? "Nothing to remove: what is there is what the policies keep.\n"
                            : "Nothing can be removed now.\n";
  }
  for (const Holding& one : holding) {
    text += one.job.str() + " has " + std::to_string(one.sealed) + " checkpoints, --keep is " +
            std::to_string(one.keep) +
            (one.runs ? ": it runs, and what is too much goes with its next checkpoint\n"
                      : ": its runner may still be at work there; what is too much goes within "
                        "about a minute after it\n");
  }
  return text;
}

std::string verified_text(const std::vector<api::GenerationView>& generations) {
  std::string text;
  for (const api::GenerationView& one : generations) {
    text += one.job.str() + " " + one.id.str() + ": " +
            (one.state == GenerationState::sealed
                 ? "good, every byte is what was sealed (" + optional_bytes(one.stored_bytes) + ")"
                 : std::string(word(one.state)) + ": " + one.reason) +
            "\n";
  }
  return text;
}

std::string policy_text(const Policy& policy) {
  std::string text = "every " + interval_text(policy.every) + ", lead " +
                     (policy.lead ? format_duration(*policy.lead) : "auto") + ", keep " +
                     std::to_string(policy.keep) + ", at walltime " +
                     std::string(word(policy.at_walltime)) + ", at most " +
                     std::to_string(policy.max_restarts) + " restarts";
  if (policy.every.kind == Interval::Kind::off) {
    text += "; without interval checkpoints a fault costs all work since the last one";
  }
  if (policy.keep == 1) {
    text += "; with one generation kept there is nothing to fall back to if it is damaged";
  }
  return text;
}

std::string stopped_text(const std::map<std::string, std::int64_t>& jobs) {
  for (const JobState state : {JobState::running, JobState::stopping}) {
    const auto count = jobs.find(std::string(word(state)));
    if (count != jobs.end() && count->second > 0) {
      return "stopped; jobs go on without it";
    }
  }
  return "stopped";
}

std::string findings_verdict(const std::vector<Finding>& findings) {
  const auto problems = std::count_if(findings.begin(), findings.end(), [](const Finding& one) {
    return one.level == Finding::Level::problem;
  });
  switch (problems) {
  case 0:
    return "Nothing is wrong here: `ckpt submit -- PROGRAM ARGS…` starts a job.\n";
  case 1:
    return "One problem: what to do stands behind its arrow.\n";
  default:
    return std::to_string(problems) + " problems: what to do stands behind the arrows.\n";
  }
}

} // namespace ckpt::client
