#include "client/commands/commands.hpp"
#include "client/follow.hpp"

namespace ckpt::client {
namespace {

struct Options {
  std::string job;
  bool follow = false;
  bool errors = false;
  bool runner = false;
  bool coordinator = false;
  std::optional<int> attempt;
};

int logs(Session& session, const Options& options) {
  if (session.json()) {
    return session.fail(Error{ErrorClass::usage,
                              Outcome::permanent,
                              "usage",
                              "output of a program is no JSON",
                              "Leave --json out."});
  }
  const int streams = static_cast<int>(options.errors) + static_cast<int>(options.runner) +
                      static_cast<int>(options.coordinator);
  if (streams > 1) {
    return session.fail(Error{ErrorClass::usage,
                              Outcome::permanent,
                              "usage",
                              "more than one stream is named",
                              "Give one of --stderr, --runner, --coordinator."});
  }
  api::OutputRequest request;
  request.stream = options.errors        ? api::OutputStream::stderr_text
                   : options.runner      ? api::OutputStream::runner
                   : options.coordinator ? api::OutputStream::coordinator
                                         : api::OutputStream::stdout_text;
  if (options.attempt) {
    request.attempt = AttemptId{*options.attempt};
  }
  const auto copied =
      copy_output(session, options.job, request, options.follow, session.raw_out(), {});
  return copied ? 0 : session.fail(copied.error());
}

} // namespace

void add_logs(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("logs", "Output of a job, over all its attempts");
  verb.argument("JOB", options->job, "Id, name, Slurm job id, or last")
      .flag("-f,--follow", options->follow, "Go on until it has ended or was parked")
      .flag("--stderr", options->errors, "Standard error, where it has a file of its own")
      .flag("--runner", options->runner, "What our runner did in the allocation")
      .flag("--coordinator", options->coordinator, "The engine's own log")
      .number("--attempt", options->attempt, 1, "With --runner, --coordinator: of this attempt");
  verb.runs([options](Session& session) { return logs(session, *options); });
}

} // namespace ckpt::client
