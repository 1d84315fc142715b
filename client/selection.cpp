#include "client/selection.hpp"

namespace ckpt::client {

void add_filters(Verb& verb, Selection& selection, const std::string& all_help) {
  verb.flag("--all", selection.all, all_help)
      .texts("--state", selection.states, "STATE", "In this state")
      .texts("--tag", selection.tags, "K=V", "With this tag");
}

void add_selection(Verb& verb, Selection& selection, bool over) {
  selection.meant = over ? kOver : kUnfinished;
  selection.verb = verb.name();
  verb.arguments("JOB", selection.jobs, "Id, name, Slurm job id, or last");
  add_filters(verb, selection, over ? "Every job that is over" : "Every unfinished job");
}

Result<api::JobFilter> filter_of(const Selection& selection) {
  api::JobFilter filter;
  for (const std::string& text : selection.states) {
    const auto state = from_word<JobState>(text);
    if (!state) {
      return fail(ErrorClass::usage,
                  "usage",
                  "--state: '" + text + "' is no state of a job",
                  "Write one of: " + std::string(Words<JobState>::kNames) + ".");
    }
    filter.states.push_back(*state);
  }
  for (const std::string& text : selection.tags) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(ErrorClass::usage, "usage", "--tag: '" + text + "'", "Write --tag NAME=VALUE.");
    }
    filter.tags[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return filter;
}

Result<std::vector<std::string>> selected_jobs(Session& session, const Selection& selection) {
  const bool by_filter = selection.all || !selection.states.empty() || !selection.tags.empty();
  if (by_filter != selection.jobs.empty()) {
    return fail(ErrorClass::usage,
                "usage",
                by_filter ? "there are both jobs by name and a filter" : "no job is named",
                "Name jobs (j-7, a name, last), or select them by --all, --state, --tag.");
  }
  if (!by_filter) {
    return selection.jobs;
  }
  auto filter = filter_of(selection);
  if (!filter) {
    return tl::unexpected(filter.error());
  }
  if (filter->states.empty()) {
    filter->states = selection.meant;
  }
  const auto daemon = session.daemon();
  if (!daemon) {
    return tl::unexpected(daemon.error());
  }
  const auto jobs = (*daemon)->all_jobs(*filter);
  if (!jobs) {
    return tl::unexpected(jobs.error());
  }
  if (jobs->empty() && selection.all && selection.states.empty() && selection.tags.empty()) {
    session.say(selection.meant == kOver ? "nothing to do: no job is over"
                                         : "nothing to do: there is no unfinished job");
    return std::vector<std::string>{};
  }
  if (jobs->empty()) {
    return fail(ErrorClass::not_found,
                "no_such_job",
                selection.states.empty() && selection.meant == kOver ? "no job that is over matches"
                                                                     : "no job matches",
                "`ckpt ls --all` lists all that there are.");
  }
  std::vector<std::string> ids;
  for (const api::JobView& job : *jobs) {
    ids.push_back(job.id.str());
  }
  return ids;
}

} // namespace ckpt::client
