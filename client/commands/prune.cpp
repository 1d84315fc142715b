#include "client/commands/commands.hpp"
#include "client/session.hpp"

namespace ckpt::client {
namespace {

struct Options {
  std::string job;
  bool dry_run = false;
};

} // namespace

void add_prune(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("prune", "Remove now what --keep does not want, of jobs that do not run");
  verb.optional_argument("JOB", options->job, "Of this one only")
      .flag("--dry-run", options->dry_run, "Only say what would go");
  verb.footer("A job that runs looks after its own checkpoints. `ckpt rm` removes whole jobs.");
  verb.runs([options](Session& session) {
    const auto daemon = session.daemon();
    if (!daemon) {
      return session.fail(daemon.error());
    }
    api::PruneRequest request;
    request.job = options->job.empty() ? std::nullopt : std::optional(options->job);
    request.dry_run = options->dry_run;
    const auto pruned = (*daemon)->prune(request);
    if (!pruned) {
      return session.fail(pruned.error());
    }
    session.out().pruned(*pruned, options->dry_run);
    return 0;
  });
}

} // namespace ckpt::client
