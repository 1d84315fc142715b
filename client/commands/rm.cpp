#include "client/commands/commands.hpp"
#include "client/selection.hpp"

namespace ckpt::client {

void add_rm(Cli& cli) {
  auto selection = std::make_shared<Selection>();
  Verb verb = cli.verb("rm", "Remove jobs that are over, with their checkpoints");
  add_selection(verb, *selection, true);
  verb.footer(
      "The output that they wrote into your folders stays, and their numbers are not given to "
      "others (an empty folder in the store keeps each). A job that is not over is ended by `ckpt "
      "cancel`.");
  verb.runs([selection](Session& session) {
    return for_each_job<api::JobView>(
        session,
        *selection,
        [&](const std::string& selector) -> Result<api::JobView> {
          const auto daemon = session.daemon();
          if (!daemon) {
            return tl::unexpected(daemon.error());
          }
          auto job = (*daemon)->job(selector);
          const Status removed = job ? (*daemon)->remove_job(job->id.str()) : Status{};
          return removed ? job : tl::unexpected(removed.error());
        },
        [&](const auto& jobs) { session.out().removed(jobs); });
  });
}

} // namespace ckpt::client
