#include "client/commands/commands.hpp"
#include "client/daemon_control.hpp"
#include "client/selection.hpp"

namespace ckpt::client {
namespace {

/// Ids are counted in each cluster: who looks for a job must see that there is another place.
void mention_others(Session& session) {
  constexpr seconds kPatience{2};
  for (const api::Paths& place : session.other_places()) {
    auto client = connect_to_daemon(place, kPatience);
    const auto status =
        client ? client->status() : Result<api::StatusView>(tl::unexpected(client.error()));
    if (!status) {
      continue;
    }
    std::int64_t unfinished = 0;
    for (const JobState state : kUnfinished) {
      const auto count = status->jobs.find(std::string(word(state)));
      unfinished += count == status->jobs.end() ? 0 : count->second;
    }
    if (unfinished > 0) {
      session.say("the cluster " + place.cluster + " has " + std::to_string(unfinished) +
                  " unfinished job" + (unfinished == 1 ? "" : "s") + " too: `ckpt --cluster " +
                  place.cluster + " ls`");
    }
  }
}

int list(Session& session, const Selection& selection) {
  auto filter = filter_of(selection);
  if (!filter) {
    return session.fail(filter.error());
  }
  const bool all = selection.all || !filter->states.empty();
  if (!all) {
    filter->states = kUnfinished;
  }
  const auto daemon = session.daemon();
  if (!daemon) {
    return session.fail(daemon.error());
  }
  constexpr int kPage = 1000;
  filter->limit = kPage;
  const auto jobs = (*daemon)->all_jobs(*filter);
  if (!jobs) {
    return session.fail(jobs.error());
  }
  session.out().jobs(*jobs, all);
  mention_others(session);
  return 0;
}

} // namespace

void add_ls(Cli& cli) {
  auto selection = std::make_shared<Selection>();
  Verb verb = cli.verb("ls", "Jobs");
  add_filters(verb, *selection, "Those that ended too");
  verb.runs([selection](Session& session) { return list(session, *selection); });
}

} // namespace ckpt::client
