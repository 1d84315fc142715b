#include "client/format.hpp"
#include "client/trial_report.hpp"
#include "core/base/strings.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace ckpt;
using namespace ckpt::client;

namespace {

EngineTrial carried(EngineKind engine) {
  EngineTrial trial;
  trial.engine = engine;
  trial.version = "4.2.0";
  trial.step = TrialStep::done;
  trial.blocked = milliseconds{400};
  trial.bytes = 12'300'000;
  trial.restarted_in = seconds{2};
  trial.output = compare_outputs("a\nb\nc\n", "a\nb\n");
  trial.printed_after = true;
  return trial;
}

EngineTrial not_carried(EngineKind engine, TrialStep step, const std::string& reason) {
  EngineTrial trial;
  trial.engine = engine;
  trial.step = step;
  trial.reason = reason;
  return trial;
}

TrialReport report_of(std::vector<EngineTrial> engines) {
  TrialReport report;
  report.argv = {"./sim", "my input"};
  report.time = seconds{10};
  report.undisturbed = TrialRun{};
  report.undisturbed->took = seconds{10};
  report.engines = std::move(engines);
  return report;
}

/// As it stands, or broken into lines on the way.
bool has(const std::string& text, const std::string& part) {
  std::string flat;
  for (const std::string& one : split(text, '\n')) {
    flat += (flat.empty() ? "" : " ") + std::string(trim(one));
  }
  return text.find(part) != std::string::npos || flat.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("outputs are compared as far as both got") {
  CHECK(compare_outputs("", "").same);
  CHECK(compare_outputs("a\nb\nc", "a\nb").compared_bytes == 3);
  CHECK(compare_outputs("a\nb", "a\nb\nc\n").same);
  const auto repeated = compare_outputs("1\n2\n3\n4\n", "1\n2\n2\n3\n4\n");
  CHECK_FALSE(repeated.same);
  CHECK(repeated.compared_bytes == 4);
  CHECK(repeated.line == 3);
  CHECK(repeated.expected == "3");
  CHECK(repeated.found == "2");
  const auto first = compare_outputs("abc\n", "xbc\n");
  CHECK(first.line == 1);
  CHECK(first.found == "xbc");
}

TEST_CASE("an engine that carries the program is told with its numbers and the command to type") {
  const TrialReport report = report_of({carried(EngineKind::dmtcp)});
  const std::string text = trial_text(report);
  CHECK(has(text, "dmtcp 4.2.0: carried: checkpoint of 12.3 MB"));
  CHECK(has(text, "output as that of an undisturbed run (4 B compared)"));
  CHECK(has(text, "Use: ckpt submit --engine dmtcp -- ./sim 'my input'"));
  for (const std::string& line : split_lines(text)) {
    CHECK_MESSAGE(display_width(line) <= 80, line);
  }
  CHECK(exit_status_of(report) == 0);
  const auto json = trial_json(report);
  CHECK(json["carried_by"] == "dmtcp");
  CHECK(json["engines"][0]["blocked_seconds"] == 0.4);
  CHECK(json["engines"][0]["output"]["same"] == true);
  CHECK(json["command"] == "ckpt submit --engine dmtcp -- ./sim 'my input'");
}

TEST_CASE("an engine without warnings is proposed before one with; options are said again") {
  EngineTrial warned = carried(EngineKind::dmtcp);
  warned.warnings = {{"uncovered_files", "the program changes files in place: x.db", "name them"}};
  TrialReport report = report_of({warned, carried(EngineKind::criu)});
  report.options = {"--append-files", "log*"};
  CHECK(best_of(report)->engine == EngineKind::criu);
  const std::string text = trial_text(report);
  CHECK(has(text, "but the program changes files in place: x.db"));
  CHECK(has(text, "to do: name them"));
  CHECK(has(text, "Use: ckpt submit --engine criu --append-files 'log*' -- ./sim"));
}

TEST_CASE("why an engine does not carry it, and how the trial ends then") {
  TrialReport report =
      report_of({not_carried(EngineKind::dmtcp, TrialStep::start, "a static binary"),
                 not_carried(EngineKind::criu, TrialStep::checkpoint, "a connection is open")});
  report.engines[0].advice = "use --engine criu";
  std::string text = trial_text(report);
  CHECK(has(text, "dmtcp: it does not start under it: a static binary"));
  CHECK(has(text, "to do: use --engine criu"));
  CHECK(has(text, "criu: no checkpoint: a connection is open"));
  CHECK(has(text, "No engine has carried it."));
  CHECK(exit_status_of(report) == 6);
  CHECK(trial_json(report)["carried_by"].is_null());
  CHECK(trial_json(report)["engines"][1]["step"] == "checkpoint");

  for (EngineTrial& trial : report.engines) {
    trial.usable = false;
    trial.reason = "not installed";
  }
  text = trial_text(report);
  CHECK(has(text, "criu: cannot be used here: not installed"));
  CHECK(exit_status_of(report) == 7);
  CHECK(has(text, "There is none here that could: `ckpt doctor`"));
  CHECK_FALSE(has(text, "docs/")); // which is not where the user is
}

TEST_CASE("a program that ends at once is told so, and is no success") {
  TrialReport report;
  report.undisturbed = TrialRun{};
  report.undisturbed->ended = true;
  report.undisturbed->took = milliseconds{300};
  report.undisturbed->exit_code = 3;
  report.too_fast = true;
  CHECK(has(trial_text(report), "ended by itself at once"));
  CHECK(has(trial_text(report), "with exit status 3"));
  CHECK(exit_status_of(report) == 6);
  CHECK(trial_json(report)["too_fast"] == true);
  report.undisturbed->last_lines = end_of_text("a\nb\n\n1\n2\n3\ncannot open input.dat\n");
  CHECK(has(trial_text(report), "it said at last:\n  | b\n  | 1\n  | 2\n  | 3\n  | cannot open"));
  CHECK(has(trial_text(report), "by itself first"));
  CHECK(trial_json(report)["undisturbed"]["last_lines"][4] == "cannot open input.dat");
}

TEST_CASE("what the program said where it ended too soon stands below the engine") {
  TrialReport report =
      report_of({not_carried(EngineKind::criu, TrialStep::checkpoint, "it ended")});
  report.engines[0].last_lines = end_of_text("no licence");
  CHECK(has(trial_text(report), "no checkpoint: it ended\n  it said at last:\n    | no licence\n"));
  CHECK(trial_json(report)["engines"][0]["last_lines"][0] == "no licence");
}

TEST_CASE("a program that never prints the same twice is not held to it") {
  EngineTrial trial = carried(EngineKind::criu);
  trial.output = compare_outputs("12:00\n", "12:07\n");
  TrialReport report = report_of({trial});
  report.repeatable = false;
  CHECK(has(trial_text(report), "never prints the same twice"));
  CHECK(exit_status_of(report) == 0);
  report.engines[0].output = compare_outputs("", "");
  CHECK(has(trial_text(report), "no output to compare"));
  report.engines[0].output = compare_outputs("a\n", "a\n");
  report.engines[0].printed_after = false;
  CHECK(has(trial_text(report), "none of it behind the restart"));
}
