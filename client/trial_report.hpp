#pragma once

#include "api/views.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// What `ckpt trial` found, and how it is told. Pure.

namespace ckpt::client {

/// Two outputs, as far as both got.
struct OutputComparison {
  bool same = true;
  std::uint64_t compared_bytes = 0;
  std::uint64_t line = 0; ///< of the first difference, from 1
  std::string expected;   ///< that line of the undisturbed run
  std::string found;      ///< and of the other one
};
OutputComparison compare_outputs(const std::string& undisturbed, const std::string& interrupted);

/// The last lines of a program's output, for people: no empty ones, long ones cut short.
std::vector<std::string> end_of_text(const std::string& text);

/// How a run went by itself.
struct TrialRun {
  bool ended = false; ///< within the time
  Duration took{0};
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::string output;
  std::vector<std::string> last_lines; ///< what it said at last
};

enum class TrialStep { start, checkpoint, restart, afterwards, done };

/// What one engine made of the program.
struct EngineTrial {
  EngineKind engine = EngineKind::dmtcp;
  std::string version;
  bool usable = true;                ///< the engine, on this machine
  TrialStep step = TrialStep::start; ///< where it ended; `done`: carried
  std::string reason;
  std::string advice;
  std::vector<std::string> last_lines; ///< what the program said, where it ended too soon
  std::optional<Duration> blocked;
  std::optional<std::uint64_t> bytes;
  std::optional<Duration> restarted_in;
  std::optional<OutputComparison> output;
  bool printed_after = false;  ///< it wrote output behind its restart
  std::optional<TrialRun> end; ///< it ended by itself after its restart
  std::vector<api::WarningView> warnings;
  bool carried() const { return step == TrialStep::done; }
};

struct TrialReport {
  std::vector<std::string> argv;
  std::string cwd;
  Duration time{0};
  std::optional<TrialRun> undisturbed;
  bool too_fast = false;  ///< it ended before a checkpoint could be worth its while
  bool repeatable = true; ///< two undisturbed runs print the same
  std::vector<EngineTrial> engines;
  std::vector<std::string> options; ///< as given, for the command that is proposed
};

/// The engine to use; nothing if none has carried it. One without warnings before one with.
const EngineTrial* best_of(const TrialReport& report);
/// 0, 6 (no engine carried it) or 7 (none can be used here).
int exit_status_of(const TrialReport& report);
std::string trial_text(const TrialReport& report);
nlohmann::json trial_json(const TrialReport& report);

} // namespace ckpt::client

namespace ckpt {
CKPT_WORDS(client::TrialStep, start, checkpoint, restart, afterwards, done);
} // namespace ckpt
