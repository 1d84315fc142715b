#include "client/array.hpp"

#include "client/elsewhere.hpp"
#include "client/follow.hpp"
#include "core/domain/array.hpp"

#include <algorithm>
#include <iterator>

namespace ckpt::client {
namespace {

constexpr int kTasksAtOnce = 1000; // of one page

bool is_called(const api::JobView& task, const std::string& selector) {
  if (task.name == selector + "_" + std::to_string(task.array->index)) {
    return true;
  }
  const auto number = task.current_attempt ? task_of_id(task.current_attempt->scheduler_job_id)
                                           : std::optional<TaskOfId>();
  return number && number->array.value == selector;
}

/// Those of the newest array of that name or number.
std::vector<api::JobView> tasks_of(const std::string& selector,
                                   const std::vector<api::JobView>& jobs) {
  std::optional<JobId> newest;
  for (const api::JobView& job : jobs) {
    if (job.array && is_called(job, selector)) {
      newest = std::max(newest, std::optional(job.array->id));
    }
  }
  std::vector<api::JobView> tasks;
  std::copy_if(jobs.begin(), jobs.end(), std::back_inserter(tasks), [&](const api::JobView& job) {
    return newest && job.array && job.array->id == *newest;
  });
  return tasks;
}

} // namespace

Result<api::ArrayView>
submit_array(Session& session, const api::ArrayRequest& request, Duration patience) {
  const auto daemon = session.daemon();
  if (!daemon) {
    return tl::unexpected(daemon.error());
  }
  auto array = (*daemon)->submit_array(request);
  if (!array || array->items.empty()) {
    return array;
  }
  const auto settled = wait_for_number(session, array->items.front(), patience);
  if (!settled) {
    return array;
  }
  api::JobFilter filter;
  filter.tags = array->tag;
  filter.limit = kTasksAtOnce;
  const auto again = session.daemon();
  auto jobs = again ? (*again)->all_jobs(filter) : tl::unexpected(again.error());
  if (jobs && jobs->size() == array->items.size()) {
    array->items = *std::move(jobs);
  }
  return array;
}

int wait_for_end(Session& session, const api::ArrayView& array) {
  int highest = 0;
  for (const api::JobView& job : array.items) {
    highest = std::max(highest, wait_for_end(session, job));
  }
  return highest;
}

std::string number_of(const api::ArrayView& array) {
  for (const api::JobView& job : array.items) {
    const auto task = job.current_attempt ? task_of_id(job.current_attempt->scheduler_job_id)
                                          : std::optional<TaskOfId>();
    if (task) {
      return task->array.value;
    }
  }
  return "";
}

std::string states_text(const std::map<std::string, std::int64_t>& counts) {
  std::string text;
  for (const JobState state : Words<JobState>::kAll) {
    const auto count = counts.find(std::string(word(state)));
    if (count != counts.end() && count->second > 0) {
      text += (text.empty() ? "" : ", ") + std::to_string(count->second) + " " + count->first;
    }
  }
  return text;
}

std::string states_text(const std::vector<api::JobView>& jobs) {
  std::map<std::string, std::int64_t> counts;
  for (const api::JobView& job : jobs) {
    ++counts[std::string(word(job.state))];
  }
  return states_text(counts);
}

Error with_tasks(Session& session,
                 const std::string& selector,
                 Error error,
                 const std::string& verb) {
  const auto daemon = session.daemon();
  if (session.json() || !daemon || (error.code != "no_such_job" && error.code != "ambiguous_job")) {
    return error;
  }
  api::JobFilter filter;
  filter.limit = kTasksAtOnce;
  const auto all = (*daemon)->all_jobs(filter);
  const std::vector<api::JobView> tasks =
      tasks_of(selector, all.value_or(std::vector<api::JobView>{}));
  if (tasks.empty()) {
    const std::string elsewhere =
        error.code == "no_such_job"
            ? known_elsewhere(session, selector, verb.empty() ? "show" : verb)
            : "";
    error.advice = elsewhere.empty() ? error.advice : elsewhere;
    return error;
  }
  const api::JobView& first = tasks.front();
  const auto trouble = std::find_if(tasks.begin(), tasks.end(), [](const api::JobView& task) {
    return task.state == JobState::failed || task.state == JobState::parked;
  });
  const api::JobView& example = trouble != tasks.end() ? *trouble : first;
  const std::string tag = "--tag array=" + first.array->id.str();
  error.message = "'" + selector + "' is a job array, and each of its tasks a job";
  error.advice = std::to_string(tasks.size()) + " tasks, " + first.id.str() +
                 (tasks.size() > 1 ? " … " + tasks.back().id.str() : "") + ": " +
                 states_text(tasks) + ". " +
                 (verb.empty() ? "" : "`ckpt " + verb + " " + tag + "` means all of them, ") +
                 "`ckpt ls --all " + tag + "` lists them; one of them is " + example.id.str() +
                 ", or " + example.name +
                 (trouble != tasks.end() ? ", which is " + std::string(word(example.state)) +
                                               ": `ckpt why " + example.id.str() + "`"
                                         : "");
  return error;
}

std::string text_of_submitted(const api::ArrayView& array) {
  const std::string number = number_of(array);
  const std::string tag = "--tag array=" + array.id.str();
  std::string text = std::to_string(array.items.size()) + " tasks submitted as " +
                     (array.items.empty() ? "" : array.items.front().id.str());
  if (array.items.size() > 1) {
    text += " … " + array.items.back().id.str();
  }
  text += number.empty() ? " (Slurm gives them a number in a moment)"
                         : " (Slurm job " + number + ", tasks " + number + "_INDEX)";
  return text + "\n  `ckpt ls --all " + tag + "` shows them\n  `ckpt cancel " + tag + "` ends all";
}

} // namespace ckpt::client
