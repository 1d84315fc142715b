#include "client/commands/commands.hpp"
#include "client/daemon_control.hpp"
#include "client/overview_text.hpp"
#include "client/session.hpp"

namespace ckpt::client {
namespace {

int show_status(Session& session) {
  const auto daemon = session.running_daemon();
  if (!daemon) {
    return session.fail(daemon.error());
  }
  const auto status = (*daemon)->status();
  if (!status) {
    return session.fail(status.error());
  }
  session.out().status(*status);
  return 0;
}

int start(Session& session, bool adopt_store) {
  if (session.running_daemon()) {
    session.say("it runs already");
    return show_status(session);
  }
  const auto started = session.start_daemon(adopt_store ? std::vector<std::string>{"--adopt-store"}
                                                        : std::vector<std::string>{});
  return started ? show_status(session) : session.fail(started.error());
}

int stop(Session& session) {
  const auto paths = session.paths();
  if (!paths) {
    return session.fail(paths.error());
  }
  constexpr seconds kPatience{2};
  auto daemon = connect_to_daemon(*paths, kPatience); // one that is silent is stopped as well
  const auto status =
      daemon ? daemon->status() : Result<api::StatusView>(tl::unexpected(daemon.error()));
  if (auto stopped = stop_daemon(*paths); !stopped) {
    return session.fail(stopped.error());
  }
  session.out().pairs(
      {{"daemon", status ? stopped_text(status->jobs) : "stopped; jobs go on without it"}});
  return 0;
}

int restart(Session& session) {
  const auto paths = session.paths();
  if (!paths) {
    return session.fail(paths.error());
  }
  if (auto stopped = stop_daemon(*paths); !stopped && stopped.error().code != "no_daemon") {
    return session.fail(stopped.error());
  }
  return start(session, false);
}

} // namespace

void add_daemon(Cli& cli) {
  Verb verb = cli.verb("daemon", "Start, end or look at ckptd");
  auto adopt_store = std::make_shared<bool>(false);
  Verb starting = verb.verb("start", "Start it in the background");
  starting.flag(
      "--adopt-store", *adopt_store, "Take the store's jobs over from another state folder");
  starting.runs([adopt_store](Session& session) { return start(session, *adopt_store); });
  verb.verb("stop", "End it; jobs go on").runs(stop);
  verb.verb("status", "Health of daemon, scheduler, engines and store").runs(show_status);
  verb.verb("restart", "End it and start it again").runs(restart);
}

} // namespace ckpt::client
