#pragma once

#include "core/domain/result.hpp"
#include "core/domain/time.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

// The command line, so that a verb's file need not know the library that parses it. What a verb
// binds must live as long as the Cli (verbs keep theirs in a shared_ptr that their action holds).

namespace ckpt::client {

class Session;

/// Takes one value of an option; returns what is wrong with it, or nothing.
using Taker = std::function<std::optional<std::string>(const std::string& value)>;

class Verb {
public:
  struct Impl;
  explicit Verb(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  const std::string& name() const;
  /// Heads the options that follow in the help.
  Verb& group(const std::string& title);
  Verb& flag(const std::string& names, bool& target, const std::string& help);
  Verb& text(const std::string& names,
             std::optional<std::string>& target,
             const std::string& value,
             const std::string& help);
  /// May be repeated.
  Verb& texts(const std::string& names,
              std::vector<std::string>& target,
              const std::string& value,
              const std::string& help);
  Verb&
  number(const std::string& names, std::optional<int>& target, int lowest, const std::string& help);
  /// 90s, 30m, 24:00:00; a bare number is refused.
  Verb&
  duration(const std::string& names, std::optional<Duration>& target, const std::string& help);
  /// As sbatch's --time: a bare number is minutes.
  Verb&
  time_limit(const std::string& names, std::optional<Duration>& target, const std::string& help);
  /// May be repeated.
  Verb& taking(const std::string& names,
               Taker taker,
               const std::string& value,
               const std::string& help,
               bool value_optional = false);
  /// A flag that calls back.
  Verb& marking(const std::string& names, std::function<void()> callback, const std::string& help);
  Verb& argument(const std::string& name, std::string& target, const std::string& help);
  Verb& optional_argument(const std::string& name, std::string& target, const std::string& help);
  Verb&
  arguments(const std::string& name, std::vector<std::string>& target, const std::string& help);
  /// What stands behind `--`.
  Verb& program(std::vector<std::string>& argv);
  /// As sbatch has it: the first word that is no option, and all behind it, `--` or not.
  Verb& script(std::vector<std::string>& argv);
  /// Lines at the end of the help.
  Verb& footer(const std::string& text);
  /// Left out of the help: for scripts of ours.
  Verb& hidden();
  /// A verb below this one ("daemon start").
  Verb verb(const std::string& name, const std::string& help);
  void runs(std::function<int(Session&)> action);

private:
  Verb& span(const std::string& names,
             std::optional<Duration>& target,
             Result<Duration> (*parse)(std::string_view),
             const std::string& value,
             const std::string& help);
  std::shared_ptr<Impl> impl_;
};

/// What a verb looks like from outside, for completion and manual pages.
struct VerbDescription {
  struct Option {
    std::vector<std::string> names; ///< "-J", "--job-name"
    std::string value;              ///< empty: a flag
    std::string help;
    std::string group;
  };
  std::string name;
  std::string help;
  std::vector<std::pair<std::string, std::string>> arguments; ///< name and help
  bool takes_program = false;                                 ///< behind `--`
  std::vector<Option> options;
  std::string footer;
  std::vector<VerbDescription> verbs; ///< below it
};

struct StatusMeaning {
  int status;
  const char* meaning;
};
/// What `ckpt` ends with; `run` and `wait` say more in their own help.
std::span<const StatusMeaning> exit_statuses();

class Cli {
public:
  Cli();
  ~Cli();
  Cli(const Cli&) = delete;
  Cli& operator=(const Cli&) = delete;

  Verb verb(const std::string& name, const std::string& help);
  std::vector<VerbDescription> describe() const;
  /// What stands before a verb: name, help and options, no verbs.
  VerbDescription describe_itself() const;

  struct Parsed {
    bool json = false;
    std::string cluster;                 ///< of --cluster; empty: the usual one
    std::function<int(Session&)> action; ///< empty: `text` is the answer (help, version)
    std::string text;
  };
  /// `args` without the program's own name. Errors are of class usage.
  Result<Parsed> parse(std::vector<std::string> args);

private:
  std::string help() const;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace ckpt::client
