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
    return 0;
  });
}

} // namespace ckpt::client
