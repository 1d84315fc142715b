#pragma once

#include "api/config.hpp"
#include "api/endpoint.hpp"
#include "core/domain/result.hpp"

#include <span>
#include <string>
#include <vector>

namespace ckpt::daemon {

using api::Config;

struct DaemonOptions {
  api::Environment env;
  api::Paths paths;
  Config config;
  std::string runner_executable; ///< ckpt-runner beside us; copied into the store
  bool foreground = false;       ///< log to standard error
  bool rebuild = false;          ///< make the registry again from the store
  bool adopt_store = false;      ///< take the store over from another state folder
};

/// What main() was called with.
struct CommandLine {
  std::string config;
  bool foreground = false;
  bool rebuild = false;
  bool adopt_store = false;
  bool version = false;
  bool help = false;
};

struct OptionHelp {
  const char* name;
  const char* value; ///< empty: a flag
  const char* help;
};
struct StatusHelp {
  int status;
  const char* meaning;
};
/// For --help and ckptd(8).
std::span<const OptionHelp> options();
std::span<const StatusHelp> exit_statuses();
std::string usage(); ///< what --help prints
Result<CommandLine> read_command_line(const std::vector<std::string>& arguments);

/// Exit status of an Error, as the contract lists them.
int exit_status(const Error& error);

/// Serves until TERM or INT, or until it was idle for long enough. Jobs go on without it.
Status run_daemon(const DaemonOptions& options);

} // namespace ckpt::daemon
