#pragma once

#include "client/array.hpp"
#include "client/cli.hpp"
#include "client/session.hpp"

#include <string>
#include <vector>

namespace ckpt::client {

inline const std::vector<JobState> kUnfinished{
    JobState::queued, JobState::running, JobState::stopping, JobState::parked};
inline const std::vector<JobState> kOver{
    JobState::completed, JobState::failed, JobState::cancelled};

/// JOB…, or --all, --state, --tag.
struct Selection {
  std::vector<std::string> jobs;
  bool all = false;
  std::vector<std::string> states;
  std::vector<std::string> tags;
  std::vector<JobState> meant = kUnfinished; ///< where no --state is given; empty: any
  std::string verb;                          ///< whose it is: for messages
};
/// Of unfinished jobs, or of those that are over.
void add_selection(Verb& verb, Selection& selection, bool over = false);
void add_filters(Verb& verb, Selection& selection, const std::string& all_help);

/// States and tags as a filter; --all and no state: every state.
Result<api::JobFilter> filter_of(const Selection& selection);

/// The jobs that are meant, as selectors. `--all` here means every unfinished one, or every one
/// that is over; that there is none is said, and no error. Any other selection of no job is one.
Result<std::vector<std::string>> selected_jobs(Session& session, const Selection& selection);

/// It was over before its turn came, among jobs that nobody named one by one.
inline bool ended_meanwhile(const Selection& selection, const Error& error) {
  return selection.jobs.empty() && selection.meant == kUnfinished &&
         (error.code == "job_completed" || error.code == "job_failed" ||
          error.code == "job_cancelled");
}

/// Calls `act` for each selected job, goes on after failures, and returns the last failure's exit
/// status (0 when all went well). `show` gets the results that there are.
template <class View, class Act, class Show>
int for_each_job(Session& session, const Selection& selection, const Act& act, const Show& show) {
  const auto jobs = selected_jobs(session, selection);
  if (!jobs) {
    return session.fail(jobs.error());
  }
  std::vector<View> done;
  std::vector<Error> failures;
  for (const std::string& job : *jobs) {
    Result<View> result = act(job);
    if (result) {
      done.push_back(std::move(*result));
    } else if (!ended_meanwhile(selection, result.error())) {
      failures.push_back(with_tasks(session, job, result.error(), selection.verb));
    }
  }
  if (!done.empty() || failures.empty()) { // JSON: an empty list
    show(done);
  }
  int status = 0;
  for (const Error& error : failures) {
    status = session.fail(error);
  }
  return status;
}

} // namespace ckpt::client
