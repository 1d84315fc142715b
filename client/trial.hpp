#pragma once

#include "client/session.hpp"
#include "client/trial_report.hpp"

#include <functional>

namespace ckpt::client {

/// What is to be tried.
struct TrialWish {
  api::SubmitRequest request;       ///< the program; engine, names and files of the output are ours
  Duration time{0};                 ///< of one run
  std::optional<EngineKind> engine; ///< nothing: all that can be used here
  std::vector<std::string> options; ///< see TrialReport
};

/// Runs the program on this machine: once undisturbed, and once under each engine with a
/// checkpoint, an end without warning and a restart on the way. Under a daemon of its own with a
/// store of its own below $TMPDIR, of which nothing is left. `interrupted` (class failed) after a
/// Ctrl-C; an error that the trial itself had (no ckptd, no room).
Result<TrialReport> run_trial(Session& session, const TrialWish& wish);

} // namespace ckpt::client
