#include "core/base/strings.hpp"
#include "daemon/daemon.hpp"

#include <algorithm>
#include <array>

namespace ckpt::daemon {

namespace {

// The help, ckptd(8) and the guess at what was meant are made of these.
constexpr std::array kOptions{
    OptionHelp{"--config", "FILE", "Configuration ($XDG_CONFIG_HOME/ckptd/config.toml)"},
    OptionHelp{"--foreground", "", "Log to standard error instead of to ckptd.log"},
    OptionHelp{"--rebuild", "", "Make the registry again from the store; the old one is put aside"},
    OptionHelp{"--adopt-store", "", "Take the store over from another state folder"},
    OptionHelp{"--version", "", "Print the version and exit"},
    OptionHelp{"--help", "", "Print this help and exit (-h)"},
};

constexpr std::array kStatuses{
    StatusHelp{0, "ended as asked"},
    StatusHelp{1, "failed"},
    StatusHelp{2, "usage or configuration"},
    StatusHelp{4, "another daemon or state folder has it"},
    StatusHelp{6, "refused"},
    StatusHelp{7, "not usable here"},
};

constexpr std::size_t kHelpColumn = 18;

} // namespace

std::span<const OptionHelp> options() {
  return kOptions;
}

std::span<const StatusHelp> exit_statuses() {
  return kStatuses;
}

std::string usage() {
  std::string text =
      "The per-user daemon of ckpt: knows all jobs, asks the scheduler, serves the API.\n"
      "`ckpt` starts it when a command needs it.\n"
      "Usage: ckptd [OPTIONS]\n"
      "\n"
      "Options:\n";
  for (const OptionHelp& option : kOptions) {
    std::string line =
        std::string("  ") + option.name + (*option.value == 0 ? "" : " ") + option.value;
    line.resize(std::max(line.size() + 1, kHelpColumn), ' ');
    text += line + option.help + "\n";
  }
  text +=
      "\nEnvironment: CKPTD_CLUSTER, CKPTD_CONFIG, CKPTD_STATE_DIR, CKPTD_STORE, CKPTD_SCHEDULER,\n"
      "CKPT_DMTCP_ROOT, CKPT_CRIU. `ckpt config show` tells each value and where it comes from.\n"
      "Ends on TERM and INT; jobs go on without it.\n"
      "Exit status:";
  for (const StatusHelp& one : kStatuses) {
    text += (one.status == 0 ? " " : ", ") + std::to_string(one.status) + " " + one.meaning;
  }
  return text + ".\n";
}

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
    } else if (word == "--adopt-store") {
      line.adopt_store = true;
    } else if (word == "--version") {
      line.version = true;
    } else if (word == "--help" || word == "-h") {
      line.help = true;
    } else if (word == "--config") {
      return fail(ErrorClass::usage, "usage", "--config needs a file", "Type `ckptd --help`.");
    } else {
      std::vector<std::string> names;
      for (const OptionHelp& option : kOptions) {
        names.emplace_back(option.name);
      }
      const std::string near = nearest(word, names);
      return fail(ErrorClass::usage,
                  "usage",
                  "unknown argument '" + word + "'",
                  near.empty() ? "Type `ckptd --help`." : "Did you mean " + near + "?");
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
