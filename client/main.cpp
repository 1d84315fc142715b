#include "client/cli.hpp"
#include "client/commands/commands.hpp"
#include "client/completion.hpp"
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
  if (!args.empty() && args.front() == "__complete") { // before the words are taken for options
    client::Session session(api::environment_of_process(), client::Session::Streams{}, false);
    return client::complete_for_shell(cli, session, {args.begin() + 1, args.end()});
  }
  const bool only_parse = !args.empty() && args.front() == "__parse"; // for tests of documents
  if (only_parse) {
    args.erase(args.begin());
  }
  const auto parsed = cli.parse(args);
  client::Session session(
      api::environment_of_process(), client::Session::Streams{}, parsed && parsed->json);
  if (!parsed) {
    return session.fail(parsed.error());
  }
  if (only_parse) {
    return 0;
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
