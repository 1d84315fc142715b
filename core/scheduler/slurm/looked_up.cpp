#include "core/scheduler/slurm/looked_up.hpp"

#include "core/domain/array.hpp"

#include <algorithm>
#include <set>

namespace ckpt::scheduler::slurm {

namespace {

/// "24" of "24_7", and of "24": what is left of an array whose last tasks went before they began.
SchedulerJobId array_of(const SchedulerJobId& id) {
  const auto task = task_of_id(id);
  return task ? task->array : id;
}

} // namespace

std::vector<SchedulerJobId> with_arrays(const std::vector<SchedulerJobId>& wanted) {
  std::set<SchedulerJobId> ids(wanted.begin(), wanted.end());
  for (const SchedulerJobId& id : wanted) {
    ids.insert(array_of(id));
  }
  return {ids.begin(), ids.end()};
}

std::vector<Allocation> wanted_among(const std::vector<Allocation>& shown,
                                     const std::vector<SchedulerJobId>& wanted) {
  std::vector<Allocation> found;
  for (const SchedulerJobId& id : wanted) {
    const auto own = std::find_if(
        shown.begin(), shown.end(), [&](const Allocation& one) { return one.id == id; });
    const auto other = std::find_if(shown.begin(), shown.end(), [&](const Allocation& one) {
      return task_of_id(id) && array_of(one.id) == array_of(id);
    });
    if (own != shown.end()) {
      found.push_back(*own);
    } else if (other != shown.end()) {
      Allocation gone;
      gone.id = id;
      gone.state = AllocationState::cancelled;
      gone.raw_state = "CANCELLED before it began";
      gone.left_array = true;
      gone.name = other->name;
      gone.comment = other->comment;
      gone.partition = other->partition;
      found.push_back(std::move(gone));
    }
  }
  return found;
}

void add_remembered(std::vector<Allocation>& found, const std::vector<Allocation>& remembered) {
  for (const Allocation& allocation : remembered) {
    const auto shown = std::find_if(found.begin(), found.end(), [&](const Allocation& other) {
      return other.id == allocation.id;
    });
    if (shown == found.end()) {
      if (is_over(allocation.state)) {
        found.push_back(allocation);
      }
    } else if (shown->left_array && is_over(allocation.state)) {
      *shown = allocation; // it began, and the controller has forgotten it
    } else if (allocation.state == shown->state) {
      shown->raw_state = allocation.raw_state; // "CANCELLED by 1000"
    }
  }
}

} // namespace ckpt::scheduler::slurm
