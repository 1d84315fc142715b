#include "core/base/log.hpp"
#include "core/domain/lineage.hpp"
#include "core/domain/machines.hpp"
#include "core/domain/retention.hpp"
#include "daemon/reconciler.hpp"

#include <algorithm>

// Retention for jobs that have no runner to do it. Invariants: nothing while a runner may live (its
// lease moves, or an allocation is about to start one); core/domain/retention says what goes; the
// durable event comes first, so that nobody starts from what is being removed.

namespace ckpt::daemon {

/// What is to be removed, by now or by a daemon that died on the way.
struct Reconciler::Removals {
  std::map<GenerationId, std::string> generations; ///< with the reason
  std::vector<GenerationId> failed;                ///< their copies of files
  std::set<AttemptId> attempts;                    ///< that wrote failed ones
  void carry_out(const Path& folder) const;
};

namespace {

JobPhase phase_of(JobState state) {
  if (state == JobState::completed) {
    return JobPhase::succeeded;
  }
  return is_final(state) ? JobPhase::ended_otherwise : JobPhase::unfinished;
}

bool is_good(const store::GenerationOnDisk& generation) {
  return generation.manifest && generation.tombstone.empty() && generation.corruption.empty();
}

std::vector<GenerationFacts> generation_facts(const JobModel& model,
                                              const std::vector<store::GenerationOnDisk>& on_disk) {
  std::vector<LineageGeneration> sealed;
  for (const store::GenerationOnDisk& generation : on_disk) {
    if (is_good(generation)) {
      sealed.push_back({generation.id, generation.manifest->attempt, generation.manifest->parent});
    }
  }
  std::vector<LineageAttempt> attempts;
  for (const AttemptRow& row : model.attempts) {
    attempts.push_back({row.n, row.started_at.has_value(), row.started_from});
  }
  const auto chosen = model.chosen_start();
  const std::vector<GenerationId> lineage = start_order(sealed, attempts, chosen);
  std::vector<GenerationFacts> facts;
  for (const store::GenerationOnDisk& generation : on_disk) {
    if (!generation.manifest || !generation.tombstone.empty()) {
      continue;
    }
    const auto row = model.generations.find(generation.id);
    GenerationFacts fact;
    fact.id = generation.id;
    fact.state = is_good(generation) ? GenerationState::sealed : GenerationState::corrupt;
    fact.pinned = row != model.generations.end() && row->second.pinned;
    fact.in_use = chosen == generation.id;
    fact.on_lineage = std::find(lineage.begin(), lineage.end(), generation.id) != lineage.end();
    facts.push_back(fact);
  }
  return facts;
}

} // namespace

void Reconciler::Removals::carry_out(const Path& folder) const {
  const store::Generations stored(folder);
  const auto say = [&](const Status& done) {
    if (!done) {
      log::warning(folder.string() + ": " + done.error().message);
    }
  };
  for (const auto& [id, reason] : generations) {
    say(stored.remove(id, reason));
  }
  for (const GenerationId id : failed) {
    say(remove_tree(stored.saved_dir(id)));
  }
  for (const AttemptId attempt : attempts) {
    say(stored.remove_unsealed_images(attempt));
  }
}

bool Reconciler::may_have_runner(const LiveJob& job) const {
  const AttemptRow& newest = *job.model.newest_attempt();
  const bool lease_stands_still = job.lease_of == newest.n && job.lease_since &&
                                  now() - *job.lease_since >= config_.limits.lease;
  if (newest.live() || !lease_stands_still) {
    return true;
  }
  const SubmissionRow* open = job.model.open_submission();
  if (open == nullptr) {
    return false;
  }
  const auto seen = open->scheduler_job_id ? sightings_.by_id.find(*open->scheduler_job_id)
                                           : sightings_.by_id.end();
  const bool waits =
      seen != sightings_.by_id.end() && (seen->second.state == AllocationState::pending ||
                                         seen->second.state == AllocationState::held);
  return !waits;
}

/// Its runner has been at work a moment ago, and so has what it started.
bool Reconciler::has_fresh_lease(JobId id, AttemptId attempt) const {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) {
    return false;
  }
  const LiveJob& job = *found->second;
  const AttemptRow* newest = job.model.newest_attempt();
  return newest != nullptr && newest->n == attempt && newest->live() && job.lease_of == attempt &&
         job.lease && job.lease_since && now() - *job.lease_since < config_.limits.lease;
}

