#include "client/commands/commands.hpp"
#include "client/follow.hpp"
#include "client/job_options.hpp"
#include "core/base/clock.hpp"

#include <csignal>

namespace ckpt::client {
namespace {

struct Options {
  std::vector<std::string> argv;
  SpecOptions spec;
  PolicyOptions policy;
};

/// Follows Ctrl-C: the first one asks for a checkpoint and parks, the second ends the job.
class Interrupts {
public:
  Interrupts(Session& session, std::string job)
      : session_(session), job_(std::move(job)), count_(count_interrupts()) {}

  Status look() {
    if (count_ > 0 && handled_ == 0) {
      handled_ = 1;
      session_.say("taking a checkpoint and parking " + job_ + "; Ctrl-C again ends it");
      return act([&](ApiClient& client) { return client.stop(job_, Duration{0}); });
    }
    if (count_ > 1 && handled_ == 1) {
      handled_ = 2;
      session_.say("ending " + job_);
      return act([&](ApiClient& client) { return client.cancel(job_, Duration{0}); });
    }
    return {};
  }
  bool ended_it() const { return handled_ == 2; }

private:
  template <class Call> Status act(const Call& call) {
    const auto daemon = session_.daemon();
    if (!daemon) {
      return tl::unexpected(daemon.error());
    }
    const auto job = call(**daemon);
    if (!job && job.error().cls == ErrorClass::conflict) {
      return {}; // it ended in this instant
    }
    return job ? Status() : Status(tl::unexpected(job.error()));
  }
  Session& session_;
  std::string job_;
  const std::atomic<int>& count_;
  int handled_ = 0;
};

int run(Session& session, const Options& options) {
  auto request = make_submit_request(session, options.spec, options.policy, options.argv, {});
  if (!request) {
    return session.fail(request.error());
  }
  request->scheduler = SchedulerKind::local;
  if (auto fine = session.use_scheduler(SchedulerKind::local); !fine) {
    return session.fail(fine.error());
  }
  const auto daemon = session.daemon();
  if (!daemon) {
    return session.fail(daemon.error());
  }
  count_interrupts(); // from here on a Ctrl-C must not leave a job behind that nobody looks at
  const auto job = (*daemon)->submit(*request);
  if (!job) {
    return session.fail(job.error());
  }
  const std::string id = job->id.str();
  session.say(id + " runs on this machine; Ctrl-C checkpoints and parks it");
  Interrupts interrupts(session, id);
  // With --json standard output belongs to the one JSON value.
  std::FILE* out = session.json() ? stderr : session.raw_out();
  const auto copied = copy_output(
      session, id, {}, true, out, [&](std::uint64_t /*copied*/) { return interrupts.look(); });
  if (!copied) {
    return session.fail(copied.error());
  }
  // The second Ctrl-C may have come while the job was being parked.
  if (const Status last = interrupts.look(); !last) {
    return session.fail(last.error());
  }
  const auto ended = wait_for_job(
      session, id, std::nullopt, [](const api::JobView& view) { return is_settled(view.state); });
  if (!ended) {
    return session.fail(ended.error());
  }
  JobResult result = result_of(*ended);
  if (ended->state == JobState::cancelled && interrupts.ended_it()) {
    constexpr int kInterrupted = 128 + SIGINT;
    result.exit_status = kInterrupted;
  }
  if (session.json()) {
    session.out().results({result});
  } else if (!result.from_program || result.exit_status != 0) {
    session.say(id + " " + std::string(word(ended->state)) +
                (ended->reason.empty() ? "" : ": " + ended->reason) +
                (ended->state == JobState::parked ? "; go on with `ckpt restart " + id + "`" : ""));
  }
  return result.exit_status;
}

} // namespace

void add_run(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("run", "A job on this machine, attached");
  verb.program(options->argv);
  add_spec_options(verb, options->spec);
  add_policy_options(verb, options->policy);
  verb.footer("Ctrl-C checkpoints and parks it, a second one ends it.\nEnds with the program's own "
              "status, 128+n for signal n, 85 when it was parked.");
  verb.runs([options](Session& session) { return run(session, *options); });
}

} // namespace ckpt::client
