#include "core/base/log.hpp"
#include "daemon/reconciler.hpp"

#include <algorithm>

// One query for all jobs, and as few of them as the jobs' states allow.

namespace ckpt::daemon {

void put_allocations(Sightings& sightings, const std::vector<Allocation>& allocations) {
  for (const Allocation& allocation : allocations) {
    const auto found = sightings.by_id.find(allocation.id);
    if (found == sightings.by_id.end() || found->second.restart_count <= allocation.restart_count) {
      sightings.by_id[allocation.id] = allocation;
    }
    if (const auto token = scheduler::token_in_comment(allocation.comment)) {
      auto& ids = sightings.by_token[token->value];
      if (std::find(ids.begin(), ids.end(), allocation.id) == ids.end()) {
        ids.push_back(allocation.id);
      }
    }
  }
}

void Reconciler::poll_soon() {
  const MonoTime soon = now() + config_.poll.after_act;
  poll_at_ = poll_at_ ? std::min(*poll_at_, soon) : soon;
  quiet_polls_ = 0;
}

/// Its last attempt has ended and the next one is about to come about: seconds count, but not for
/// long.
bool Reconciler::changes_over(const LiveJob& job) const {
  const AttemptRow* attempt = job.model.newest_attempt();
  const SubmissionRow* open = job.model.open_submission();
  return open != nullptr && attempt != nullptr && attempt->token == open->token && !attempt->live();
}

Duration Reconciler::poll_interval() const {
  const bool quiet = std::all_of(jobs_.begin(), jobs_.end(), [this](const auto& entry) {
    const LiveJob& job = *entry.second;
    const AttemptRow* attempt = job.model.newest_attempt();
    const SubmissionRow* open = job.model.open_submission();
    if (open == nullptr) {
      return true;
    }
    const bool runs = attempt != nullptr && attempt->token == open->token && attempt->live() &&
                      attempt->started_at && job.model.job.state == JobState::running;
    const bool fresh = !job.lease_since || now() - *job.lease_since < config_.limits.lease;
    return runs && fresh;
  });
  if (quiet) {
    return config_.poll.running;
  }
  const bool soon = std::any_of(jobs_.begin(), jobs_.end(), [this](const auto& entry) {
    return changes_over(*entry.second);
  });
  Duration interval =
      soon ? std::min(config_.poll.after_act, config_.poll.pending) : config_.poll.pending;
  for (int i = 0; i < quiet_polls_ && interval < config_.poll.running; ++i) {
    interval *= 2;
  }
  return std::min(interval, std::max(config_.poll.running, config_.poll.pending));
}

void Reconciler::poll_if_due() {
  // Once more after a job's end: a controller that lost its memory may have queued it again.
  const bool just_over = std::any_of(
      jobs_.begin(), jobs_.end(), [](const auto& entry) { return entry.second->over_since; });
  if (polling_ || !(anything_runs() || just_over) || (poll_at_ && now() < *poll_at_)) {
    return;
  }
  std::vector<SchedulerJobId> watched;
  for (const auto& [id, job] : jobs_) {
    const SubmissionRow* open = job->model.open_submission();
    if (open != nullptr && open->scheduler_job_id) {
      watched.push_back(*open->scheduler_job_id);
    }
  }
  struct Answer {
    Result<std::vector<Allocation>> snapshot;
    Result<std::vector<Allocation>> looked_up = std::vector<Allocation>{};
  };
  auto answer = std::make_shared<Answer>();
  const MonoTime asked_at = now();
  polling_ = true;
  ports_.executor.run(
      [answer, watched, &scheduler = ports_.scheduler] {
        answer->snapshot = scheduler.snapshot();
        if (!answer->snapshot) {
          return;
        }
        std::vector<SchedulerJobId> missing;
        for (const SchedulerJobId& id : watched) {
          const auto& all = *answer->snapshot;
          if (std::none_of(all.begin(), all.end(), [&](const auto& a) { return a.id == id; })) {
            missing.push_back(id);
          }
        }
        if (!missing.empty()) {
          answer->looked_up = scheduler.look_up(missing);
        }
      },
      [this, answer, watched, asked_at] {
        take_answer(asked_at, watched, answer->snapshot, answer->looked_up);
      });
}

void Reconciler::take_answer(MonoTime asked_at,
                             const std::vector<SchedulerJobId>& watched,
                             const Result<std::vector<Allocation>>& snapshot,
                             const Result<std::vector<Allocation>>& looked_up) {
  polling_ = false;
  if (!snapshot) {
    if (!sightings_.outage) {
      sightings_.outage_since = wall();
      log::warning("the scheduler does not answer: " + snapshot.error().message);
    }
    sightings_.outage = snapshot.error();
    ++sightings_.failures_in_a_row;
    Duration wait = std::max(config_.poll.after_act, Duration{1});
    for (int i = 0; i < sightings_.failures_in_a_row && wait < config_.poll.outage_max; ++i) {
      wait *= 2;
    }
    poll_at_ = now() + std::min(wait, config_.poll.outage_max);
    return;
  }
  if (sightings_.outage) {
    log::info("the scheduler answers again");
  }
  Sightings fresh;
  fresh.asked_at = asked_at;
  fresh.answered_at = wall();
  put_allocations(fresh, *snapshot);
  if (looked_up) {
    put_allocations(fresh, *looked_up);
  } else {
    for (const SchedulerJobId& id : watched) {
      if (fresh.by_id.count(id) == 0) {
        fresh.not_looked_up.insert(id);
      }
    }
  }
  sightings_ = std::move(fresh);
  if (!poll_at_ || *poll_at_ <= asked_at || *poll_at_ <= now()) {
    poll_at_ = now() + poll_interval();
    ++quiet_polls_;
  }
}

bool Reconciler::anything_runs() const {
  return std::any_of(jobs_.begin(), jobs_.end(), [](const auto& entry) {
    return entry.second->model.open_submission() != nullptr;
  });
}

} // namespace ckpt::daemon
