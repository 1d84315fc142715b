#include "client/commands/commands.hpp"
#include "client/session.hpp"

namespace ckpt::client {

void add_version(Cli& cli) {
  cli.verb("version", "Of client and daemon").runs([](Session& session) {
    const auto daemon = session.running_daemon();
    session.out().pairs(
        {{"ckpt", CKPT_VERSION}, {"ckptd", daemon ? (*daemon)->endpoint().version : ""}});
    return 0;
  });
}

} // namespace ckpt::client
