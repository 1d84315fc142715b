#include "client/array.hpp"
#include "client/commands/commands.hpp"
#include "client/daemon_control.hpp"
#include "client/selection.hpp"
#include "core/base/strings.hpp"
#include "core/domain/machines.hpp"

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

/// What is said where nothing is listed: the command that shows what there is.
std::string if_none(ApiClient& daemon, const Selection& selection, api::JobFilter filter) {
  filter.states.clear();
  std::string over; // "2 completed, 1 failed"
  if (!selection.all && selection.states.empty()) {
    if (selection.tags.empty()) { // of all that ever were the daemon has the numbers
      auto status = daemon.status();
      if (status) {
        std::erase_if(status->jobs, [](const auto& count) { // began since the list was made
          const auto state = from_word<JobState>(count.first);
          return !state || !is_final(*state);
        });
        over = states_text(status->jobs);
      }
    } else if (const auto jobs = daemon.all_jobs(filter)) {
      over = states_text(*jobs);
    }
  }
  if (over.empty()) {
    return selection.tags.empty() && selection.states.empty()
               ? "No jobs. `ckpt submit -- PROGRAM ARGS…` starts one."
               : "No jobs of these. `ckpt ls --all` shows all that there are.";
  }
  std::string command = "`ckpt ls --all";
  for (const std::string& tag : selection.tags) {
    command += " --tag " + shell_quote(tag);
  }
  return std::string("No unfinished jobs") + (selection.tags.empty() ? "" : " of these") + " (" +
         over + "). " + command + "` shows those that ended.";
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
  const bool tell = jobs->empty() && !session.json();
  session.out().jobs(*jobs, tell ? if_none(**daemon, selection, *filter) : "");
  if (jobs->empty() || selection.all) { // else the list says what was asked for
    mention_others(session);
  }
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
