#include "client/trial.hpp"

#include "client/commands/commands.hpp"
#include "client/format.hpp"
#include "client/job_options.hpp"
#include "core/base/strings.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>

#include <csignal>

namespace ckpt::client {
namespace {

struct Options {
  std::vector<std::string> argv;
  std::optional<std::string> engine;
  std::optional<Duration> time;
  std::vector<std::string> ckpt_files;
  std::vector<std::string> append_files;
  std::optional<std::string> local_files;
};

constexpr Duration kUsualTime = seconds{10};
constexpr Duration kLeastTime = seconds{4};

/// What of the options has to be said again with `ckpt submit`.
std::vector<std::string> options_again(const Options& options) {
  std::vector<std::string> words;
  for (const std::string& glob : options.ckpt_files) {
    words.insert(words.end(), {"--ckpt-files", glob});
  }
  for (const std::string& glob : options.append_files) {
    words.insert(words.end(), {"--append-files", glob});
  }
  if (options.local_files) {
    words.insert(words.end(), {"--local-files", *options.local_files});
  }
  return words;
}

Result<TrialWish> wish_of(const Session& session, const Options& options) {
  TrialWish wish;
  SpecOptions spec;
  PolicyOptions policy;
  policy.ckpt_files = options.ckpt_files;
  policy.append_files = options.append_files;
  policy.local_files = options.local_files;
  auto request = make_submit_request(session, spec, policy, options.argv, {});
  if (!request) {
    return tl::unexpected(request.error());
  }
  wish.request = *std::move(request);
  wish.request.spec.time_limit.reset();
  wish.options = options_again(options);
  wish.time = options.time.value_or(kUsualTime);
  if (wish.time < kLeastTime) {
    return fail(ErrorClass::usage,
                "usage",
                "--time: less than " + format_duration(kLeastTime) + " shows nothing",
                "Leave it out, or write 30s.");
  }
  if (options.engine) {
    const auto engine = from_word<EngineKind>(*options.engine);
    if (!engine || (*engine != EngineKind::dmtcp && *engine != EngineKind::criu)) {
      return fail(ErrorClass::usage,
                  "usage",
                  "--engine: '" + *options.engine + "' cannot be tried",
                  "Write dmtcp or criu. A program that saves itself needs no trial: run it with "
                  "--engine app.");
    }
    wish.engine = *engine;
  }
  return wish;
}

int trial(Session& session, const Options& options) {
  const auto wish = wish_of(session, options);
  if (!wish) {
    return session.fail(wish.error());
  }
  session.say("this runs the program several times, in this folder");
  const auto report = run_trial(session, *wish);
  if (!report) {
    constexpr int kInterrupted = 128 + SIGINT;
    const int status = session.fail(report.error());
    return report.error().code == "interrupted" ? kInterrupted : status;
  }
  const std::string text = session.json() ? dump_json_pretty(trial_json(*report)) + "\n"
                                          : printable(trial_text(*report));
  std::fputs(text.c_str(), session.raw_out());
  std::fflush(session.raw_out());
  return exit_status_of(*report);
}

} // namespace

void add_trial(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("trial", "Can this program be checkpointed, and by which engine?");
  verb.program(options->argv);
  verb.text("--engine", options->engine, "dmtcp|criu", "Only this one (all that are here)")
      .duration("--time", options->time, "Of one run (10s)")
      .texts("--ckpt-files", options->ckpt_files, "GLOB", "As with submit; may be repeated")
      .texts("--append-files", options->append_files, "GLOB", "As with submit; may be repeated")
      .text("--local-files", options->local_files, "save|warn|ignore", "As with submit");
  verb.footer(
      "Runs it on this machine, in this folder: once undisturbed, and under each engine with "
      "a checkpoint, a sudden end and a restart on the way. Takes about a minute. Ends with 0 if "
      "an engine has carried it, 6 if none has, 7 if there is none here.");
  verb.runs([options](Session& session) { return trial(session, *options); });
}

} // namespace ckpt::client
