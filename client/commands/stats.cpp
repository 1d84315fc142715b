#include "client/commands/commands.hpp"
#include "client/session.hpp"

namespace ckpt::client {

void add_stats(Cli& cli) {
  Verb verb = cli.verb("stats", "Jobs, checkpoints, and where the time went, in numbers");
  verb.runs([](Session& session) {
    const auto daemon = session.daemon();
    if (!daemon) {
      return session.fail(daemon.error());
    }
    const auto stats = (*daemon)->stats();
    if (!stats) {
      return session.fail(stats.error());
    }
    session.out().stats(*stats);
    return 0;
  });
}

} // namespace ckpt::client
