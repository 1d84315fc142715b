#include "core/domain/machines.hpp"
#include "daemon/commands.hpp"

#include <algorithm>

// Removing: jobs that are over, generations that retention does not want, and those that a person
// does not. Nothing goes of a job that a runner may look after: it does so itself.

namespace ckpt::daemon {
namespace {

tl::unexpected<Error> has_runner(JobId id) {
  return fail(ErrorClass::conflict,
              "job_running",
              "a runner may still look after the generations of " + id.str(),
              "fewer are kept after `ckpt policy " + id.str() +
                  " --keep N`; `ckpt stop` frees its allocation");
}

} // namespace

Status Commands::may_be_removed(JobId id) {
  const auto found = model(id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  if (!is_final(found->job.state)) {
    return fail(ErrorClass::conflict,
                "job_" + std::string(word(found->job.state)),
                id.str() + " is " + std::string(word(found->job.state)) +
                    ", and only a job that is over can be removed",
                "`ckpt cancel " + id.str() + "` ends it");
  }
  const auto fork = unfinished_fork_of(id);
  if (!fork) {
    return tl::unexpected(fork.error());
  }
  if (*fork) {
    return fail(
        ErrorClass::conflict,
        "job_has_forks",
        (*fork)->str() + " was started from " + id.str() +
            " and is unfinished: its program may still have files of that job's folder open",
        "it can be removed when " + (*fork)->str() + " is over; `ckpt prune " + id.str() +
            "` frees room now");
  }
  if (!reconciler_.let_go(id)) {
    return fail(ErrorClass::conflict,
                "job_busy",
                id.str() + " is over, and its last runner may still be tidying up",
                "it can be removed when the scheduler shows that its allocation is over, or when "
                "nothing was seen of that runner for a minute");
  }
  removing_.insert(id);
  return {};
}

Result<std::optional<JobId>> Commands::unfinished_fork_of(JobId id) {
  const auto unfinished = reconciler_.ports().registry.load_unfinished();
  if (!unfinished) {
    return tl::unexpected(unfinished.error());
  }
  for (const JobModel& other : *unfinished) {
    const auto from = store::fork_of(folder(other.job.id));
    if (from && from->job == id) {
      return other.job.id;
    }
  }
  return std::nullopt;
}

Status Commands::forget(JobId id, bool folder_is_gone) {
  removing_.erase(id);
  return folder_is_gone ? reconciler_.ports().registry.remove(id) : Status{};
}

Result<std::vector<api::PrunedView>>
Commands::prunable(JobId id, const std::vector<store::GenerationOnDisk>& all) {
  const auto found = model(id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  std::vector<api::PrunedView> views;
  if (reconciler_.has_runner(*found)) {
    return views;
  }
  for (const RetentionVerdict& verdict : Reconciler::verdicts(*found, all)) {
    if (!verdict.keep) {
      const auto row = found->generations.find(verdict.id);
      views.push_back({id,
                       verdict.id,
                       row == found->generations.end() ? std::nullopt : row->second.stored_bytes,
                       verdict.reason});
    }
  }
  return views;
}

Status Commands::prune(JobId id, const std::vector<store::GenerationOnDisk>& all) {
  auto found = model(id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  const auto job = reconciler_.adopt(*std::move(found));
  if (!job) {
    return tl::unexpected(job.error());
  }
  reconciler_.tidy_now(**job, all);
  return {};
}

Status Commands::remove_generation(JobId id,
                                   GenerationId generation,
                                   const std::vector<store::GenerationOnDisk>& all) {
  const auto shown = this->generation(id, generation);
  auto found = model(id);
  if (!shown || !found) {
    return tl::unexpected(shown ? found.error() : shown.error());
  }
  if (shown->state == GenerationState::pruned) {
    return {};
  }
  if (shown->state != GenerationState::sealed && shown->state != GenerationState::corrupt &&
      shown->state != GenerationState::failed) {
    return fail(ErrorClass::conflict,
                "generation_in_use",
                generation.str() + " is " + std::string(word(shown->state)),
                "wait until it is sealed");
  }
  if (shown->pinned) {
    return fail(ErrorClass::conflict,
                "generation_pinned",
                generation.str() + " is pinned",
                "`ckpt unpin " + id.str() + " " + generation.str() + "` first");
  }
  if (reconciler_.has_runner(*found)) {
    return has_runner(id);
  }
  // As retention sees it with nothing but this one to spare: what it still keeps is needed.
  JobModel strict = *found;
  strict.job.policy.keep = 1;
  for (const RetentionVerdict& verdict : Reconciler::verdicts(strict, all)) {
    if (verdict.id == generation && verdict.keep && !is_final(found->job.state)) {
      return fail(ErrorClass::conflict,
                  "generation_needed",
                  generation.str() + " stays: " + verdict.reason,
                  "a newer one, or another start of the job, makes it superfluous");
    }
  }
  const auto job = reconciler_.adopt(*std::move(found));
  if (!job) {
    return tl::unexpected(job.error());
  }
  return reconciler_.remove_now(**job, generation, "removed by the user");
}

} // namespace ckpt::daemon
