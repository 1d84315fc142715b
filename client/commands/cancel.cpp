#include "client/commands/commands.hpp"
#include "client/follow.hpp"
#include "client/selection.hpp"

namespace ckpt::client {
namespace {

struct Options {
  Selection selection;
  bool no_wait = false;
};

Result<api::JobView> cancel(Session& session, const std::string& selector, bool wait) {
  const auto daemon = session.daemon();
  if (!daemon) {
    return tl::unexpected(daemon.error());
  }
  auto job = (*daemon)->cancel(selector, Duration{0});
  if (!job || !wait || is_settled(job->state)) {
    return job;
  }
  return wait_for_job(session, job->id.str(), std::nullopt, [](const api::JobView& view) {
    return is_settled(view.state);
  });
}

} // namespace

void add_cancel(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("cancel", "End it for good, without a checkpoint; its checkpoints are kept");
  add_selection(verb, options->selection);
  verb.flag("--no-wait", options->no_wait, "Return at once");
  verb.runs([options](Session& session) {
    return for_each_job<api::JobView>(
        session,
        options->selection,
        [&](const std::string& job) { return cancel(session, job, !options->no_wait); },
        [&](const auto& jobs) { session.out().acted(jobs, "ended"); });
  });
}

} // namespace ckpt::client
