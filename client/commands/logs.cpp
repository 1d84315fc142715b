#include "client/array.hpp"
#include "client/commands/commands.hpp"
#include "client/follow.hpp"
#include "client/format.hpp"

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

/// "j-7 failed (exit status 2)": of a job that is settled.
std::string what_became_of(const api::JobView& job, bool with_reason) {
  const std::string id = job.id.str();
  const std::string outcome =
      with_reason ? outcome_with_reason(job) : outcome_of(job.state, job.exit_code, job.signal);
  return job.state == JobState::completed ? id + " is done"
         : job.state == JobState::failed  ? id + " " + outcome
                                          : id + " was " + outcome;
}

/// Who has followed it to its end is told which end that is.
void tell_end(Session& session, const Options& options) {
  const auto daemon = session.daemon();
  const auto job = daemon ? (*daemon)->job(options.job) : tl::unexpected(daemon.error());
  if (!job || !is_settled(job->state)) {
    return; // the output was told, and this is no part of it
  }
  session.say(what_became_of(*job, true) + (job->state == JobState::completed
                                                ? ""
                                                : "; `ckpt why " + job->id.str() + "` tells more"));
}

/// What an empty answer means: nothing looks like a mistake.
void explain_nothing(Session& session, const Options& options) {
  const auto daemon = session.daemon();
  const auto job = daemon ? (*daemon)->job(options.job) : tl::unexpected(daemon.error());
  if (!job) {
    return; // the output was told, and this is no part of it
  }
  const std::string id = job->id.str();
  if (options.runner) {
    session.say("the runner of " +
                (options.attempt ? "attempt " + std::to_string(*options.attempt)
                                 : std::string("the newest attempt")) +
                " has noted no trouble, and it notes nothing else; `ckpt events " + id +
                "` tells what it did");
  } else if (options.coordinator) {
    session.say("the engine of that attempt has no log");
  } else if (is_settled(job->state)) {
    session.say(what_became_of(*job, false) + ", and printed nothing" +
                (options.errors ? " there" : "") + "; `ckpt why " + id + "` tells more");
  } else {
    session.say("no output yet: " + id + " is " + std::string(word(job->state)) + "; `ckpt why " +
                id + "` tells more");
  }
}

/// Who follows a job that is silent sees nothing for minutes: what for, once.
class Silence {
public:
  Silence(Session& session, const Options& options) : session_(session), options_(options) {}

  Status look(std::uint64_t copied) {
    const bool grew = copied != copied_;
    copied_ = copied;
    if (grew || said_ || options_.runner || options_.coordinator) {
      return {};
    }
    said_ = true; // whatever comes of it: the next turn would hear the same
    const auto daemon = session_.daemon();
    const auto job = daemon ? (*daemon)->job(options_.job) : tl::unexpected(daemon.error());
    if (!job) {
      return {}; // the output itself will tell
    }
    const std::string id = job->id.str();
    const char* const end = ". Ctrl-C ends the look, not the job.";
    if (job->state == JobState::queued) {
      session_.say(id + " is queued: its output " + (copied > 0 ? "goes on" : "follows") +
                   " when it runs (`ckpt why " + id + "` tells more)" + end);
    } else if (copied == 0 && !is_settled(job->state)) {
      session_.say(id + " is " + std::string(word(job->state)) +
                   " and has printed nothing yet: its output follows" + end);
    }
    return {};
  }

private:
  Session& session_;
  const Options& options_;
  std::uint64_t copied_ = 0;
  bool said_ = false;
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
  Silence silence(session, options);
  const auto copied = copy_output(
      session, options.job, request, options.follow, session.raw_out(), [&](std::uint64_t so_far) {
        return options.follow ? silence.look(so_far) : Status();
      });
  if (!copied && copied.error().code == "output_closed") {
    return 0; // whoever reads it (`head`) has seen enough
  }
  if (!copied) {
    return session.fail(with_tasks(session, options.job, copied.error()));
  }
  if (*copied == 0) {
    explain_nothing(session, options);
  } else if (options.follow) {
    tell_end(session, options);
  }
  return 0;
}

} // namespace

void add_logs(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("logs", "Output of a job, over all its attempts");
  verb.argument("JOB", options->job, "Id, name, Slurm job id, or last")
      .flag("-f,--follow", options->follow, "Go on until it has ended or was parked")
      .flag("--stderr", options->errors, "Standard error, where it has a file of its own")
      .flag("--runner", options->runner, "What went wrong for our runner in the allocation")
      .flag("--coordinator", options->coordinator, "The engine's own log")
      .number("--attempt", options->attempt, 1, "With --runner, --coordinator: of this attempt");
  verb.runs([options](Session& session) { return logs(session, *options); });
}

} // namespace ckpt::client
