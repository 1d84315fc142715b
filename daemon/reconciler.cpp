#include "daemon/reconciler.hpp"

#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "core/domain/machines.hpp"
#include "core/store/reservation.hpp"

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

/// Options of the newest restart stand behind those of the submission.
scheduler::MailWish mail_of(const LiveJob& job) {
  auto args = job.spec.sbatch_args;
  const auto& newer = job.model.job.overrides.sbatch_args;
  args.insert(args.end(), newer.begin(), newer.end());
  return scheduler::mail_wish(args).value_or(scheduler::MailWish{}); // checked when it came
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
  const auto events = store::read_job_events(folder.job_journal());
  for (const store::JobEvent& event : events ? events->events : std::vector<store::JobEvent>{}) {
    job->notices.apply(event);
  }
  job->mail = mail_of(*job);
  const JobId id = job->model.job.id;
  return jobs_.emplace(id, std::move(job)).first->second.get();
}

Result<Change>
Reconciler::write_down(LiveJob& job, store::JobEvent event, const std::string& request) {
  if (!still_owner()) {
    return fail(ErrorClass::conflict,
                "taken_over",
                "another daemon has taken this state folder over",
                "`ckpt daemon status` names it");
  }
  event.at = wall();
  if (event.kind == store::JobEventKind::restart_requested) {
    job.mail = mail_of(job);
  }
  if (!event.of) {
    event.notice = ways_of(event.kind, job.mail, config_.tells_command);
  }
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
  job.notices.apply(*written);
  job.tidy_wanted = job.tidy_wanted || changes_what_is_kept(written->kind);
  return change;
}

Status Reconciler::record(LiveJob& job, store::JobEvent event, const std::string& request) {
  const auto change = write_down(job, std::move(event), request);
  return change ? commit(job, *change) : tl::unexpected(change.error());
}

Status Reconciler::record_all(const std::vector<JobAndEvent>& events, const std::string& request) {
  std::vector<JobAndChange> changes;
  for (const JobAndEvent& one : events) {
    auto change = write_down(*one.job, one.event, request);
    if (!change) {
      (void)commit_all(changes); // what was written down has happened
      return tl::unexpected(change.error());
    }
    changes.push_back({one.job, *std::move(change)});
  }
  return commit_all(changes);
}

Status Reconciler::commit(LiveJob& job, const Change& change) {
  return commit_all({{&job, change}});
}

Status Reconciler::commit_all(const std::vector<JobAndChange>& changes) {
  std::vector<Change> all;
  all.reserve(changes.size()); // the parts point into it
  std::vector<Registry::Part> parts;
  for (const JobAndChange& one : changes) {
    all.push_back(std::exchange(one.job->unsaved, std::nullopt).value_or(Change{}));
    merge(all.back(), one.change);
    parts.push_back({&one.job->model, &all.back()});
  }
  const Status done = ports_.registry.commit(parts);
  if (!done) {
    // The files are the truth, and the next start reads them; until then the rows lag behind.
    if (!registry_trouble_ || registry_trouble_->message != done.error().message) {
      log::error((changes.empty() ? "" : changes.front().job->model.job.id.str() + ": ") +
                 done.error().message);
    }
    registry_trouble_since_ = registry_trouble_ ? registry_trouble_since_ : wall();
    registry_trouble_ = done.error();
    for (std::size_t i = 0; i < changes.size(); ++i) {
      changes[i].job->unsaved = std::move(all[i]);
    }
  } else if (registry_trouble_) {
    log::info("the registry can be written again");
    registry_trouble_.reset();
  }
  changed();
  return done;
}

void Reconciler::tick() {
  poll_if_due();
  for (auto it = jobs_.begin(); it != jobs_.end();) {
    LiveJob& job = *it->second;
    if (job.unsaved) {
      (void)commit(job, {});
    }
    if (!job.busy) {
      attend(job);
    }
    move_dependents(job);
    tidy_if_quiet(job);
    const bool ended = is_final(job.model.job.state);
    const bool rests = (ended || job.model.job.state == JobState::parked) && !job.busy &&
                       job.model.open_submission() == nullptr;
    job.over_since = rests ? std::optional(job.over_since.value_or(now())) : std::nullopt;
    const bool done = rests && ended && !job.tidy_wanted && !job.unsaved &&
                      job.notices.open().empty() && now() - *job.over_since >= kTidyingTime;
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
  store::Generations(job.folder.path()).remove_unfinished_packing();
  store::Reservation::forget(job.folder.store_root(), job.folder.path().filename().string());
}

/// Of its first start alone, and only where somebody asked for that.
void Reconciler::tell_of_begin(LiveJob& job) {
  if (!job.mail.begin || job.notices.began() || !runs(job) || job.unsaved) {
    return;
  }
  store::JobEvent event;
  event.kind = store::JobEventKind::began;
  event.attempt = job.model.newest_attempt()->n;
  event.by = "daemon";
  (void)record(job, event); // the next round tries again
}

void Reconciler::attend(LiveJob& job) {
  if (job.busy) {
    return;
  }
  observe(job);
  tell_of_begin(job);
  tell_policy(job);
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
