#include "client/commands/commands.hpp"
#include "client/follow.hpp"
#include "client/selection.hpp"
#include "core/base/clock.hpp"

namespace ckpt::client {
namespace {

struct Options {
  Selection selection;
  std::optional<Duration> timeout;
};

int wait(Session& session, const Options& options) {
  Selection selection = options.selection;
  if (!selection.tags.empty()) { // whoever submits and then waits may be late
    selection.meant.clear();
  }
  const auto jobs = selected_jobs(session, selection);
  if (!jobs) {
    return session.fail(jobs.error());
  }
  std::optional<MonoTime> deadline;
  if (options.timeout) {
    deadline = system_clock().monotonic() + *options.timeout;
  }
  std::vector<JobResult> results;
  int status = 0;
  for (const std::string& selector : *jobs) {
    const auto job = wait_for_job(session, selector, deadline, [](const api::JobView& view) {
      return is_settled(view.state);
    });
    if (!job) {
      return session.fail(with_tasks(session, selector, job.error(), selection.verb));
    }
    results.push_back(result_of(*job));
    status = status == 0 ? results.back().exit_status : status;
  }
  session.out().results(results);
  return status;
}

} // namespace

void add_wait(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("wait", "Until jobs have ended or were parked");
  add_selection(verb, options->selection);
  verb.duration("--timeout", options->timeout, "Then end with 8; the jobs go on");
  verb.footer("Ends with the program's own status (of several jobs the first that is not 0), 128+n "
              "for signal n, 85 when it was parked.");
  verb.runs([options](Session& session) { return wait(session, *options); });
}

} // namespace ckpt::client
