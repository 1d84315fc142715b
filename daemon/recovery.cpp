#include "core/base/log.hpp"
#include "core/domain/machines.hpp"
#include "core/domain/retention.hpp"
#include "core/store/fate.hpp"
#include "core/store/generations.hpp"
#include "daemon/reconciler.hpp"

#include <algorithm>

// At the start the files are read again from where the rows end, through the same apply() that the
// rows were made with: a crash between a durable event and its transaction leaves nothing behind,
// and without a registry everything is made from the beginning.

namespace ckpt::daemon {
namespace {

constexpr Duration kLookedAt = minutes{10}; ///< after its end

/// By its rows: retention would remove something. The lineage does not matter for this glance.
bool is_untidy(const JobModel& model) {
  std::vector<GenerationFacts> facts;
  for (const auto& [id, row] : model.generations) {
    if (row.state == GenerationState::sealed || row.state == GenerationState::corrupt) {
      facts.push_back({id, row.state, row.pinned, false, true});
    }
  }
  const JobPhase phase =
      model.job.state == JobState::completed ? JobPhase::succeeded : JobPhase::ended_otherwise;
  const auto verdicts = retain(facts, model.job.policy, phase);
  return std::any_of(verdicts.begin(), verdicts.end(), [](const auto& v) { return !v.keep; });
}

} // namespace

Status Reconciler::recover(bool rebuild) {
  const auto ids = ports_.store.list_jobs();
  if (!ids) {
    return tl::unexpected(ids.error());
  }
  for (const JobId id : *ids) {
    if (const Status done = recover_job(id, rebuild); !done) {
      // One damaged job must not keep the others from going on.
      log::error(id.str() + ": " + done.error().message);
      ports_.registry.commit_event({wall(),
                                    "job_unreadable",
                                    {},
                                    {},
                                    id.str() + ": " + done.error().message,
                                    "daemon",
                                    "daemon",
                                    std::nullopt});
    }
  }
  poll_at_.reset();
  return {};
}

Status Reconciler::recover_job(JobId id, bool rebuild) {
  const store::JobFolder folder = ports_.store.job(id);
  auto known = ports_.registry.load(id);
  if (!known) {
    return tl::unexpected(known.error());
  }
  const bool from_files = rebuild || !*known;
  if (from_files) {
    const auto spec = folder.read_spec();
    const auto policy = folder.read_policy();
    if (!spec || !policy) {
      return tl::unexpected(spec ? policy.error() : spec.error());
    }
    *known = model_of(*spec, *policy);
  }
  JobModel& model = **known;
  const auto created = catch_up(model, folder, from_files);
  if (!created) {
    return tl::unexpected(created.error());
  }
  if (!*created && folder.creator() != ports_.store.creator()) {
    log::warning(id.str() +
                 ": was never accepted, and was not made from this state folder; left as "
                 "it is (" +
                 folder.path().string() + ")");
    return {};
  }
  if (!*created) {
    // The daemon died before it had answered the submit: nobody was told of this job.
    log::info(id.str() + ": was never accepted, removed");
    return ports_.store.remove_job(id);
  }
  // One that is over is looked at once more if that may not have been done yet.
  const bool long_over = !model.job.ended_at || wall() - *model.job.ended_at > kLookedAt;
  if (is_final(model.job.state) && model.open_submission() == nullptr && long_over &&
      !is_untidy(model)) {
    return {};
  }
  const auto job = adopt(std::move(model));
  return job ? Status{} : tl::unexpected(job.error());
}

/// False when job.jsonl has not even its first line.
Result<bool>
Reconciler::catch_up(JobModel& model, const store::JobFolder& folder, bool from_files) {
  const auto batch = store::read_job_events(folder.job_journal());
  if (!batch) {
    return tl::unexpected(batch.error());
  }
  if (batch->events.empty()) {
    const auto first = folder.read_claim(AttemptId{1});
    return !first || first->has_value();
  }
  Change change;
  for (const store::JobEvent& event : batch->events) {
    if (event.number < model.job.position.next_number) {
      continue;
    }
    apply(model, event, change);
    model.job.position.next_number = event.number + 1;
    if (event.kind == store::JobEventKind::submit_intent) {
      // What we do not know to be untried may have been tried.
      model.open_submission()->state = SubmissionState::asked;
    }
  }
  if (const auto policy = folder.read_policy()) {
    model.job.policy = *policy;
  }
  if (const auto options = folder.read_restart_options()) {
    model.job.overrides = {options->sbatch_args, options->time_limit};
  }
  if (from_files || !is_final(model.job.state)) {
    const auto claims = folder.read_claims();
    if (!claims) {
      return tl::unexpected(claims.error());
    }
    for (const store::Claim& claim : *claims) {
      apply(model, claim, change);
    }
    for (const AttemptId n : [&] {
           std::vector<AttemptId> all;
           for (const AttemptRow& row : model.attempts) {
             all.push_back(row.n);
           }
           return all;
         }()) {
      AttemptRow& row = *model.attempt(n);
      const auto events = store::read_attempt_events(folder.attempt(n).journal(), row.position);
      if (!events) {
        continue;
      }
      for (const store::AttemptEvent& event : events->events) {
        apply(model, n, event, change);
      }
      model.attempt(n)->position = events->position;
      const auto fate = row.live() ? store::read_fate(folder, n)
                                   : Result<std::optional<store::Fate>>(std::nullopt);
      if (fate && *fate && (*fate)->kind == store::FateKind::result) {
        take_result(model, n, **fate, change);
      }
    }
    if (from_files) {
      // The journal of a lost attempt does not know that it was lost: once more, by job.jsonl.
      Change again;
      for (const store::JobEvent& event : batch->events) {
        if (event.kind == store::JobEventKind::attempt_lost) {
          apply(model, event, again);
        }
      }
      change.attempts.insert(again.attempts.begin(), again.attempts.end());
    }
    if (const Status done = reconcile_generations(model, folder, change); !done) {
      return tl::unexpected(done.error());
    }
  }
  if (const Status done = ports_.registry.commit(model, change); !done) {
    return tl::unexpected(done.error());
  }
  return true;
}

/// The runner died between its result and the line in its journal: that line as it was to be.
void Reconciler::take_result(JobModel& model,
                             AttemptId attempt,
                             const store::Fate& result,
                             Change& change) {
  store::AttemptEvent end = store::end_by_fate(result);
  end.number = model.attempt(attempt)->position.next_number;
  apply(model, attempt, end, change);
}

/// A manifest that is there wins over rows and journals.
Status
Reconciler::reconcile_generations(JobModel& model, const store::JobFolder& folder, Change& change) {
  const auto on_disk = store::Generations(folder.path()).list();
  if (!on_disk) {
    return tl::unexpected(on_disk.error());
  }
  for (const store::GenerationOnDisk& found : *on_disk) {
    GenerationRow& row = model.generations[found.id];
    row.id = found.id;
    change.generations.insert(found.id);
    if (found.manifest) {
      const Manifest& manifest = *found.manifest;
      row.state = GenerationState::sealed;
      row.reason.clear();
      row.trigger = manifest.trigger;
      row.attempt = manifest.attempt;
      row.parent = manifest.parent;
      row.frozen_at = manifest.frozen_at;
      row.sealed_at = manifest.sealed_at;
      row.bytes = manifest.raw_bytes();
      row.stored_bytes = manifest.stored_bytes();
      row.blocked = manifest.blocked;
      row.engine = manifest.engine.engine;
      row.engine_version = manifest.engine.version;
      row.host = manifest.host.host;
    }
    if (!found.failure.empty() && !found.manifest) {
      row.state = GenerationState::failed;
      row.reason = found.failure;
    }
    if (!found.corruption.empty()) {
      row.state = GenerationState::corrupt;
      row.reason = found.corruption;
    }
    if (!found.tombstone.empty()) {
      row.state = GenerationState::pruned;
      row.reason = found.tombstone;
    }
  }
  return {};
}

} // namespace ckpt::daemon
