#include "client/cli.hpp"
#include "client/commands/commands.hpp"
#include "client/session.hpp"

#include <csignal>
#include <cstdio>

int main(int argc, char** argv) {
  using namespace ckpt;
  // A reader that went away (`ckpt logs | head`) is seen at the write.
  (void)std::signal(SIGPIPE, SIG_IGN);
  std::vector<std::string> args(argv + 1, argv + argc);
  client::Cli cli;
  client::add_all(cli);
  const auto parsed = cli.parse(args);
  client::Session session(
      api::environment_of_process(), client::Session::Streams{}, parsed && parsed->json);
  if (!parsed) {
    return session.fail(parsed.error());
  }
  if (!parsed->cluster.empty()) {
    session.use_cluster(parsed->cluster);
  }
  if (!parsed->action) {
    (void)std::fputs(parsed->text.c_str(), stdout);
    return 0;
  }
  return parsed->action(session);
}
