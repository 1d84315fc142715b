#include "client/commands/commands.hpp"
#include "client/job_options.hpp"
#include "client/sbatch_options.hpp"
#include "core/base/clock.hpp"

namespace ckpt::client {
namespace {

struct Options {
  std::vector<std::string> argv;
  SpecOptions spec;
  PolicyOptions policy;
  std::vector<std::string> sbatch_args;
  std::optional<std::string> scheduler;
};

/// The scheduler's number comes a moment after the job is durable: worth waiting for, since it is
/// what people look for in squeue.
api::JobView with_number(ApiClient& client, api::JobView job) {
  constexpr seconds kPatience{3};
  constexpr milliseconds kLookAgain{50};
  Clock& clock = system_clock();
  const MonoTime deadline = clock.monotonic() + kPatience;
  while (clock.monotonic() < deadline && job.scheduler == SchedulerKind::slurm &&
         job.state == JobState::queued &&
         (!job.current_attempt || job.current_attempt->scheduler_job_id.empty())) {
    clock.sleep_for(kLookAgain);
    auto again = client.job(job.id.str());
    if (!again) {
      break;
    }
    job = std::move(*again);
  }
  return job;
}

int submit(Session& session, const Options& options) {
  auto request =
      make_submit_request(session, options.spec, options.policy, options.argv, options.sbatch_args);
  if (!request) {
    return session.fail(request.error());
  }
  if (options.scheduler) {
    request->scheduler = from_word<SchedulerKind>(*options.scheduler);
    if (!request->scheduler) {
      return session.fail(Error{ErrorClass::usage,
                                Outcome::permanent,
                                "usage",
                                "--scheduler: '" + *options.scheduler + "' is not known",
                                "Write slurm or local."});
    }
  }
  if (request->scheduler) {
    if (auto fine = session.use_scheduler(*request->scheduler); !fine) {
      return session.fail(fine.error());
    }
  }
  const auto daemon = session.daemon();
  if (!daemon) {
    return session.fail(daemon.error());
  }
  auto job = (*daemon)->submit(*request);
  if (!job) {
    return session.fail(job.error());
  }
  const api::JobView settled = with_number(**daemon, std::move(*job));
  session.out().submitted(settled);
  for (const api::WarningView& warning : settled.warnings) {
    session.say("warning: " + warning.message);
  }
  return 0;
}

} // namespace

void add_submit(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("submit", "A job that outlives its allocations");
  verb.program(options->argv);
  add_spec_options(verb, options->spec);
  verb.text(
      "--scheduler", options->scheduler, "slurm|local", "Where it runs (Slurm where there is one)");
  add_policy_options(verb, options->policy);
  add_sbatch_options(verb, options->sbatch_args);
  verb.footer("Example: ckpt submit --time 24:00:00 -- ./simulate input.dat");
  verb.runs([options](Session& session) { return submit(session, *options); });
}

} // namespace ckpt::client
