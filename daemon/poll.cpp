#include "core/base/log.hpp"
#include "daemon/reconciler.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>

// One query for all jobs, and as few of them as the jobs' states allow.

namespace ckpt::daemon {

namespace {

/// "CANCELLED by 1000", as Slurm spells it, with who that is.
std::string with_name(const std::string& state) {
  constexpr std::string_view kBy = " by ";
  const std::size_t at = state.find(kBy);
  uid_t uid = 0;
  const char* begin = at == std::string::npos ? nullptr : state.data() + at + kBy.size();
  const char* end = state.data() + state.size();
  if (begin == nullptr || std::from_chars(begin, end, uid).ptr != end) {
    return state;
  }
  const struct passwd* entry = ::getpwuid(uid);
  const std::string name = entry != nullptr ? entry->pw_name : "uid " + std::to_string(uid);
  return state.substr(0, at + kBy.size()) +
         (uid == ::getuid() ? "you (" + name + ")" : name + ", not by you");
}

} // namespace

void put_allocations(Sightings& sightings, const std::vector<Allocation>& allocations) {
  for (const Allocation& allocation : allocations) {
    const auto found = sightings.by_id.find(allocation.id);
    if (found == sightings.by_id.end() || found->second.restart_count <= allocation.restart_count) {
      sightings.by_id[allocation.id] = allocation;
      sightings.by_id[allocation.id].raw_state = with_name(allocation.raw_state);
    }
    if (const auto token = scheduler::token_of(allocation)) {
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

bool Reconciler::runs(const LiveJob& job) const {
  const AttemptRow* attempt = job.model.newest_attempt();
  const SubmissionRow* open = job.model.open_submission();
  return open != nullptr && attempt != nullptr && attempt->token == open->token &&
         attempt->live() && attempt->started_at && job.model.job.state == JobState::running;
}

std::optional<Duration> Reconciler::shortest_grace() const {
  std::optional<Duration> shortest;
  for (const auto& [id, job] : jobs_) {
    const SubmissionRow* open = job->model.open_submission();
    if (grace_times_.empty() || open == nullptr || !open->scheduler_job_id || !runs(*job)) {
      continue;
    }
    const auto seen = sightings_.by_id.find(*open->scheduler_job_id);
    const auto grace = seen == sightings_.by_id.end() ? grace_times_.end()
                                                      : grace_times_.find(seen->second.partition);
    if (grace != grace_times_.end()) {
      shortest = std::min(shortest.value_or(grace->second), grace->second);
    }
  }
  return shortest;
}

Duration Reconciler::poll_interval() const {
  const Duration usual = usual_poll_interval();
  // PreemptTime is the only sign of an announced preemption; half of the grace is the runner's.
  const auto grace = shortest_grace();
  return grace ? std::min(usual, std::max(*grace / 2, config_.poll.shortest)) : usual;
}

Duration Reconciler::usual_poll_interval() const {
  const bool quiet = std::all_of(jobs_.begin(), jobs_.end(), [this](const auto& entry) {
    const LiveJob& job = *entry.second;
    if (job.model.open_submission() == nullptr) {
      return true;
    }
    const bool fresh = !job.lease_since || now() - *job.lease_since < config_.limits.lease;
    return runs(job) && fresh;
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

struct Reconciler::Question {
  MonoTime asked_at{};
  std::vector<SchedulerJobId> watched;
  bool partitions = false;
};

struct Reconciler::Answer {
  Result<std::vector<Allocation>> snapshot;
  Result<std::vector<Allocation>> looked_up = std::vector<Allocation>{};
  Result<std::map<std::string, std::string>> leaving = std::map<std::string, std::string>{};
  std::optional<Duration> took; ///< the snapshot
  Result<std::map<std::string, Duration>> grace_times = std::map<std::string, Duration>{};
};

Reconciler::Question Reconciler::question() const {
  Question question;
  question.asked_at = now();
  for (const auto& [id, job] : jobs_) {
    const SubmissionRow* open = job->model.open_submission();
    if (open != nullptr && open->scheduler_job_id) {
      question.watched.push_back(*open->scheduler_job_id);
    }
  }
  question.partitions = !grace_times_at_ || now() - *grace_times_at_ >= config_.poll.partitions;
  return question;
}

void Reconciler::poll_if_due() {
  // Once more after a job's end: a controller that lost its memory may have queued it again.
  // Once more after one was parked, too: who waits for it in the queue is to be told.
  const bool just_over = std::any_of(jobs_.begin(), jobs_.end(), [this](const auto& entry) {
    const LiveJob& job = *entry.second;
    const bool seen_since =
        sightings_.asked_at && job.over_since && *sightings_.asked_at > *job.over_since;
    const bool leaves = job.model.job.state != JobState::parked && job.notices.open().empty();
    return job.over_since && (leaves || !seen_since);
  });
  if (polling_ || !(anything_runs() || just_over) || (poll_at_ && now() < *poll_at_)) {
    return;
  }
  const auto asked = std::make_shared<Question>(question());
  const auto answer = std::make_shared<Answer>();
  polling_ = true;
  ports_.executor.run(
      [answer, asked, &scheduler = ports_.scheduler, &clock = ports_.clock] {
        const MonoTime began = clock.monotonic();
        answer->snapshot = scheduler.snapshot();
        answer->took = clock.monotonic() - began;
        if (!answer->snapshot) {
          return;
        }
        std::vector<SchedulerJobId> missing;
        std::set<std::string> nodes;
        for (const SchedulerJobId& id : asked->watched) {
          const auto& all = *answer->snapshot;
          const auto found =
              std::find_if(all.begin(), all.end(), [&](const auto& a) { return a.id == id; });
          if (found == all.end()) {
            missing.push_back(id);
          } else if (found->state == AllocationState::cancelled) {
            missing.push_back(id); // accounting knows who did it
          } else if (found->state == AllocationState::running && !found->node.empty()) {
            nodes.insert(found->node);
          }
        }
        if (!missing.empty()) {
          answer->looked_up = scheduler.look_up(missing);
        }
        if (!nodes.empty()) {
          answer->leaving = scheduler.leaving_nodes({nodes.begin(), nodes.end()});
        }
        if (asked->partitions) {
          answer->grace_times = scheduler.grace_times();
        }
      },
      [this, answer, asked] { take_answer(*asked, *answer); });
}

/// Accounting has no restart count: it is told by the number of its records, of which a site may
/// have lost some. What the controller has forgotten is over for good, so that the last record
/// speaks of the last attempt.
std::vector<Allocation> Reconciler::counted_by_attempts(std::vector<Allocation> allocations) const {
  for (Allocation& allocation : allocations) {
    for (const auto& [id, job] : jobs_) {
      const SubmissionRow* open = job->model.open_submission();
      const AttemptRow* newest = job->model.newest_attempt();
      if (is_over(allocation.state) && open != nullptr && newest != nullptr &&
          open->scheduler_job_id == allocation.id && newest->token == open->token) {
        allocation.restart_count = std::max(allocation.restart_count, newest->restart_count);
      }
    }
  }
  return allocations;
}

void Reconciler::take_answer(const Question& question, const Answer& answer) {
  polling_ = false;
  if (answer.took) {
    figures_.query_seconds.add(static_cast<double>(answer.took->count()) / 1000);
  }
  if (!answer.snapshot) {
    ++figures_.query_errors;
    const Error& error = answer.snapshot.error();
    if (!sightings_.outage) {
      sightings_.outage_since = wall();
      log::warning("the scheduler does not answer: " + error.message);
    }
    sightings_.outage = error;
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
  fresh.asked_at = question.asked_at;
  fresh.answered_at = wall();
  put_allocations(fresh, *answer.snapshot);
  if (answer.looked_up) {
    put_allocations(fresh, counted_by_attempts(*answer.looked_up));
  } else {
    for (const SchedulerJobId& id : question.watched) {
      if (fresh.by_id.count(id) == 0) {
        fresh.not_looked_up.insert(id);
      }
    }
  }
  // Without an answer a node that was leaving still is: its end would begin a new episode.
  fresh.leaving_nodes = answer.leaving ? *answer.leaving : sightings_.leaving_nodes;
  if (question.partitions && answer.grace_times) {
    grace_times_ = *answer.grace_times;
    grace_times_at_ = question.asked_at;
  }
  sightings_ = std::move(fresh);
  if (!poll_at_ || *poll_at_ <= question.asked_at || *poll_at_ <= now()) {
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