void Reconciler::tidy_if_quiet(LiveJob& job) {
  if (!job.tidy_wanted || job.busy) {
    return;
  }
  const AttemptRow* newest = job.model.newest_attempt();
  if (newest != nullptr && newest->live()) {
    return;
  }
  if (newest == nullptr || job.model.generations.empty()) {
    job.tidy_wanted = false; // nothing was ever written
    return;
  }
  if (may_have_runner(job) || !still_owner()) { // the second reads a file
    return;
  }
  const auto next =
      job.folder.read_claim(AttemptId{static_cast<std::int64_t>(job.model.attempts.size()) + 1});
  if (!next || *next) {
    return; // one has just begun
  }
  job.tidy_wanted = false;
  job.busy = true;
  const auto on_disk = std::make_shared<Result<std::vector<store::GenerationOnDisk>>>();
  ports_.executor.run(
      [on_disk, folder = job.folder.path()] { *on_disk = store::Generations(folder).list(); },
      [this, on_disk, id = job.model.job.id] {
        if (LiveJob* again = find(id)) {
          again->busy = false;
          if (*on_disk) {
            tidy(*again, **on_disk);
          }
        }
      });
}

std::vector<RetentionVerdict>
Reconciler::verdicts(const JobModel& model, const std::vector<store::GenerationOnDisk>& on_disk) {
  return retain(generation_facts(model, on_disk), model.job.policy, phase_of(model.job.state));
}

bool Reconciler::has_runner(const JobModel& model) const {
  const auto live = jobs_.find(model.job.id);
  if (live == jobs_.end()) {
    return false; // over for long, and looked at after its end
  }
  const LiveJob& job = *live->second;
  return job.busy || (job.model.newest_attempt() != nullptr && may_have_runner(job));
}

void Reconciler::tidy_now(LiveJob& job, const std::vector<store::GenerationOnDisk>& on_disk) {
  if (!job.busy && job.model.newest_attempt() != nullptr) {
    tidy(job, on_disk);
  }
}

Status Reconciler::remove_now(LiveJob& job, GenerationId generation, const std::string& reason) {
  store::JobEvent event;
  event.kind = store::JobEventKind::pruned;
  event.generation = generation;
  event.reason = reason;
  event.by = "user";
  if (const Status done = record(job, event); !done) {
    return done;
  }
  Removals removals;
  removals.generations[generation] = reason;
  remove(job, removals);
  return {};
}

/// It has written its last word, and the scheduler has seen its batch process end, or has forgotten
/// it since: it forgets nothing that runs. (If it has lost its memory, the time since then counts
/// as that of a lease does, which a daemon that was just started has not watched for long enough.)
bool Reconciler::has_left(const LiveJob& job) const {
  const AttemptRow& attempt = *job.model.newest_attempt();
  if (attempt.live() || attempt.marked_lost) {
    return false;
  }
  const auto seen = sightings_.by_id.find(attempt.scheduler_job_id);
  if (seen != sightings_.by_id.end()) {
    return seen->second.restart_count <= attempt.restart_count && is_over(seen->second.state) &&
           seen->second.state != AllocationState::node_fail;
  }
  const bool asked_since =
      sightings_.asked_at && job.over_since && *sightings_.asked_at > *job.over_since;
  return asked_since && attempt.ended_at && wall() - *attempt.ended_at >= config_.limits.lease;
}

bool Reconciler::let_go(JobId id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) {
    return true;
  }
  const LiveJob& job = *found->second;
  if (job.busy || job.unsaved || job.model.open_submission() != nullptr) {
    return false;
  }
  if (has_runner(job.model) && !has_left(job)) {
    poll_soon();
    return false;
  }
  jobs_.erase(found);
  return true;
}

void Reconciler::tidy(LiveJob& job, const std::vector<store::GenerationOnDisk>& on_disk) {
  if (!still_owner() || may_have_runner(job)) {
    return;
  }
  Removals removals;
  for (const store::GenerationOnDisk& generation : on_disk) {
    if (!generation.tombstone.empty() && generation.manifest) {
      removals.generations[generation.id] = generation.tombstone; // begun, and not finished
    }
  }
  for (const RetentionVerdict& verdict : verdicts(job.model, on_disk)) {
    if (verdict.keep) {
      continue;
    }
    store::JobEvent event;
    event.kind = store::JobEventKind::pruned;
    event.generation = verdict.id;
    event.reason = verdict.reason;
    event.by = "daemon";
    if (record(job, event)) {
      removals.generations[verdict.id] = verdict.reason;
    }
  }
  for (const auto& [id, row] : job.model.generations) {
    if (row.state == GenerationState::failed && row.attempt) {
      removals.failed.push_back(id);
      removals.attempts.insert(*row.attempt);
    }
  }
  if (!removals.generations.empty() || !removals.attempts.empty()) {
    remove(job, removals);
  }
}

void Reconciler::remove(LiveJob& job, const Removals& removals) {
  job.busy = true; // nothing is decided of it until they are gone
  ports_.executor.run([folder = job.folder.path(), removals] { removals.carry_out(folder); },
                      [this, id = job.model.job.id] {
                        if (LiveJob* again = find(id)) {
                          again->busy = false;
                        }
                      });
}

} // namespace ckpt::daemon
