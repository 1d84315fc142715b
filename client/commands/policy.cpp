#include "client/commands/commands.hpp"
#include "client/job_options.hpp"

namespace ckpt::client {
namespace {

struct Options {
  std::string job;
  PolicyOptions policy;
};

int change(Session& session, const Options& options) {
  const auto patch = policy_patch(options.policy);
  if (!patch) {
    return session.fail(patch.error());
  }
  if (patch->empty()) {
    return session.fail(Error{ErrorClass::usage,
                              Outcome::permanent,
                              "usage",
                              "there is nothing to change",
                              "Name what is to change, as `ckpt policy " + options.job +
                                  " --every 10m`; `ckpt show " + options.job +
                                  "` tells what applies."});
  }
  const auto daemon = session.daemon();
  if (!daemon) {
    return session.fail(daemon.error());
  }
  const auto job = (*daemon)->change_policy(options.job, *patch);
  if (!job) {
    return session.fail(job.error());
  }
  session.out().policy_changed(*job);
  return 0;
}

} // namespace

void add_policy(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("policy", "Change the wishes for a job, also while it runs");
  verb.argument("JOB", options->job, "Id, name, Slurm job id, or last");
  add_policy_options(verb, options->policy);
  verb.footer("Options of sbatch (--time, --mem …) are for an allocation: `ckpt stop JOB`, then\n"
              "`ckpt restart JOB --time …` goes on with other ones.");
  verb.runs([options](Session& session) { return change(session, *options); });
}

} // namespace ckpt::client
