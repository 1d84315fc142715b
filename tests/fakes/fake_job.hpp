#pragma once

#include "core/domain/array.hpp"
#include "core/scheduler/dependency.hpp"
#include "core/scheduler/scheduler.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>

namespace ckpt::test {

struct FakeJob {
  Allocation allocation;
  scheduler::Submission submission;
  bool held = false;
  int rings = 0;
  int starts = 0; ///< how often it was started: a job that ran twice at once shows here
  std::optional<TimePoint> kill_at;                  ///< while completing
  AllocationState end_as = AllocationState::unknown; ///< what completing ends in
  bool requeue_after = false;
};

/// What is left to wait for, as Slurm was measured to see it: an id that it does not know is
/// fulfilled, and one that ended in another way than it has to is never.
inline void look_at_dependency(Allocation& allocation,
                               const std::map<SchedulerJobId, FakeJob>& jobs) {
  if (allocation.dependency.empty()) {
    return;
  }
  allocation.dependency =
      scheduler::change_dependency(
          allocation.dependency,
          [&](const std::string& type,
              const std::string& id) -> Result<std::optional<std::string>> {
            const auto found = jobs.find(SchedulerJobId{id});
            if (found == jobs.end()) {
              return std::nullopt;
            }
            const AllocationState state = found->second.allocation.state;
            const bool well = state == AllocationState::completed;
            const bool wanted = type == "afterok" ? well : type == "afternotok" ? !well : true;
            const bool fulfilled = is_over(state) && wanted;
            return fulfilled ? std::nullopt
                             : std::optional(id + (is_over(state) ? "(failed)" : "(unfulfilled)"));
          })
          .value_or("");
  const bool waits = allocation.state == AllocationState::pending;
  if (waits && !allocation.dependency.empty()) {
    allocation.reason = allocation.dependency.find("(failed)") == std::string::npos
                            ? "Dependency"
                            : "DependencyNeverSatisfied";
  }
}

/// `--dependency=` among sbatch options.
inline std::string dependency_among(const std::vector<std::string>& args) {
  constexpr std::string_view kOption = "--dependency=";
  std::string found;
  for (const std::string& arg : args) {
    found = arg.starts_with(kOption) ? arg.substr(kOption.size()) : found;
  }
  return found;
}

inline void spell(Allocation& allocation) {
  allocation.raw_state = word(allocation.state);
}

/// As it stands there right after its submission.
inline FakeJob
pending_job(const scheduler::Submission& submission, const SchedulerJobId& id, TimePoint now) {
  FakeJob job;
  job.submission = submission;
  job.allocation.id = id;
  job.allocation.state = AllocationState::pending;
  job.allocation.reason = "Priority";
  job.allocation.name = submission.name;
  job.allocation.comment = scheduler::comment_with_token("", submission.token);
  job.allocation.time_limit = submission.time_limit;
  job.allocation.dependency = dependency_among(submission.args);
  job.allocation.requeue_allowed = true;
  job.allocation.eligible_at = now;
  spell(job.allocation);
  return job;
}

/// Of its array, no more run than may at once.
inline bool has_room(const FakeJob& job, const std::map<SchedulerJobId, FakeJob>& jobs) {
  if (!job.submission.tasks || !job.submission.tasks->at_once) {
    return true;
  }
  const auto own = task_of_id(job.allocation.id);
  const auto running = std::count_if(jobs.begin(), jobs.end(), [&](const auto& entry) {
    const auto other = task_of_id(entry.first);
    const AllocationState state = entry.second.allocation.state;
    return other && other->array == own->array &&
           (state == AllocationState::running || state == AllocationState::completing);
  });
  return running < *job.submission.tasks->at_once;
}

/// A task that waits among others in its array, as one record.
inline bool never_begun(const FakeJob& job) {
  return job.submission.tasks && task_of_id(job.allocation.id) &&
         job.allocation.restart_count == 0 && job.allocation.state == AllocationState::pending;
}

/// Such a task is cancelled: as Slurm was measured, no record of it is kept, and of the last one
/// that of the array.
inline void leave_array(std::map<SchedulerJobId, FakeJob>& jobs, SchedulerJobId id) {
  FakeJob last = jobs.at(id);
  jobs.erase(id);
  const auto array = task_of_id(id)->array;
  const bool others = std::any_of(jobs.begin(), jobs.end(), [&](const auto& entry) {
    const auto task = task_of_id(entry.first);
    return task && task->array == array && never_begun(entry.second);
  });
  if (!others) {
    last.allocation.id = array;
    last.allocation.state = AllocationState::cancelled;
    spell(last.allocation);
    jobs[array] = last;
  }
}

/// What is known of those; `old`: by accounting.
inline std::vector<Allocation> known_of(const std::vector<SchedulerJobId>& ids,
                                        const std::map<SchedulerJobId, FakeJob>& jobs,
                                        const std::map<SchedulerJobId, Allocation>& old) {
  std::vector<Allocation> found;
  for (const SchedulerJobId& id : ids) {
    const auto task = task_of_id(id);
    const auto sibling = std::find_if(jobs.begin(), jobs.end(), [&](const auto& entry) {
      const auto other = task_of_id(entry.first);
      return task && (other ? other->array : entry.first) == task->array;
    });
    if (const auto job = jobs.find(id); job != jobs.end()) {
      found.push_back(job->second.allocation);
    } else if (const auto ended = old.find(id); ended != old.end()) {
      found.push_back(ended->second);
    } else if (sibling != jobs.end()) {
      Allocation gone;
      gone.id = id;
      gone.state = AllocationState::cancelled;
      gone.raw_state = "CANCELLED before it began";
      gone.comment = sibling->second.allocation.comment;
      gone.left_array = true;
      found.push_back(gone);
    }
  }
  return found;
}

} // namespace ckpt::test
