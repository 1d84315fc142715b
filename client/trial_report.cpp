#include "client/trial_report.hpp"

#include "client/format.hpp"
#include "core/base/strings.hpp"
#include "core/json/fields.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace ckpt::client {
namespace {

using nlohmann::json;

constexpr std::size_t kWidth = 80;

/// A line of prose; commands and what programs said stay as they are.
std::string prose(const std::string& text, std::size_t indent) {
  return wrapped(text, kWidth, indent) + "\n";
}

std::string line_at(const std::string& text, std::size_t offset) {
  const std::size_t begin = offset == 0 ? 0 : text.rfind('\n', offset - 1) + 1;
  const std::size_t end = text.find('\n', offset);
  constexpr std::size_t kLongest = 120;
  return text.substr(begin,
                     std::min(kLongest, (end == std::string::npos ? text.size() : end) - begin));
}

std::string lines_text(const std::vector<std::string>& lines, const std::string& indent) {
  std::string text = lines.empty() ? "" : indent + "it said at last:\n";
  for (const std::string& line : lines) {
    text.append(indent).append("  | ").append(line).append("\n");
  }
  return text;
}

bool is_success(const TrialRun& run) {
  return !run.signal && run.exit_code == 0;
}

std::string how_it_ended(const TrialRun& run) {
  return run.signal      ? "by signal " + std::to_string(*run.signal)
         : run.exit_code ? "with exit status " + std::to_string(*run.exit_code)
                         : "with a status that is not known";
}

std::string name_of(const EngineTrial& trial) {
  return std::string(word(trial.engine)) + (trial.version.empty() ? "" : " " + trial.version);
}

std::string step_text(TrialStep step) {
  switch (step) {
  case TrialStep::start:
    return "it does not start under it";
  case TrialStep::checkpoint:
    return "no checkpoint";
  case TrialStep::restart:
    return "the checkpoint was taken, but no restart from it";
  case TrialStep::afterwards:
    return "restarted, but it does not go on as it should";
  case TrialStep::done:
    break;
  }
  return "carried";
}

std::string output_text(const EngineTrial& trial, bool repeatable) {
  if (!trial.output) {
    return "";
  }
  if (!trial.output->same) {
    if (!repeatable) {
      return "output not compared: the program never prints the same twice";
    }
    return "output differs in line " + std::to_string(trial.output->line) + ": '" +
           trial.output->found + "' instead of '" + trial.output->expected + "'";
  }
  if (trial.output->compared_bytes == 0) {
    return "no output to compare";
  }
  return "output as that of an undisturbed run (" + human_bytes(trial.output->compared_bytes) +
         " compared" + (trial.printed_after ? ")" : "; none of it behind the restart)");
}

std::string carried_text(const EngineTrial& trial, bool repeatable) {
  std::string text = "carried: checkpoint of " + human_bytes(trial.bytes.value_or(0)) +
                     ", the program stood still for " +
                     short_duration(trial.blocked.value_or(Duration{0})) + ", back " +
                     short_duration(trial.restarted_in.value_or(Duration{0})) +
                     " after the restart was asked for";
  if (trial.end) {
    text += ", ended " + how_it_ended(*trial.end);
  }
  const std::string output = output_text(trial, repeatable);
  return output.empty() ? text : text + "; " + output;
}

json maybe_seconds(const std::optional<Duration>& duration) {
  return duration ? json(seconds_json(*duration)) : json();
}

template <class Value> json maybe(const std::optional<Value>& value) {
  return value ? json(*value) : json();
}

json lines_json(const std::vector<std::string>& lines) {
  json list = json::array();
  for (const std::string& line : lines) {
    list.push_back(printable(line));
  }
  return list;
}

json engine_json(const EngineTrial& trial) {
  json warnings = json::array();
  for (const api::WarningView& warning : trial.warnings) {
    warnings.push_back({{"code", warning.code},
                        {"message", printable(warning.message)},
                        {"advice", warning.advice}});
  }
  json output;
  if (trial.output) {
    output = {{"same", trial.output->same},
              {"compared_bytes", trial.output->compared_bytes},
              {"line", trial.output->same ? json() : json(trial.output->line)},
              {"behind_restart", trial.printed_after}};
  }
  return {{"engine", word(trial.engine)},
          {"version", trial.version},
          {"usable", trial.usable},
          {"carried", trial.carried()},
          {"step", word(trial.step)},
          {"reason", printable(trial.reason)},
          {"advice", trial.advice},
          {"last_lines", lines_json(trial.last_lines)},
          {"blocked_seconds", maybe_seconds(trial.blocked)},
          {"bytes", maybe(trial.bytes)},
          {"restart_seconds", maybe_seconds(trial.restarted_in)},
          {"exit_code", trial.end ? maybe(trial.end->exit_code) : json()},
          {"signal", trial.end ? maybe(trial.end->signal) : json()},
          {"output", std::move(output)},
          {"warnings", std::move(warnings)}};
}

std::string command_for(const TrialReport& report, const EngineTrial& trial) {
  std::vector<std::string> words = report.options;
  words.push_back("--");
  words.insert(words.end(), report.argv.begin(), report.argv.end());
  return "ckpt submit --engine " + std::string(word(trial.engine)) + " " + shell_join(words);
}

void add_engine(std::string& text, const EngineTrial& trial, bool repeatable) {
  constexpr std::size_t kIndent = 2;
  const std::string name = name_of(trial) + ": ";
  text += "\n";
  if (trial.carried()) {
    text += prose(name + carried_text(trial, repeatable), kIndent);
  } else if (!trial.usable) {
    text += prose(name + "cannot be used here: " + trial.reason, kIndent);
  } else {
    text += prose(name + step_text(trial.step) + ": " + trial.reason, kIndent);
    text += lines_text(trial.last_lines, "  ");
  }
  if (!trial.carried() && !trial.advice.empty()) {
    text += prose("  to do: " + trial.advice, 2 * kIndent);
  }
  for (const api::WarningView& warning : trial.warnings) {
    text += prose("  but " + warning.message, 2 * kIndent);
    text += warning.advice.empty() ? "" : prose("    to do: " + warning.advice, 3 * kIndent);
  }
}

} // namespace

