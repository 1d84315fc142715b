#include "client/commands/commands.hpp"
#include "client/generation_argument.hpp"
#include "client/session.hpp"

namespace ckpt::client {
namespace {

struct Options {
  std::string job;
  std::string generation;
};

int pin(Session& session, const Options& options, bool pinned) {
  const auto id = generation_argument(options.generation, options.job);
  if (!id) {
    return session.fail(id.error());
  }
  const auto daemon = session.daemon();
  if (!daemon) {
    return session.fail(daemon.error());
  }
  const auto generation = (*daemon)->pin(options.job, *id, pinned);
  if (!generation) {
    return session.fail(generation.error());
  }
  session.out().generation_acted(
      *generation, pinned ? "pinned: it is kept until you unpin it" : "no longer pinned");
  return 0;
}

void add(Cli& cli, const std::string& name, const std::string& help, bool pinned) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb(name, help);
  verb.argument("JOB", options->job, "Id, name, Slurm job id, or last")
      .argument("GENERATION", options->generation, "g3");
  verb.runs([options, pinned](Session& session) { return pin(session, *options, pinned); });
}

} // namespace

void add_pin(Cli& cli) {
  add(cli, "pin", "Keep a checkpoint whatever --keep says", true);
}

void add_unpin(Cli& cli) {
  add(cli, "unpin", "Let --keep decide over a checkpoint again", false);
}

} // namespace ckpt::client
