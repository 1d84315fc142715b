#include "client/commands/commands.hpp"
#include "client/session.hpp"

namespace ckpt::client {

void add_coordinators(Cli& cli) {
  Verb verb = cli.verb("coordinators", "Checkpoint coordinators of the running jobs");
  verb.runs([](Session& session) {
    const auto daemon = session.daemon();
    if (!daemon) {
      return session.fail(daemon.error());
    }
    const auto found = (*daemon)->coordinators();
    if (!found) {
      return session.fail(found.error());
    }
    session.out().coordinators(*found);
    return 0;
  });
}

} // namespace ckpt::client
