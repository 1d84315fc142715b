#include "client/array.hpp"

#include "client/follow.hpp"
#include "core/domain/array.hpp"

#include <algorithm>

namespace ckpt::client {
namespace {

constexpr int kTasksAtOnce = 1000; // of one page

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
  return text + "\n  `ckpt ls " + tag + "` shows them\n  `ckpt cancel " + tag + "` ends all";
}

} // namespace ckpt::client
