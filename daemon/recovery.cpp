#include "core/base/log.hpp"
#include "core/domain/machines.hpp"
#include "core/domain/retention.hpp"
#include "core/store/array_folder.hpp"
#include "core/store/fate.hpp"
#include "core/store/generations.hpp"
#include "daemon/reconciler.hpp"
#include "daemon/replay.hpp"

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

/// To be told of something.
bool somebody_waits(const store::JobFolder& folder) {
  const auto batch = store::read_job_events(folder.job_journal());
  NoticeBook book;
  for (const store::JobEvent& event : batch ? batch->events : std::vector<store::JobEvent>{}) {
    book.apply(event);
  }
  return !book.open().empty();
}

} // namespace

Status Reconciler::recover(bool rebuild) {
  const auto ids = ports_.store.list_jobs();
  if (!ids) {
    return tl::unexpected(ids.error());
  }
  if (rebuild && !ids->empty()) {
    // Clients ask for what came after the last number they saw; an empty registry would begin again
    // below it. Microseconds: more than there can have been events.
    constexpr std::int64_t kPerMillisecond = 1000;
    const std::int64_t behind_all = wall().time_since_epoch().count() * kPerMillisecond;
    if (const Status done = ports_.registry.number_events_from(behind_all); !done) {
      return done;
    }
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
  remove_abandoned_arrays();
  poll_at_.reset();
  return {};
}

void Reconciler::remove_abandoned_arrays() {
  const Path& root = ports_.store.root();
  const auto tokens = store::ArrayFolder::abandoned(root);
  if (!tokens) {
    return log::error("the folders of job arrays: " + tokens.error().message);
  }
  for (const SubmissionToken& token : *tokens) {
    const store::ArrayFolder folder(root, token);
    log::info("no job is left of the array " + folder.path().string() + ", removed");
    if (const Status removed = folder.remove(); !removed) {
      log::error(removed.error().message);
    }
  }
}

/// All tasks of an accepted array are jobs, also those that the daemon died over.
Result<bool> Reconciler::was_accepted_with_array(JobModel& model, const store::JobFolder& folder) {
  const auto spec = folder.read_spec();
  if (!spec) {
    return tl::unexpected(spec.error());
  }
  if (!spec->array) {
    return false;
  }
  const auto accepted = store::ArrayFolder(ports_.store.root(), spec->array->token).accepted();
  if (!accepted || !*accepted) {
    return accepted ? Result<bool>(false) : tl::unexpected(accepted.error());
  }
  const auto job = adopt(std::move(model));
  if (!job) {
    return tl::unexpected(job.error());
  }
  const bool first = spec->array->of == spec->id;
  const Status done = record(**job, created_event(first ? (*accepted)->idempotency_key : ""));
  return done ? Result<bool>(true) : tl::unexpected(done.error());
}

store::JobEvent created_event(const std::string& idempotency_key) {
  store::JobEvent created;
  created.kind = store::JobEventKind::created;
  created.by = "user";
  created.idempotency_key = idempotency_key;
  return created;
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
  if (!*created) {
    const auto accepted = was_accepted_with_array(model, folder);
    if (!accepted || *accepted) {
      return accepted ? Status{} : tl::unexpected(accepted.error());
    }
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
      !is_untidy(model) && !somebody_waits(folder)) {
    return {};
  }
  const auto job = adopt(std::move(model));
  if (!job) {
    return tl::unexpected(job.error());
  }
  const AttemptRow* newest = (*job)->model.newest_attempt();
  if (from_files && newest != nullptr && newest->live() && newest->started_at) {
    read_coordinator(**job, newest->n);
  }
  return {};
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
  const Status read =
      from_files ? read_all(model, folder, change) : read_on(model, folder, batch->events, change);
  if (!read) {
    return tl::unexpected(read.error());
  }
  if (const auto policy = folder.read_policy()) {
    model.job.policy = *policy;
  }
  if (const auto options = folder.read_restart_options()) {
    model.job.overrides = {options->sbatch_args, options->time_limit};
  }
  if (from_files || !is_final(model.job.state)) {
    for (const AttemptRow& row : std::vector<AttemptRow>(model.attempts)) {
      const auto fate = row.live() ? store::read_fate(folder, row.n)
                                   : Result<std::optional<store::Fate>>(std::nullopt);
      if (fate && *fate && (*fate)->kind == store::FateKind::result) {
        take_result(model, row.n, **fate, change);
      }
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

/// Without a row of it: all that the files tell.
Status Reconciler::read_all(JobModel& model, const store::JobFolder& folder, Change& change) {
  const auto replayed = replay(model, folder, change);
  if (!replayed) {
    return tl::unexpected(replayed.error());
  }
  for (const std::string& what : replayed->damaged) {
    log::error(model.job.id.str() + ": " + what);
    change.events.push_back(
        {wall(), "job_unreadable", {}, {}, what, "daemon", "daemon", std::nullopt});
  }
  for (const store::Claim& claim : replayed->claims) {
    ports_.registry.note_node(claim.host, claim.at);
  }
  return {};
}

/// What the files hold beyond the rows: one died between a durable line and its transaction.
Status Reconciler::read_on(JobModel& model,
                           const store::JobFolder& folder,
                           const std::vector<store::JobEvent>& events,
                           Change& change) {
  for (const store::JobEvent& event : events) {
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
  if (is_final(model.job.state)) {
    return {};
  }
  const auto claims = folder.read_claims();
  if (!claims) {
    return tl::unexpected(claims.error());
  }
  for (const store::Claim& claim : *claims) {
    apply(model, claim, change);
  }
  for (std::size_t i = 0; i < model.attempts.size(); ++i) {
    const AttemptId n = model.attempts[i].n;
    const auto events_of =
        store::read_attempt_events(folder.attempt(n).journal(), model.attempts[i].position);
    if (!events_of) {
      continue;
    }
    for (const store::AttemptEvent& event : events_of->events) {
      apply(model, n, event, change);
    }
    model.attempts[i].position = events_of->position;
  }
  return {};
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
      row.state = GenerationState::sealed;
      row.reason.clear();
    }
    if (found.manifest || found.removed_manifest) {
      const Manifest& manifest = found.manifest ? *found.manifest : *found.removed_manifest;
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
