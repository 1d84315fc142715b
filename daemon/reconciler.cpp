#include "daemon/reconciler.hpp"

#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "core/domain/machines.hpp"

#include <utility>

// Invariants: what a job's rows say has its durable event on the disk before (job.jsonl by us, the
// journals by the runners); one act a job at a time; nothing is done by a daemon that has lost the
// state folder to another.

namespace ckpt::daemon {
namespace {

// After its last event a runner removes what the job does not need any more, and says so.
constexpr Duration kTidyingTime = seconds{30};

bool changes_what_is_kept(store::JobEventKind kind) {
  using Kind = store::JobEventKind;
  return kind == Kind::parked || kind == Kind::completed || kind == Kind::failed ||
         kind == Kind::cancelled || kind == Kind::unpinned || kind == Kind::policy_changed;
}

} // namespace

Reconciler::Reconciler(Ports ports, ReconcilerConfig config)
    : ports_(ports), config_(std::move(config)) {}

Reconciler::~Reconciler() = default;

LiveJob* Reconciler::find(JobId id) {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : found->second.get();
}

Result<LiveJob*> Reconciler::adopt(JobModel model) {
  if (LiveJob* known = find(model.job.id)) {
    return known;
  }
  const store::JobFolder folder = ports_.store.job(model.job.id);
  auto spec = folder.read_spec();
  auto journal = store::JobJournal::open(folder.job_journal());
  if (!spec || !journal) {
    return tl::unexpected(spec ? journal.error() : spec.error());
  }
  auto job = std::make_unique<LiveJob>(LiveJob{.model = std::move(model),
                                               .spec = *std::move(spec),
                                               .folder = folder,
                                               .journal = *std::move(journal)});
  const JobId id = job->model.job.id;
  return jobs_.emplace(id, std::move(job)).first->second.get();
}

Status Reconciler::record(LiveJob& job, store::JobEvent event, const std::string& request) {
  event.at = wall();
  kill_point("event.begin");
  const auto written = job.journal.append(std::move(event));
  if (!written) {
    return tl::unexpected(written.error());
  }
  kill_point("event.durable");
  Change change;
  apply(job.model, *written, change);
  for (Change::IdempotencyKey& key : change.keys) {
    key.request = request;
  }
  job.model.job.position.next_number = written->number + 1;
  job.tidy_wanted = job.tidy_wanted || changes_what_is_kept(written->kind);
  return commit(job, change);
}

Status Reconciler::commit(LiveJob& job, const Change& change) {
  const Status done = ports_.registry.commit(job.model, change);
  if (!done) {
    // The files are the truth: the rows are made from them again at the next start.
    log::error(job.model.job.id.str() + ": " + done.error().message);
  }
  changed();
  return done;
}

void Reconciler::tick() {
  poll_if_due();
  for (auto it = jobs_.begin(); it != jobs_.end();) {
    LiveJob& job = *it->second;
    if (!job.busy) {
      attend(job);
    }
    tidy_if_quiet(job);
    const bool over =
        is_final(job.model.job.state) && !job.busy && job.model.open_submission() == nullptr;
    job.over_since = over ? std::optional(job.over_since.value_or(now())) : std::nullopt;
    const bool done = over && !job.tidy_wanted && now() - *job.over_since >= kTidyingTime;
    if (done) {
      last_look(job);
    }
    it = done ? jobs_.erase(it) : std::next(it);
  }
}

// Its last runner may have died while it tidied up.
void Reconciler::last_look(LiveJob& job) {
  job.generations_due = true;
  observe(job);
  remove_stale_temporaries(job.folder.path(), kTidyingTime);
}

void Reconciler::attend(LiveJob& job) {
  if (job.busy) {
    return;
  }
  observe(job);
  // A few rounds: what is decided changes the facts (a lost attempt leads to a submission at once).
  for (int round = 0; round < 6 && !job.busy; ++round) {
    const JobFacts facts = facts_of(job);
    bool acted = false;
    for (const Action& action : decide(facts, now(), config_.limits)) {
      if (action.kind == ActionKind::nothing) {
        job.waits_for = action.reason;
        continue;
      }
      if (job.busy || !still_owner()) {
        return;
      }
      act(job, action);
      acted = acted || action.kind != ActionKind::look_for_token;
    }
    if (!acted) {
      return;
    }
  }
}

} // namespace ckpt::daemon
