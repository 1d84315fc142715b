#include "client/commands/commands.hpp"
#include "client/follow.hpp"
#include "client/format.hpp"
#include "client/job_details.hpp"
#include "client/screen.hpp"
#include "client/selection.hpp"
#include "client/session.hpp"
#include "core/base/clock.hpp"
#include "core/base/strings.hpp"

namespace ckpt::client {
namespace {

constexpr seconds kDrawAgain{5}; ///< times are told anew after this, whatever happens
constexpr seconds kLongPoll{1};  ///< for so long Ctrl-C may wait

/// One picture: the jobs, or everything about one.
Status draw(ApiClient& daemon, const std::string& selector, Output& out) {
  if (!selector.empty()) {
    const auto details = details_of(daemon, selector);
    if (!details) {
      return tl::unexpected(details.error());
    }
    out.details(*details);
    return {};
  }
  api::JobFilter filter;
  filter.states = kUnfinished;
  const auto jobs = daemon.all_jobs(filter);
  if (!jobs) {
    return tl::unexpected(jobs.error());
  }
  out.jobs(*jobs, "No unfinished jobs. `ckpt ls --all` shows those that ended.");
  return {};
}

/// That it is live, and how one gets out of it.
std::string head(const std::string& selector) {
  return local_time(system_clock().now()) + "  ckpt watch" +
         (selector.empty() ? "" : " " + selector) + "  (Ctrl-C ends this, not the jobs)";
}

/// The last line where the screen has no room for all.
std::string rest(const std::string& selector) {
  return std::string("… (`ckpt ") + (selector.empty() ? "ls" : "show " + shell_quote(selector)) +
         "` has the rest)";
}

int watch(Session& session, const std::string& selector) {
  const std::atomic<int>& interrupts = count_interrupts();
  std::optional<Screen> screen;
  std::optional<std::int64_t> after;
  while (interrupts == 0) {
    const auto daemon = session.daemon();
    if (!daemon) {
      return session.fail(daemon.error());
    }
    if (session.json() || !Screen::possible(session.raw_out())) {
      const Status drawn = draw(**daemon, selector, session.out()); // a picture that stands still
      return drawn ? 0 : session.fail(drawn.error());
    }
    if (!screen) {
      screen.emplace(session.raw_out(), session.named_cluster());
    }
    Status drawn = screen->show(
        head(selector), rest(selector), [&](Output& out) { return draw(**daemon, selector, out); });
    const MonoTime draw_again = system_clock().monotonic() + kDrawAgain;
    bool changed = false;
    while (drawn && !changed && interrupts == 0 && system_clock().monotonic() < draw_again) {
      api::EventFilter filter;
      filter.after = after;
      filter.wait = kLongPoll;
      const auto page = (*daemon)->events(filter);
      changed = page && !page->items.empty();
      after = page ? std::optional(page->last_seq) : after;
      drawn = page ? Status{} : tl::unexpected(page.error());
    }
    if (!drawn && drawn.error().cls == ErrorClass::no_daemon) {
      session.forget_daemon(); // it was restarted
    } else if (!drawn) {
      screen.reset();
      return session.fail(drawn.error());
    }
  }
  return 0;
}

} // namespace

void add_watch(Cli& cli) {
  auto job = std::make_shared<std::string>();
  Verb verb = cli.verb("watch", "A live view of the jobs, or of one; Ctrl-C ends it");
  verb.optional_argument("JOB", *job, "Id, name, Slurm job id, or last");
  verb.runs([job](Session& session) { return watch(session, *job); });
}

} // namespace ckpt::client
