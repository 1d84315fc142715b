#include "client/commands/ending_verb.hpp"

#include "client/follow.hpp"
#include "client/onlooker.hpp"
#include "client/selection.hpp"
#include "core/domain/machines.hpp"

namespace ckpt::client {
namespace {

struct Options {
  Selection selection;
  bool no_wait = false;
};

Result<api::JobView>
end_one(Session& session, const EndingVerb& what, const std::string& selector, bool wait) {
  const auto daemon = session.daemon();
  if (!daemon) {
    return tl::unexpected(daemon.error());
  }
  const auto done = [&](const api::JobView& view) {
    return is_final(view.state) || view.state == what.aim;
  };
  auto job = ((**daemon).*what.ask)(selector, Duration{0});
  if (!job || !wait || done(*job)) {
    return job;
  }
  const Onlooker onlooker(session, **daemon, job->id.str()); // `stop` takes a checkpoint
  return wait_for_job(session, job->id.str(), std::nullopt, done);
}

} // namespace

void add_ending_verb(Cli& cli, const EndingVerb& what) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb(what.name, what.help);
  add_selection(verb, options->selection);
  verb.flag("--no-wait", options->no_wait, "Return at once");
  verb.runs([options, what](Session& session) {
    return for_each_job<api::JobView>(
        session,
        options->selection,
        [&](const std::string& job) { return end_one(session, what, job, !options->no_wait); },
        [&](const auto& jobs) {
          session.out().acted(
              jobs, options->no_wait ? "was told to " + what.name : what.done, what.aim);
        });
  });
}

} // namespace ckpt::client
