#include "core/base/log.hpp"
#include "core/domain/machines.hpp"
#include "core/scheduler/dependency.hpp"
#include "daemon/commands.hpp"

#include <algorithm>
#include <set>

// `--dependency` speaks of jobs, Slurm's of one id of theirs. In a job's spec our own jobs stand
// under our number (j-7); what sbatch gets is the id that the job has just then. When a job gets
// another id, whoever waits for the old one is told.

namespace ckpt::daemon {

using scheduler::change_dependency;
using scheduler::jobs_of_dependency;

namespace {

tl::unexpected<Error> not_yet(const std::string& why) {
  return fail(ErrorClass::conflict, "waits_for_job", why, "", Outcome::retryable);
}

bool is_slurm_id(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789_*") == std::string::npos;
}

/// Nothing: it is fulfilled. `ended` is final.
Result<std::optional<std::string>>
fulfilled_by_end(const std::string& type, JobId id, JobState ended) {
  const bool failed = ended != JobState::completed;
  const bool never = (type == "afterok" && failed) || (type == "afternotok" && !failed);
  if (!never) {
    return std::nullopt;
  }
  return not_yet("it waits (" + type + ") for " + id.str() + ", which is " +
                 std::string(word(ended)) +
                 (failed ? "; it goes on when that is restarted and completes" : ""));
}

const SubmissionRow* newest_with_id(const JobModel& model) {
  for (auto row = model.submissions.rbegin(); row != model.submissions.rend(); ++row) {
    if (row->scheduler_job_id) {
      return &*row;
    }
  }
  return nullptr;
}

std::set<std::string> ids_of(const JobModel& model) {
  std::set<std::string> ids;
  for (const SubmissionRow& row : model.submissions) {
    if (row.scheduler_job_id) {
      ids.insert(row.scheduler_job_id->value);
    }
  }
  return ids;
}

bool waits(const Allocation& allocation) {
  return !allocation.dependency.empty() && (allocation.state == AllocationState::pending ||
                                            allocation.state == AllocationState::held);
}

std::string called(const Allocation& allocation) {
  return "Slurm job " + allocation.id.value +
         (allocation.name.empty() ? "" : " (" + allocation.name + ")");
}

} // namespace

/// A dependency, --begin and --hold are for the first start: what has run waits for nobody again. (Slurm takes an id
/// that it has forgotten for fulfilled, but waits for ever for one that failed meanwhile.)
Result<std::vector<std::string>> Reconciler::args_of(const LiveJob& job) const {
  const JobRow& row = job.model.job;
  const auto& attempts = job.model.attempts;
  const bool ran_since =
      std::any_of(attempts.begin(), attempts.end(), [&](const AttemptRow& attempt) {
        return attempt.n.value > row.attempt_floor;
      });
  auto args =
      attempts.empty() ? job.spec.sbatch_args
                       : scheduler::args_of_later_start(job.spec.sbatch_args);
  const auto newer = ran_since ? scheduler::args_of_later_start(row.overrides.sbatch_args)
                               : row.overrides.sbatch_args;
  args.insert(args.end(), newer.begin(), newer.end());
  return scheduler::change_dependency_option(
      args, [this](const std::string& type, const std::string& written) {
        return job_to_wait_for(type, written);
      });
}

Result<std::optional<std::string>> Reconciler::job_to_wait_for(const std::string& type,
                                                               const std::string& written) const {
  const auto id = JobId::parse(written);
  if (!id || !written.starts_with("j-")) {
    return std::optional(written); // Slurm's own
  }
  const auto live = jobs_.find(*id);
  const auto loaded = live == jobs_.end() ? ports_.registry.load(*id)
                                          : Result<std::optional<JobModel>>(live->second->model);
  if (!loaded) {
    return not_yet(loaded.error().message);
  }
  if (!*loaded) {
    return std::nullopt; // removed: as Slurm does with an id that it has forgotten
  }
  const JobModel& model = **loaded;
  if (is_final(model.job.state)) {
    return fulfilled_by_end(type, *id, model.job.state);
  }
  if (type == "after" && !model.attempts.empty()) {
    return std::nullopt;
  }
  if (ports_.scheduler.kind() == SchedulerKind::local) { // which has no queue to wait in
    return not_yet("it waits (" + type + ") for " + id->str() + ", which is " +
                   std::string(word(model.job.state)));
  }
  const SubmissionRow* open = model.open_submission();
  if (open == nullptr || !open->scheduler_job_id) {
    return not_yet("it waits for " + id->str() + ", which is " +
                   std::string(word(model.job.state)) + " and has no Slurm job just now");
  }
  return std::optional(open->scheduler_job_id->value);
}

void Reconciler::move_dependents(LiveJob& job) {
  const SubmissionRow* newest = newest_with_id(job.model);
  if (newest == nullptr || job.busy || job.model.submissions.size() < 2 || !sightings_.asked_at) {
    return;
  }
  auto old = ids_of(job.model);
  const std::string id = newest->scheduler_job_id->value;
  old.erase(id);
  for (const auto& [other, waiting] : sightings_.by_id) {
    const auto moved = job.moved.find(other);
    const bool asked_since = moved == job.moved.end() || *sightings_.asked_at > moved->second;
    if (!waits(waiting) || !asked_since) {
      continue;
    }
    const auto named = jobs_of_dependency(waiting.dependency);
    const bool ours = std::any_of(
        named.begin(), named.end(), [&](const std::string& one) { return old.count(one) != 0; });
    if (!ours) {
      continue;
    }
    const bool due = moved == job.moved.end() || now() - moved->second >= config_.limits.act_repeat;
    const auto now_on = change_dependency(
        waiting.dependency,
        [&](const std::string&, const std::string& one) -> Result<std::optional<std::string>> {
          return std::optional(old.count(one) != 0 ? id : one);
        });
    if (due && now_on && still_owner()) {
      return move_dependent(job, waiting, *now_on); // one at a time
    }
  }
}

void Reconciler::move_dependent(LiveJob& job,
                                const Allocation& waiting,
                                const std::string& dependency) {
  const SchedulerJobId other = waiting.id;
  const std::string what = called(waiting);
  const bool first = job.moved.count(other) == 0;
  job.moved[other] = now();
  ask_scheduler(
      job,
      [&s = ports_.scheduler, other, dependency] { return s.set_dependency(other, dependency); },
      [this, other, what, dependency, first](LiveJob& j, const Status& done) {
        const std::string command =
            "scontrol update jobid=" + other.value + " dependency=" + dependency;
        j.not_moved.erase(other);
        if (!done) {
          j.not_moved[other] = {
              "dependent_not_moved",
              what + " still waits for an earlier Slurm job of this one: " + done.error().message,
              "`" + command + "`",
              wall()};
        }
        if (done || first) {
          Change change;
          change.events.push_back({wall(),
                                   done ? "dependent_moved" : "dependent_not_moved",
                                   {},
                                   {},
                                   done ? what + " waits for " + dependency + " now"
                                        : what + " could not be moved; type `" + command + "`",
                                   "daemon",
                                   "daemon",
                                   std::nullopt});
          (void)commit(j, change);
        }
      });
}

std::vector<api::WarningView> Reconciler::waiting_for(const JobModel& model) const {
  std::vector<api::WarningView> warnings;
  const JobState state = model.job.state;
  if (state != JobState::parked && state != JobState::failed && state != JobState::cancelled) {
    return warnings;
  }
  const auto ids = ids_of(model);
  for (const auto& [other, waiting] : sightings_.by_id) {
    if (!waits(waiting)) {
      continue;
    }
    const auto named = jobs_of_dependency(waiting.dependency);
    if (std::any_of(
            named.begin(), named.end(), [&](const auto& one) { return ids.count(one) != 0; })) {
      warnings.push_back({"dependent_waits",
                          called(waiting) + " waits for it (" + waiting.dependency + ")",
                          "`ckpt restart " + model.job.id.str() +
                              "` lets it go on; else `scancel " + other.value + "`",
                          sightings_.answered_at});
    }
  }
  // Our own that have not been submitted, since there is nothing in the queue to wait for.
  for (const auto& [id, job] : jobs_) {
    const auto text = job->model.job.state == JobState::queued ? job->waits_for : std::string();
    if (text.find("for " + model.job.id.str() + ",") != std::string::npos) {
      warnings.push_back({"dependent_waits",
                          id.str() + " (" + job->model.job.name + ") waits for it",
                          "`ckpt restart " + model.job.id.str() +
                              "` lets it go on; else `ckpt cancel " + id.str() + "`",
                          std::nullopt});
    }
  }
  return warnings;
}

Result<std::vector<std::string>>
Commands::name_dependencies(const std::vector<std::string>& sbatch_args) {
  return scheduler::change_dependency_option(
      sbatch_args,
      [this](const std::string&, const std::string& written) -> Result<std::optional<std::string>> {
        const auto ids = reconciler_.ports().registry.resolve(written);
        if (!ids) {
          return tl::unexpected(ids.error());
        }
        if (ids->size() == 1 || (!ids->empty() && is_slurm_id(written))) {
          return std::optional(ids->back().str());
        }
        if (is_slurm_id(written)) {
          return std::optional(written);
        }
        if (!ids->empty()) {
          return tl::unexpected(resolve(written).error()); // it says which ones it may mean
        }
        return fail(ErrorClass::not_found,
                    "no_such_job",
                    "--dependency: there is no job '" + written + "'",
                    "`ckpt ls --all` lists yours; Slurm's own have numbers");
      });
}

} // namespace ckpt::daemon
