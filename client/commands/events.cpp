#include "client/commands/commands.hpp"
#include "client/session.hpp"

namespace ckpt::client {
namespace {

struct Options {
  std::string job;
  bool follow = false;
};

int events(Session& session, const Options& options) {
  if (options.follow && session.json()) {
    return session.fail(Error{ErrorClass::usage,
                              Outcome::permanent,
                              "usage",
                              "--json gives one value, and --follow never ends",
                              "Poll GET /v1/events?after=SEQ&wait=30 instead."});
  }
  const auto daemon = session.daemon();
  if (!daemon) {
    return session.fail(daemon.error());
  }
  constexpr seconds kLongPoll{30};
  api::EventFilter filter;
  filter.after = 0;
  filter.limit = 1000;
  if (!options.job.empty()) {
    const auto job = (*daemon)->job(options.job);
    if (!job) {
      return session.fail(job.error());
    }
    filter.job = job->id.str();
  }
  api::EventPage all;
  for (;;) {
    auto page = (*daemon)->events(filter);
    if (!page) {
      return session.fail(page.error());
    }
    filter.after = page->last_seq;
    if (session.json()) {
      all.last_seq = page->last_seq;
      all.items.insert(all.items.end(), page->items.begin(), page->items.end());
    } else {
      session.out().events(*page);
    }
    if (page->items.empty()) {
      if (!options.follow) {
        break;
      }
      filter.wait = kLongPoll;
    }
  }
  if (session.json()) {
    session.out().events(all);
  }
  return 0;
}

} // namespace

void add_events(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("events", "What happened, in order");
  verb.optional_argument("JOB", options->job, "Of this job only")
      .flag("-f,--follow", options->follow, "Go on until Ctrl-C");
  verb.runs([options](Session& session) { return events(session, *options); });
}

} // namespace ckpt::client