std::vector<std::string> end_of_text(const std::string& text) {
  constexpr std::size_t kMost = 5;
  constexpr std::size_t kLongest = 200;
  std::vector<std::string> lines;
  for (const std::string& line : split(text, '\n')) {
    if (!trim(line).empty()) {
      lines.push_back(line.substr(0, kLongest));
    }
  }
  if (lines.size() > kMost) {
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kMost));
  }
  return lines;
}

OutputComparison compare_outputs(const std::string& undisturbed, const std::string& interrupted) {
  OutputComparison result;
  const std::size_t common = std::min(undisturbed.size(), interrupted.size());
  const auto differs = std::mismatch(undisturbed.begin(),
                                     undisturbed.begin() + static_cast<std::ptrdiff_t>(common),
                                     interrupted.begin())
                           .first;
  const auto at = static_cast<std::size_t>(differs - undisturbed.begin());
  result.compared_bytes = at;
  result.same = at == common;
  if (!result.same) {
    result.line = static_cast<std::uint64_t>(std::count(undisturbed.begin(), differs, '\n')) + 1;
    result.expected = line_at(undisturbed, at);
    result.found = line_at(interrupted, at);
  }
  return result;
}

const EngineTrial* best_of(const TrialReport& report) {
  const EngineTrial* best = nullptr;
  for (const EngineTrial& trial : report.engines) {
    const bool better =
        trial.carried() && (best == nullptr || (!best->warnings.empty() && trial.warnings.empty()));
    best = better ? &trial : best;
  }
  return best;
}

int exit_status_of(const TrialReport& report) {
  constexpr int kRefused = 6;
  constexpr int kUnusable = 7;
  if (best_of(report) != nullptr) {
    return 0;
  }
  const bool any = std::any_of(
      report.engines.begin(), report.engines.end(), [](const auto& one) { return one.usable; });
  return any || report.too_fast ? kRefused : kUnusable;
}

namespace {

std::string too_fast_text(const TrialRun& run) {
  constexpr seconds kAtOnce{1};
  return prose("The program ended by itself " +
                   (run.took < kAtOnce ? "at once" : "after " + short_duration(run.took)) + ", " +
                   how_it_ended(run) + ": too soon for a trial.",
               0) +
         lines_text(run.last_lines, "") +
         prose(is_success(run)
                   ? "Give it more to do, or input as large as that of the real run; a program "
                     "that ends so fast needs no checkpoints."
                   : "Make it run by itself first, in this folder and with these arguments.",
               0);
}

std::string undisturbed_text(const TrialRun& run) {
  std::string text =
      prose("Undisturbed: " +
                (run.ended ? "ended after " + short_duration(run.took) + " " + how_it_ended(run)
                           : "ran on after " + short_duration(run.took)) +
                ", " + human_bytes(run.output.size()) + " of output",
            2);
  return run.ended && !is_success(run) ? text + lines_text(run.last_lines, "  ") : text;
}

std::string no_engine_text(const TrialReport& report) {
  constexpr int kNoneHere = 7;
  return std::string(exit_status_of(report) == kNoneHere
                         ? "There is none here that could: `ckpt doctor` tells how to get one."
                         : "No engine has carried it.") +
         " A program that saves itself can be run with --engine app.";
}

} // namespace

std::string trial_text(const TrialReport& report) {
  if (report.too_fast && report.undisturbed) {
    return too_fast_text(*report.undisturbed);
  }
  std::string text = report.undisturbed ? undisturbed_text(*report.undisturbed) : "";
  for (const EngineTrial& trial : report.engines) {
    add_engine(text, trial, report.repeatable);
  }
  const EngineTrial* best = best_of(report);
  return text + "\n" +
         (best != nullptr ? "Use: " + command_for(report, *best) + "\n"
                          : prose(no_engine_text(report), 0));
}

json trial_json(const TrialReport& report) {
  json engines = json::array();
  for (const EngineTrial& trial : report.engines) {
    engines.push_back(engine_json(trial));
  }
  json undisturbed;
  if (report.undisturbed) {
    const TrialRun& run = *report.undisturbed;
    undisturbed = {{"ended", run.ended},
                   {"seconds", seconds_json(run.took)},
                   {"exit_code", maybe(run.exit_code)},
                   {"signal", maybe(run.signal)},
                   {"output_bytes", run.output.size()},
                   {"last_lines", lines_json(run.last_lines)}};
  }
  const EngineTrial* best = best_of(report);
  return {{"carried_by", best != nullptr ? json(word(best->engine)) : json()},
          {"command", best != nullptr ? json(printable(command_for(report, *best))) : json()},
          {"too_fast", report.too_fast},
          {"repeatable", report.repeatable},
          {"undisturbed", std::move(undisturbed)},
          {"engines", std::move(engines)}};
}

} // namespace ckpt::client
