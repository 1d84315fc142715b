#include "client/commands/commands.hpp"
#include "client/session.hpp"

namespace ckpt::client {

void add_ps(Cli& cli) {
  auto job = std::make_shared<std::string>();
  Verb verb = cli.verb("ps", "Processes of a running job");
  verb.argument("JOB", *job, "Id, name, Slurm job id, or last");
  verb.runs([job](Session& session) {
    const auto daemon = session.daemon();
    if (!daemon) {
      return session.fail(daemon.error());
    }
    const auto found = (*daemon)->processes(*job);
    if (!found) {
      return session.fail(found.error());
    }
    session.out().processes(*found);
    const auto seen = (*daemon)->job(*job);
    if (!seen) {
      return session.fail(seen.error());
    }
    if (found->empty()) {
      session.say("`ckpt why " + seen->id.str() + "` tells why");
    } else if (found->front().state == "unknown") { // it runs on another machine
      const bool slurm = seen->scheduler == SchedulerKind::slurm && seen->current_attempt;
      session.say("its other processes are on " + found->front().node + ", out of sight from here" +
                  (slurm ? "; `srun --jobid=" + seen->current_attempt->scheduler_job_id.value +
                               " --overlap ps ux --forest` looks there: its own hang below " +
                               std::to_string(found->front().pid)
                         : ""));
    }
    return 0;
  });
}

} // namespace ckpt::client
