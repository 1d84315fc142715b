// Invariants: what may have happened is never called a failure; "down" is said only where the
// request cannot have reached the controller. Measured with 22.05.8
// (tests/data/slurm/controller-hung-and-down.txt): scontrol says "Unexpected message received" both
// when the controller is down and when it is hung, and did what it was asked in the latter case.
#include "core/scheduler/slurm/errors.hpp"

#include "core/base/strings.hpp"
#include "core/scheduler/slurm/options.hpp"

#include <array>

namespace ckpt::scheduler::slurm {
namespace {

struct Sign {
  std::string_view words;
  Trouble trouble;
};

// The first that is found counts: what is less certain stands above.
constexpr std::array kSigns{
    Sign{"Socket timed out", Trouble::maybe_done},
    Sign{"Zero Bytes were transmitted", Trouble::maybe_done},
    Sign{"Connection reset by peer", Trouble::maybe_done},
    Sign{"Unexpected message received", Trouble::maybe_done},
    Sign{"Slurm accounting storage is disabled", Trouble::no_accounting},
    Sign{"Problem talking to the database", Trouble::accounting_down},
    Sign{"Unable to contact slurm database", Trouble::accounting_down},
    Sign{"slurm_persist_conn_open", Trouble::accounting_down},
    Sign{"Unable to contact slurm controller", Trouble::controller_down},
    Sign{"backup controller in standby", Trouble::controller_down},
    Sign{"Message authentication failure", Trouble::controller_down},
    Sign{"authentication error", Trouble::controller_down},
    Sign{"Invalid authentication credential", Trouble::controller_down},
    Sign{"Munge encode failed", Trouble::controller_down},
    Sign{"auth plugin", Trouble::controller_down},
    Sign{"Unable to process configuration file", Trouble::controller_down},
    Sign{"Unable to establish configuration source", Trouble::controller_down},
    Sign{"cannot stat file", Trouble::controller_down},
    Sign{"Could not establish a configuration source", Trouble::controller_down},
    Sign{"Invalid job id", Trouble::no_such_job},
    Sign{"already finished", Trouble::already_over},
    Sign{"already completing or completed", Trouble::already_over},
    Sign{"no longer pending", Trouble::not_pending},
    Sign{"Job is pending execution", Trouble::still_pending},
    Sign{"can not be altered now", Trouble::still_pending},
    Sign{"presently disabled", Trouble::requeue_disabled},
    Sign{"Access/permission denied", Trouble::not_permitted},
    Sign{"Invalid user id", Trouble::not_permitted},
    Sign{"Resource temporarily unavailable", Trouble::busy},
    Sign{"temporarily unable to accept job", Trouble::busy},
    Sign{"MaxSubmitJob", Trouble::busy},
};

struct Cause {
  std::string_view words; ///< of sbatch
  std::string_view option;
};

constexpr std::array kCauses{
    Cause{"artition", "partition"},
    Cause{"account or account/partition", "account"},
    Cause{"Invalid account", "account"},
    Cause{"qos", "qos"},
    Cause{"QOS", "qos"},
    Cause{"--time", "time"},
    Cause{"time limit", "time"},
    Cause{"node name", "nodelist"},
    Cause{"ependency", "dependency"},
    Cause{"feature", "constraint"},
    Cause{"gres", "gres"},
    Cause{"--signal", "signal"},
    Cause{"emory specification", "mem"},
    Cause{"reservation", "reservation"},
    Cause{"license", "licenses"},
    Cause{"wckey", "wckey"},
};

/// "sbatch: error: Batch job…" without what the tool puts in front.
std::string_view without_prefix(std::string_view line) {
  constexpr std::array<std::string_view, 8> kPrefixes{"sbatch: ",
                                                      "scancel: ",
                                                      "squeue: ",
                                                      "scontrol: ",
                                                      "sacct: ",
                                                      "error: ",
                                                      "fatal: ",
                                                      "slurm_load_jobs error: "};
  for (const std::string_view prefix : kPrefixes) {
    if (line.starts_with(prefix)) {
      line.remove_prefix(prefix.size());
    }
  }
  return line;
}

std::string written_option(const std::vector<std::string>& args, std::string_view name) {
  const auto options = parse_options(args);
  std::string written;
  if (options) {
    for (const SbatchOption& option : *options) {
      if (option.name == name) {
        written = join(option.words, " ");
      }
    }
  }
  return written;
}

/// The option that sbatch complains about, as the user wrote it where it is among `args`.
std::string blamed_option(const std::string& words, const std::vector<std::string>& args) {
  for (const std::string_view quote : {"unrecognized option '", "invalid option -- '"}) {
    if (const std::size_t at = words.find(quote); at != std::string::npos) {
      const std::string rest = words.substr(at + quote.size());
      return rest.substr(0, rest.find('\''));
    }
  }
  for (const Cause& cause : kCauses) {
    if (words.find(cause.words) != std::string::npos) {
      const std::string written = written_option(args, cause.option);
      return written.empty() ? "--" + std::string(cause.option) : written;
    }
  }
  return {};
}

Error down(const std::string& message) {
  return {ErrorClass::unusable,
          Outcome::retryable,
          "scheduler_down",
          message,
          "nothing is lost: running jobs go on, and it is tried again"};
}

} // namespace

Trouble classify(const CommandResult& result) {
  if (result.timed_out) {
    // Clients wait a minute for their configuration before they speak to anyone.
    return result.err.find("cannot stat file") != std::string::npos ? Trouble::controller_down
                                                                    : Trouble::maybe_done;
  }
  const std::string all = result.err + result.out;
  for (const Sign& sign : kSigns) {
    if (all.find(sign.words) != std::string::npos) {
      return sign.trouble;
    }
  }
  return result.status.signal ? Trouble::maybe_done : Trouble::refused;
}

std::string words_of(const CommandResult& result) {
  std::vector<std::string> lines;
  for (const std::string& line : split_lines(result.err.empty() ? result.out : result.err)) {
    const std::string_view words = trim(without_prefix(line));
    if (!words.empty() && !words.starts_with("Try \"")) {
      lines.emplace_back(words);
    }
  }
  if (result.timed_out) {
    lines.push_back("no answer in " + format_duration(std::chrono::floor<seconds>(result.took)));
  }
  return lines.empty() ? result.status.describe() : join(lines, "; ");
}

Error command_error(const std::string& doing, const CommandResult& result) {
  const std::string message = "Slurm did not " + doing + ": " + words_of(result);
  const auto error = [&](ErrorClass cls, Outcome outcome, std::string code, std::string advice) {
    return Error{cls, outcome, std::move(code), message, std::move(advice)};
  };
  switch (classify(result)) {
  case Trouble::controller_down:
    return down(message);
  case Trouble::maybe_done:
    return error(ErrorClass::timed_out, Outcome::unknown, "outcome_unknown", "");
  case Trouble::no_such_job:
    return error(ErrorClass::not_found, Outcome::permanent, "no_such_allocation", "");
  case Trouble::already_over:
  case Trouble::not_pending:
  case Trouble::still_pending:
    return error(ErrorClass::conflict, Outcome::permanent, "allocation_state", "");
  case Trouble::requeue_disabled:
    return error(ErrorClass::conflict,
                 Outcome::permanent,
                 "requeue_refused",
                 "the site or --no-requeue forbids it: a new submission goes on instead");
  case Trouble::accounting_down:
  case Trouble::no_accounting:
    return error(ErrorClass::unusable, Outcome::retryable, "accounting_down", "");
  case Trouble::busy:
    return error(ErrorClass::refused, Outcome::retryable, "scheduler_busy", "");
  case Trouble::not_permitted:
  case Trouble::refused:
    break;
  }
  return error(ErrorClass::refused, Outcome::permanent, "scheduler_refused", "");
}

Error submit_error(const CommandResult& result, const std::vector<std::string>& args) {
  const std::string words = words_of(result);
  switch (classify(result)) {
  case Trouble::controller_down:
    return down("sbatch could not reach Slurm: " + words);
  case Trouble::maybe_done:
    return {ErrorClass::timed_out,
            Outcome::unknown,
            "submit_unknown",
            "sbatch did not tell whether the job was submitted: " + words,
            "it is looked for before it is submitted again"};
  case Trouble::busy:
    return {ErrorClass::refused,
            Outcome::retryable,
            "sbatch_refused",
            "sbatch refused the job for now: " + words,
            "a limit on submitted jobs; it is tried again"};
  case Trouble::no_such_job:
  case Trouble::already_over:
  case Trouble::not_pending:
  case Trouble::still_pending:
  case Trouble::no_accounting:
  case Trouble::accounting_down:
  case Trouble::not_permitted:
  case Trouble::requeue_disabled:
  case Trouble::refused:
    break;
  }
  const std::string option = blamed_option(words, args);
  return {ErrorClass::refused,
          Outcome::permanent,
          "sbatch_refused",
          "sbatch refused the job: " + words,
          option.empty() ? "submit it again with other options"
                         : "the option in question: " + option};
}

} // namespace ckpt::scheduler::slurm
