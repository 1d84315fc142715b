#include "daemon/daemon.hpp"

namespace ckpt::daemon {

Result<CommandLine> read_command_line(const std::vector<std::string>& arguments) {
  CommandLine line;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--config" && i + 1 < arguments.size()) {
      line.config = arguments[++i];
    } else if (word.rfind("--config=", 0) == 0) {
      line.config = word.substr(9);
    } else if (word == "--foreground") {
      line.foreground = true;
    } else if (word == "--rebuild") {
      line.rebuild = true;
    } else if (word == "--version") {
      line.version = true;
    } else {
      return fail(ErrorClass::usage,
                  "usage",
                  "unknown argument '" + word + "'",
                  "ckptd [--config FILE] [--foreground] [--rebuild] [--version]");
    }
  }
  return line;
}

int exit_status(const Error& error) {
  switch (error.cls) {
  case ErrorClass::failed:
    return 1;
  case ErrorClass::usage:
    return 2;
  case ErrorClass::not_found:
    return 3;
  case ErrorClass::conflict:
    return 4;
  case ErrorClass::no_daemon:
    return 5;
  case ErrorClass::refused:
    return 6;
  case ErrorClass::unusable:
    return 7;
  case ErrorClass::timed_out:
    return 8;
  }
  return 1;
}

} // namespace ckpt::daemon
