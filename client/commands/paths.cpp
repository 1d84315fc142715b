#include "client/commands/commands.hpp"
#include "client/commands/show_paths.hpp"

namespace ckpt::client {

int show_paths(Session& session) {
  const auto paths = session.paths();
  if (!paths) {
    return session.fail(paths.error());
  }
  std::string store;
  std::string socket;
  std::string tcp;
  if (const auto daemon = session.running_daemon()) {
    socket = (*daemon)->endpoint().socket.string();
    tcp = (*daemon)->endpoint().tcp.value_or("");
    if (const auto status = (*daemon)->status()) {
      store = status->store.path;
    }
  }
  session.out().pairs({{"cluster", paths->cluster},
                       {"config", paths->config_file.string()},
                       {"state", paths->state_dir.string()},
                       {"endpoint", paths->endpoint_file().string()},
                       {"token", paths->token_file().string()},
                       {"log", paths->log_file().string()},
                       {"store", store},
                       {"socket", socket},
                       {"tcp", tcp}});
  return 0;
}

void add_paths(Cli& cli) {
  cli.verb("paths", "Where configuration, state, log, store and socket are").runs(show_paths);
}

} // namespace ckpt::client
