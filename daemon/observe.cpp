#include "core/base/log.hpp"
#include "core/domain/end_words.hpp"
#include "core/json/json.hpp"
#include "daemon/reconciler.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

// What the runners wrote, what the scheduler showed, and both together as the facts of decide().

namespace ckpt::daemon {

using store::AttemptEventKind;
using Sight = AllocationFacts::Sight;

namespace {

/// A controller that has lost its memory gives numbers a second time: the token tells. (A person
/// may have changed the comment: without any token the number is believed.)
bool is_ours(const Allocation& allocation, const SubmissionToken& token) {
  const auto written = scheduler::token_of(allocation);
  return !written || *written == token;
}

} // namespace

void Reconciler::observe(LiveJob& job) {
  Change change;
  read_claims(job, change);
  for (const AttemptRow& row : std::vector<AttemptRow>(job.model.attempts)) {
    // The newest one is read on after it was marked lost (its runner may have been right), and
    // while its runner tidies up.
    const bool newest = row.n == job.model.attempts.back().n;
    const bool over = job.over_since && job.model.job.state != JobState::parked;
    if (row.live() || (newest && (row.marked_lost || over))) {
      read_journal(job, row.n, change);
    }
  }
  if (job.generations_due) {
    job.generations_due = !reconcile_generations(job.model, job.folder, change);
  }
  if (!change.events.empty() || !change.attempts.empty() || !change.generations.empty()) {
    (void)commit(job, change); // it says so, and tries again
  }
  adopt_by_token(job);
}

/// The scheduler shows a newer run of the allocation than that attempt: its node is gone, perhaps
/// without a word.
bool Reconciler::started_again(const SubmissionRow& open, const AttemptRow& newest) const {
  const auto shown = open.scheduler_job_id ? sightings_.by_id.find(*open.scheduler_job_id)
                                           : sightings_.by_id.end();
  return shown != sightings_.by_id.end() && is_ours(shown->second, open.token) &&
         shown->second.restart_count > newest.restart_count;
}

void Reconciler::read_claims(LiveJob& job, Change& change) {
  const SubmissionRow* open = job.model.open_submission();
  if (open == nullptr) {
    return;
  }
  const AttemptRow* newest = job.model.newest_attempt();
  if (newest != nullptr && newest->token == open->token && newest->live() &&
      !started_again(*open, *newest)) {
    return; // it runs: the next claim comes after its end
  }
  for (;;) {
    const AttemptId next{static_cast<std::int64_t>(job.model.attempts.size()) + 1};
    const auto claim = job.folder.read_claim(next);
    if (!claim || !*claim) {
      return;
    }
    apply(job.model, **claim, change);
    job.generations_due = true; // the one before may have died over what it was tidying up
    job.tidy_wanted = true;     // when it has ended
    if (!grace_times_.empty()) {
      poll_soon(); // it may run where preemptions have to be looked for
    }
    ports_.registry.note_node((*claim)->host, wall());
    forget_watch(job);
  }
}

bool Reconciler::read_journal(LiveJob& job, AttemptId n, Change& change) {
  AttemptRow* row = job.model.attempt(n);
  if (row == nullptr) {
    return false;
  }
  const auto batch = store::read_attempt_events(job.folder.attempt(n).journal(), row->position);
  if (!batch || batch->events.empty()) {
    return false;
  }
  for (const store::AttemptEvent& event : batch->events) {
    apply(job.model, n, event, change);
    const bool done = event.kind == AttemptEventKind::order_done;
    if ((done || event.kind == AttemptEventKind::order_refused) && event.order) {
      if (job.answers_of != n) {
        job.answers.clear();
        job.answers_of = n;
      }
      job.answers[*event.order] = {done, event.generation, event.code, event.reason};
    }
    if (event.kind == AttemptEventKind::ended || event.kind == AttemptEventKind::requeue_intent ||
        event.kind == AttemptEventKind::term_seen) {
      poll_soon();
    }
    if (event.kind == AttemptEventKind::program_started ||
        event.kind == AttemptEventKind::program_restarted) {
      read_coordinator(job, n);
    }
    if (event.kind == AttemptEventKind::policy_applied) {
      if (const auto policy = job.folder.read_policy()) {
        job.model.job.policy = *policy;
      }
    }
  }
  job.model.attempt(n)->position = batch->position;
  return true;
}

void Reconciler::read_coordinator(LiveJob& job, AttemptId n) {
  const auto text = read_file(job.folder.attempt(n).coordinator_json());
  if (!text) {
    return; // the engine has none
  }
  const auto json = parse_json(*text);
  if (!json || !json->is_object()) {
    return;
  }
  Registry::CoordinatorRow row;
  row.job = job.model.job.id;
  row.attempt = n;
  try {
    row.host = json->value("host", "");
    row.port = json->value("port", 0);
    row.pid = json->value("pid", std::int64_t{0});
    row.version = json->value("version", "");
  } catch (const nlohmann::json::exception&) {
    return;
  }
  row.started_at = job.model.attempt(n)->started_at;
  Change attempts_first; // the row refers to its attempt
  attempts_first.attempts.insert(n);
  if (commit(job, attempts_first)) {
    ports_.registry.put_coordinator(row);
  }
}

/// A submission whose outcome was not known, and that the scheduler shows under its token.
void Reconciler::adopt_by_token(LiveJob& job) {
  const SubmissionRow* open = job.model.open_submission();
  if (open == nullptr || open->scheduler_job_id || job.busy) {
    return;
  }
  const auto found = sightings_.by_token.find(open->token.value);
  if (found == sightings_.by_token.end() || found->second.empty()) {
    return;
  }
  store::JobEvent event;
  event.kind = store::JobEventKind::submitted;
  event.token = open->token;
  event.scheduler_job_id = *std::min_element(found->second.begin(), found->second.end());
  event.reason = "found in the scheduler by its token";
  event.by = "scheduler";
  record(job, event);
}

void Reconciler::forget_watch(LiveJob& job) {
  job.done = {};
  job.absent_since.reset();
  job.absent_counted.reset();
  job.absent_answers = 0;
  job.lease.reset();
  job.lease_since.reset();
  job.lease_read_at.reset();
}

void Reconciler::watch_lease(LiveJob& job, const JobFacts& facts) {
  const AttemptRow* newest = job.model.newest_attempt();
  if (newest == nullptr || !(newest->live() || job.tidy_wanted)) {
    return;
  }
  const bool in_sight = facts.allocation.sight == Sight::present && facts.allocation.allocation &&
                        !is_over(facts.allocation.allocation->state);
  if ((in_sight || !newest->live()) && job.lease_read_at &&
      now() - *job.lease_read_at < config_.poll.lease) {
    return;
  }
  job.lease_read_at = now();
  auto lease = job.folder.attempt(newest->n).read_lease();
  const std::optional<store::Lease> seen = lease ? std::optional(*lease) : std::nullopt;
  if (job.lease_of != newest->n || !job.lease_since || seen != job.lease) {
    job.lease_of = newest->n;
    job.lease = seen;
    job.lease_since = now();
  } else if (in_sight && !sightings_.outage && newest->live() &&
             now() - *job.lease_since >= config_.limits.lease / 2) {
    poll_soon(); // its runner or its node is gone: the scheduler may have begun it again
  }
}

/// Allocations with a token of this job that must not be: beside the open submission's own, and,
/// when there is none, those that wait. (One that runs ends by itself, and may be tidying up.)
std::vector<SchedulerJobId> Reconciler::surplus_of(const LiveJob& job, const SubmissionRow* open) {
  std::vector<SchedulerJobId> surplus;
  const std::optional<SchedulerJobId> own = open != nullptr ? open->scheduler_job_id : std::nullopt;
  if (open != nullptr && !own) {
    return surplus;
  }
  for (const SubmissionRow& row : job.model.submissions) {
    const bool closed = row.state == SubmissionState::revoked || row.state == SubmissionState::over;
    if (!(open != nullptr ? row.state == SubmissionState::revoked || &row == open : closed)) {
      continue;
    }
    const auto ids = sightings_.by_token.find(row.token.value);
    for (const SchedulerJobId& id :
         ids == sightings_.by_token.end() ? std::vector<SchedulerJobId>{} : ids->second) {
      const auto cancelled = job.surplus_cancelled.find(id);
      const bool due = cancelled == job.surplus_cancelled.end() ||
                       now() - cancelled->second >= config_.limits.act_repeat;
      const AllocationState state = sightings_.by_id.at(id).state;
      const bool waits = state == AllocationState::pending || state == AllocationState::held;
      if (id != own && due && (own ? !is_over(state) : waits)) {
        surplus.push_back(id);
      }
    }
  }
  return surplus;
}

AllocationFacts Reconciler::allocation_facts(LiveJob& job) {
  AllocationFacts facts;
  const SubmissionRow* open = job.model.open_submission();
  if (open == nullptr) {
    facts.surplus = surplus_of(job, nullptr);
    return facts;
  }
  const bool asked_since =
      sightings_.asked_at && (!job.tried_at || *sightings_.asked_at > *job.tried_at);
  if (!asked_since) {
    facts.sight = sightings_.outage ? Sight::no_answer : Sight::not_asked;
    return facts;
  }
  facts.answered_at = sightings_.asked_at;
  std::optional<SchedulerJobId> id = open->scheduler_job_id;
  const auto found = id ? sightings_.by_id.find(*id) : sightings_.by_id.end();
  const AttemptRow* newest = job.model.newest_attempt();
  const bool began = newest != nullptr && newest->token == open->token;
  if (found != sightings_.by_id.end() && is_ours(found->second, open->token) &&
      !(found->second.left_array && began)) {
    facts.sight = Sight::present;
    facts.allocation = found->second;
    if (const auto leaving = sightings_.leaving_nodes.find(found->second.node);
        leaving != sightings_.leaving_nodes.end()) {
      facts.node_leaving = leaving->second;
    } else {
      job.done.drain_order_given = false; // the next time is another one
    }
    if (found->second.eligible_at && sightings_.answered_at) {
      facts.begins_in = *found->second.eligible_at - *sightings_.answered_at;
    }
    job.absent_since.reset();
    job.absent_answers = 0;
  } else if (id && sightings_.not_looked_up.count(*id) != 0) {
    facts.sight = Sight::no_answer;
  } else {
    facts.sight = Sight::absent;
    if (job.absent_counted != sightings_.asked_at) {
      job.absent_counted = sightings_.asked_at;
      job.absent_since = job.absent_since ? job.absent_since : sightings_.asked_at;
      ++job.absent_answers;
    }
    facts.absent_since = job.absent_since;
    facts.absent_answers = job.absent_answers;
  }
  facts.surplus = surplus_of(job, open);
  return facts;
}

JobCounts Reconciler::counts_of(const LiveJob& job) const {
  JobCounts counts;
  const std::int64_t floor = job.model.job.attempt_floor;
  const auto& attempts = job.model.attempts;
  const auto behind = [floor](const AttemptRow& row) { return row.n.value > floor; };
  const auto begun = std::count_if(attempts.begin(), attempts.end(), behind);
  counts.restarts = static_cast<int>(std::max<std::ptrdiff_t>(begun - 1, 0));
  for (const AttemptRow& row : attempts) {
    counts.run_time += run_time(row, wall());
  }
  // Submissions that ended before a runner claimed them count as well.
  for (auto row = job.model.submissions.rbegin(); row != job.model.submissions.rend(); ++row) {
    const bool claimed = std::any_of(attempts.begin(), attempts.end(), [&](const AttemptRow& a) {
      return a.token == row->token;
    });
    if (claimed || row->state != SubmissionState::revoked || !row->scheduler_job_id) {
      break;
    }
    if (counts.fruitless_in_a_row++ == 0) {
      counts.fruitless_evidence = row->reason;
    }
  }
  for (auto row = attempts.rbegin(); row != attempts.rend() && behind(*row); ++row) {
    if (row->live() || row->sealed_count > 0 ||
        !is_fruitless(row->end_reason.value_or(EndReason::unknown))) {
      break;
    }
    if (counts.fruitless_in_a_row++ == 0) {
      counts.fruitless_evidence = "attempt " + row->n.str() + " " +
                                  end_words(row->end_reason.value_or(EndReason::unknown)) +
                                  (row->reason.empty() ? "" : ": " + row->reason);
    }
  }
  return counts;
}

JobFacts Reconciler::facts_of(LiveJob& job) {
  const JobModel& model = job.model;
  JobFacts facts;
  facts.job = model.job.id;
  facts.state = model.job.state;
  facts.policy = model.job.policy;
  facts.wishes = {model.job.wish_stop,
                  model.job.wish_cancel,
                  model.job.hold == HoldWish::held,
                  model.job.hold == HoldWish::releasing,
                  model.job.wish_reason};
  facts.counts = counts_of(job);
  if (const SubmissionRow* open = model.open_submission()) {
    if (job.done_for != open->token) {
      job.done_for = open->token;
      forget_watch(job);
      // One of unknown outcome that an earlier daemon tried: as if tried now.
      job.tried_at = open->state == SubmissionState::asked ? std::optional(now()) : std::nullopt;
    }
    SubmissionFacts submission{open->token,
                               SubmissionFacts::State::submitted,
                               open->scheduler_job_id,
                               job.tried_at,
                               open->reason};
    if (open->state == SubmissionState::intended) {
      submission.state = SubmissionFacts::State::intended;
    } else if (open->state == SubmissionState::asked) {
      submission.state = SubmissionFacts::State::outcome_unknown;
    } else if (open->state == SubmissionState::refused) {
      submission.state = SubmissionFacts::State::refused;
    }
    facts.submission = submission;
  }
  facts.allocation = allocation_facts(job);
  watch_lease(job, facts);
  if (const AttemptRow* newest = model.newest_attempt()) {
    AttemptFacts attempt;
    attempt.id = newest->n;
    attempt.token = newest->token;
    attempt.restart_count = newest->restart_count;
    attempt.program_ran = newest->started_at.has_value();
    attempt.requeue_intent = newest->requeue_intent;
    attempt.term_seen = newest->term_seen;
    attempt.marked_lost = newest->marked_lost;
    attempt.lease_still_since = job.lease_of == newest->n ? job.lease_since : std::nullopt;
    attempt.ended = newest->live() ? std::nullopt : newest->end_reason;
    attempt.exit_code = newest->exit_code;
    attempt.signal = newest->signal;
    attempt.end_detail = newest->reason;
    facts.attempt = attempt;
  }
  if (facts.wishes.stop || !facts.allocation.node_leaving.empty()) {
    look_for_orders(job);
  }
  facts.done = job.done;
  return facts;
}

} // namespace ckpt::daemon
