#include "core/domain/decider.hpp"
#include "core/domain/retry.hpp"

#include <utility>

// What the scheduler shows of an allocation, and what follows when it is over.

namespace ckpt {

void Decider::submitted() {
  const Sight sight = facts_.allocation.sight;
  const bool older = sight == Sight::present && current_attempt() &&
                     facts_.attempt->restart_count > shown().restart_count;
  // The next start may be seconds away: a hold does not wait for the next answer.
  if (facts_.wishes.hold && (sight == Sight::not_asked || older) && due(facts_.done.held_at)) {
    act(ActionKind::hold_allocation, "held by the user").allocation = facts_.submission->id;
    return;
  }
  switch (sight) {
  case Sight::not_asked:
    return wait("waiting for the scheduler's next answer");
  case Sight::no_answer:
    return wait("the scheduler does not answer");
  case Sight::absent:
    return absent();
  case Sight::present:
    break;
  }
  if (older) {
    return wait("the scheduler's answer is older than " + attempt_text());
  }
  shown_over() ? over() : alive();
}

void Decider::alive() {
  if (shown().state == AllocationState::held && is_launch_failure(shown().reason)) {
    return launch_failed();
  }
  if (hold_or_release()) {
    return;
  }
  if (shown().state == AllocationState::held && current_attempt()) {
    return held_outside();
  }
  // Whoever requeued it: Slurm makes it wait until its old credential has expired.
  const bool requeued = current_attempt() && facts_.attempt->restart_count < shown().restart_count;
  const auto& begins_in = facts_.allocation.begins_in;
  const bool slurms_wait = facts_.attempt && (facts_.attempt->requeue_intent ||
                                              (begins_in && *begins_in <= limits_.cred_expire));
  if (shown().state == AllocationState::pending && shown().reason == "BeginTime" && requeued &&
      slurms_wait && due(facts_.done.start_now_at)) {
    act(ActionKind::start_now, "takes the wait after the requeue away").allocation =
        facts_.submission->id;
    return;
  }
  if (announced()) {
    return;
  }
  // Slurm has begun it again, or will: nobody writes the last word of a runner that went down.
  if (requeued && !attempt_settled() && lease_ran_out()) {
    act(ActionKind::mark_lost, "allocation " + id_text() + " was requeued, and its lease ran out");
    return;
  }
  wait("allocation " + id_text() + ": " + shown_text());
}

void Decider::held_outside() {
  if (claimed() && !attempt_settled()) {
    return wait("the scheduler's answer is older than " + attempt_text());
  }
  if (!due(facts_.done.held_at)) { // and older than our release
    return wait("being released");
  }
  if (!attempt_settled()) { // nobody else writes its last word
    return after_lease("held outside: " + shown_text());
  }
  transition(JobEventType::parked, "held outside: " + shown_text()).token =
      facts_.submission->token;
}

bool Decider::hold_or_release() {
  const bool held = is_held(shown());
  const bool runs = shown().state == AllocationState::running;
  if (facts_.wishes.hold && held) {
    if (!runs) {
      wait("held by the user");
    }
    return !runs;
  }
  const bool hold =
      facts_.wishes.hold && (runs || shown().state == AllocationState::pending) && !held;
  // Whatever is shown: the answer may be older than the hold, and a release too many does no harm.
  const bool release =
      facts_.wishes.release && (held || runs || shown().state == AllocationState::pending);
  if ((hold || release) && due(facts_.done.held_at)) {
    act(hold ? ActionKind::hold_allocation : ActionKind::release_allocation,
        hold ? "held by the user" : "released by the user")
        .allocation = facts_.submission->id;
    return true;
  }
  if ((hold || release) && !runs) {
    wait(hold ? "being held" : "being released");
    return true;
  }
  return false;
}

void Decider::launch_failed() {
  const std::string what =
      "allocation " + id_text() + " was held by the scheduler itself: " + shown_text();
  current_attempt() && !attempt_settled() ? after_lease(what) : go_on(what);
}

bool Decider::announced() {
  if (!claimed() || attempt_settled()) {
    return false;
  }
  // With a grace time the batch process hears nothing of it; half of it may be needed for the
  // checkpoint.
  if (shown().preempt_at && due(facts_.done.rung_at)) {
    act(ActionKind::ring, "the scheduler has announced a preemption").allocation =
        facts_.submission->id;
    return true;
  }
  // Jobs may run on there, so it only makes sure that little is lost when the node does go.
  const std::string& leaving = facts_.allocation.node_leaving;
  if (!leaving.empty() && !shown().preempt_at && facts_.attempt->program_ran &&
      shown().state == AllocationState::running && !facts_.done.drain_order_given) {
    act(ActionKind::drain_order, leaving);
    return true;
  }
  return false;
}

void Decider::over() {
  const std::string what = "allocation " + id_text() + " is over: " + shown_text();
  if (shown().state == AllocationState::cancelled) {
    transition(JobEventType::cancelled, cancelled_outside());
    return;
  }
  if (!claimed()) {
    close_submission(what + ", before its runner began");
    return;
  }
  if (!attempt_settled()) {
    return after_lease(what);
  }
  go_on(what);
}

void Decider::after_lease(const std::string& what) {
  if (lease_ran_out()) {
    act(ActionKind::mark_lost, what + ", and its lease ran out");
    return;
  }
  wait(what + "; waiting for the lease of " + attempt_text() + " to run out");
}

void Decider::absent() {
  const std::string what = "the scheduler does not know " + id_text();
  if (!absence_confirmed()) {
    return wait(what + "; it is asked again before that is believed");
  }
  if (!current_attempt()) {
    return close_submission(what + " any more, and no runner has begun");
  }
  if (!attempt_settled()) {
    return after_lease(what + " any more");
  }
  if (facts_.wishes.stop) {
    transition(JobEventType::parked, "stopped; " + what + " any more");
    return;
  }
  go_on(what + " any more");
}

void Decider::go_on(const std::string& why) {
  const JobCounts& counts = facts_.counts;
  if (counts.fruitless_in_a_row >= limits_.fruitless) {
    transition(
        JobEventType::parked,
        std::to_string(counts.fruitless_in_a_row) +
            " attempts in a row made no progress; the last one: " + counts.fruitless_evidence);
    return;
  }
  if (facts_.attempt && counts.restarts >= facts_.policy.max_restarts) {
    transition(JobEventType::parked,
               "it has been restarted " + std::to_string(counts.restarts) +
                   " times, as often as the policy allows");
    return;
  }
  if (budget_used_up(facts_.policy, counts.run_time)) {
    transition(JobEventType::parked,
               words_of(RunLimit::Kind::total_time, facts_.policy, facts_.job.str()));
    return;
  }
  if (facts_.wishes.hold) {
    return wait("held by the user");
  }
  if (shown_over() && claimed() && !facts_.done.requeue_refused &&
      shown().requeue_allowed.value_or(true)) {
    if (!due(facts_.done.requeued_at)) {
      return wait("waiting for the requeue of allocation " + id_text());
    }
    act(ActionKind::requeue, why).allocation = facts_.submission->id;
    return;
  }
  if (facts_.submission) {
    close_submission(why);
  }
  act(ActionKind::submit, why);
}

} // namespace ckpt
