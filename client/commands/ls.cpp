#include "client/commands/commands.hpp"
#include "client/selection.hpp"

namespace ckpt::client {
namespace {

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
  session.out().jobs(*jobs, all || !filter->tags.empty());
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
