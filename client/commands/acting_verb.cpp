#include "client/commands/acting_verb.hpp"

#include "client/selection.hpp"

namespace ckpt::client {

void add_acting_verb(Cli& cli, const ActingVerb& what) {
  auto selection = std::make_shared<Selection>();
  Verb verb = cli.verb(what.name, what.help);
  add_selection(verb, *selection);
  verb.runs([selection, what](Session& session) {
    return for_each_job<api::JobView>(
        session,
        *selection,
        [&](const std::string& job) -> Result<api::JobView> {
          const auto daemon = session.daemon();
          return daemon ? ((**daemon).*what.ask)(job) : tl::unexpected(daemon.error());
        },
        [&](const auto& jobs) { session.out().acted(jobs, what.done, {}); });
  });
}

} // namespace ckpt::client
