#include "core/domain/decide.hpp"

#include "core/domain/decide_verdict.hpp"

#include <algorithm>
#include <utility>

// Invariants of this file:
//  * final is final: CANCELLED from whomever, and what the journal calls completed, failed or
//    stopped, never leads to another run;
//  * what is not known is waited for, and every wait has an end;
//  * a new run is asked for only when the old allocation is over, no newer restart of it is in
//    sight, and the old attempt has either ended or let its lease run out.

namespace ckpt {
namespace {

using Actions = std::vector<Action>;
using Sight = AllocationFacts::Sight;
using Submitted = SubmissionFacts::State;

class Decider {
public:
  Decider(const JobFacts& facts, MonoTime now, const DecideLimits& limits)
      : facts_(facts), now_(now), limits_(limits),
        shown_(facts.allocation.allocation.value_or(Allocation{})) {}

  Actions run() {
    for (const SchedulerJobId& id : facts_.allocation.surplus) {
      act(ActionKind::cancel_allocation, "a second allocation of the same job").allocation = id;
    }
    choose();
    if (actions_.empty()) {
      wait("nothing to do");
    }
    return std::move(actions_);
  }

private:
  void choose() {
    if (is_final(facts_.state)) {
      if (facts_.submission) {
        close_submission("the job is over");
      }
      return;
    }
    if (facts_.state == JobState::parked) {
      return parked();
    }
    if (current_attempt() && facts_.attempt->ended && final_by_journal()) {
      return;
    }
    if (facts_.wishes.cancel) {
      return cancelling();
    }
    if (facts_.wishes.stop) {
      return stopping();
    }
    if (!facts_.submission) {
      return go_on("nothing of it runs or waits");
    }
    switch (facts_.submission->state) {
    case Submitted::refused:
      return refused();
    case Submitted::intended:
      return try_submission();
    case Submitted::outcome_unknown:
      return outcome_unknown();
    case Submitted::submitted:
      return submitted();
    }
  }

  // --- building actions ---

  Action& act(ActionKind kind, std::string reason) {
    actions_.push_back(Action{kind, std::move(reason), {}, {}, {}, {}, {}});
    return actions_.back();
  }
  void wait(std::string reason) { act(ActionKind::nothing, std::move(reason)); }
  Action& transition(JobEventType event, std::string reason) {
    Action& action = act(ActionKind::transition, std::move(reason));
    action.event = event;
    return action;
  }
  void close_submission(std::string reason) {
    act(ActionKind::close_submission, std::move(reason)).token = facts_.submission->token;
  }
  bool due(const std::optional<MonoTime>& last) const {
    return !last || now_ - *last >= limits_.act_repeat;
  }

  // --- what the facts mean ---

  /// The newest attempt belongs to the open submission (of whichever restart count).
  bool current_attempt() const {
    return facts_.attempt && facts_.submission && facts_.attempt->token == facts_.submission->token;
  }
  bool seen() const { return facts_.allocation.sight == Sight::present; }
  const Allocation& shown() const { return shown_; } ///< empty unless seen()
  bool shown_over() const { return seen() && is_over(shown().state); }
  /// The newest attempt is the one that runs (or ran) under the restart count that is shown.
  bool claimed() const {
    return current_attempt() && seen() && facts_.attempt->restart_count == shown().restart_count;
  }
  bool attempt_settled() const { return facts_.attempt->ended || facts_.attempt->marked_lost; }
  bool lease_ran_out() const {
    const auto& since = facts_.attempt->lease_still_since;
    return since && now_ - *since >= limits_.lease;
  }
  /// "No such id" twice, some time apart, from a controller that is up.
  bool absence_confirmed() const {
    const AllocationFacts& seen = facts_.allocation;
    return seen.sight == Sight::absent && seen.absent_answers >= 2 && seen.absent_since &&
           seen.answered_at && *seen.answered_at - *seen.absent_since >= limits_.absence;
  }
  std::string id_text() const {
    return facts_.submission && facts_.submission->id ? facts_.submission->id->value
                                                      : std::string("?");
  }
  std::string shown_text() const {
    const Allocation& allocation = shown();
    std::string text =
        allocation.raw_state.empty() ? std::string(word(allocation.state)) : allocation.raw_state;
    if (!allocation.reason.empty() && allocation.reason != "None") {
      text += " (" + allocation.reason + ")";
    }
    return text;
  }
  std::string attempt_text() const { return "attempt " + facts_.attempt->id.str(); }

  // --- the cases ---

  /// What the runner wrote last decides, whatever the scheduler shows.
  bool final_by_journal() {
    auto verdict = verdict_of_journal(facts_);
    if (verdict) {
      actions_.push_back(*std::move(verdict));
    }
    return verdict.has_value();
  }

  void parked() {
    if (facts_.wishes.cancel) { // asked for while it was being parked
      return cancelling();
    }
    if (!facts_.submission) {
      return wait("parked");
    }
    // Parked with an open submission: somebody held the allocation, and it is theirs to release.
    if (facts_.allocation.sight == Sight::absent) {
      return absence_confirmed() ? close_submission("the scheduler does not know it any more")
                                 : wait("not in sight");
    }
    if (!seen()) {
      return wait("parked; the scheduler has not been heard");
    }
    if (shown().state == AllocationState::held) {
      return wait("held outside: " + shown_text());
    }
    if (shown().state == AllocationState::cancelled) {
      transition(JobEventType::cancelled, "allocation " + id_text() + " was cancelled outside");
      return;
    }
    if (shown_over()) {
      return close_submission("its allocation is over: " + shown_text());
    }
    transition(JobEventType::restart_asked, "allocation " + id_text() + " was released outside");
  }

  void cancelling() {
    const std::string why =
        facts_.wishes.reason.empty() ? std::string("cancelled by the user") : facts_.wishes.reason;
    const auto done = [&] { transition(JobEventType::cancelled, why); };
    if (!facts_.submission || facts_.submission->state == Submitted::intended ||
        facts_.submission->state == Submitted::refused) {
      return done();
    }
    if (facts_.submission->state == Submitted::outcome_unknown) {
      return unknown_has_passed() ? done() : look("it may have been submitted");
    }
    if (shown_over() || facts_.allocation.sight == Sight::absent) {
      return done();
    }
    cancel_allocation(why);
  }

  void stopping() {
    const auto park = [&](std::string reason) { transition(JobEventType::parked, reason); };
    if (!facts_.submission || facts_.submission->state == Submitted::intended ||
        facts_.submission->state == Submitted::refused) {
      return park("stopped while nothing of it ran");
    }
    if (facts_.submission->state == Submitted::outcome_unknown) {
      return unknown_has_passed() ? park("stopped before it started")
                                  : look("it may have been submitted");
    }
    if (facts_.allocation.sight == Sight::absent) {
      return absent();
    }
    // We cancel only what has not begun: this was somebody else, and it is final.
    if (seen() && shown().state == AllocationState::cancelled && claimed()) {
      transition(JobEventType::cancelled, "allocation " + id_text() + " was cancelled outside");
      return;
    }
    if (shown_over()) {
      if (!claimed() || attempt_settled()) {
        return park("stopped; its allocation is over: " + shown_text());
      }
      return after_lease("allocation " + id_text() + " is over: " + shown_text());
    }
    if (current_attempt() && !attempt_settled()) {
      return stop_by_order();
    }
    const bool may_have_runner = !seen() || shown().state == AllocationState::running ||
                                 shown().state == AllocationState::completing;
    if (may_have_runner) {
      return wait("waiting for the runner of allocation " + id_text() +
                  " to show itself or to end");
    }
    cancel_allocation("stopped before it started");
  }

  void stop_by_order() {
    if (!facts_.done.stop_order_given) {
      act(ActionKind::stop_order, "the user asked for it");
    } else if (due(facts_.done.rung_at)) {
      act(ActionKind::ring, "the order to stop has not been answered");
    } else {
      wait("waiting for the last checkpoint of " + attempt_text());
    }
  }

  void cancel_allocation(const std::string& why) {
    if (!due(facts_.done.cancelled_at)) {
      return wait("waiting for allocation " + id_text() + " to end");
    }
    act(ActionKind::cancel_allocation, why).allocation = facts_.submission->id;
  }

  void refused() {
    const std::string reason = "the scheduler refused it: " + facts_.submission->reason;
    transition(facts_.attempt ? JobEventType::parked : JobEventType::failed, reason);
  }

  void try_submission() {
    const auto& tried = facts_.submission->tried_at;
    if (tried && now_ - *tried < limits_.submit_retry) {
      return wait("the scheduler did not take it" +
                  (facts_.submission->reason.empty() ? "" : ": " + facts_.submission->reason) +
                  "; it is tried again");
    }
    act(ActionKind::submit, tried ? "tried again" : "as written down").token =
        facts_.submission->token;
  }

  bool unknown_has_passed() const {
    const auto& tried = facts_.submission->tried_at;
    const AllocationFacts& seen = facts_.allocation;
    return seen.sight == Sight::absent && seen.answered_at && tried &&
           *seen.answered_at - *tried >= limits_.submit_patience;
  }

  void look(const std::string& why) {
    act(ActionKind::look_for_token, why).token = facts_.submission->token;
  }

  void outcome_unknown() {
    if (!unknown_has_passed()) {
      return look("the scheduler was asked and did not answer; it may have taken the job");
    }
    act(ActionKind::submit, "the scheduler does not know the token: it did not take the job")
        .token = facts_.submission->token;
  }

  void submitted() {
    switch (facts_.allocation.sight) {
    case Sight::not_asked:
      return wait("waiting for the scheduler's next answer");
    case Sight::no_answer:
      return wait("the scheduler does not answer");
    case Sight::absent:
      return absent();
    case Sight::present:
      break;
    }
    if (current_attempt() && facts_.attempt->restart_count > shown().restart_count) {
      return wait("the scheduler's answer is older than " + attempt_text());
    }
    shown_over() ? over() : alive();
  }

  void alive() {
    if (shown().state == AllocationState::held && is_launch_failure(shown().reason)) {
      return launch_failed();
    }
    if (shown().state == AllocationState::held && current_attempt()) {
      transition(JobEventType::parked, "held outside: " + shown_text()).token =
          facts_.submission->token;
      return;
    }
    // Whoever requeued it: Slurm makes it wait until its old credential has expired.
    const bool requeued =
        current_attempt() && facts_.attempt->restart_count < shown().restart_count;
    const auto& begins_in = facts_.allocation.begins_in;
    const bool slurms_wait = facts_.attempt && (facts_.attempt->requeue_intent ||
                                                (begins_in && *begins_in <= limits_.cred_expire));
    if (shown().state == AllocationState::pending && shown().reason == "BeginTime" && requeued &&
        slurms_wait && due(facts_.done.start_now_at)) {
      act(ActionKind::start_now, "takes the wait after the requeue away").allocation =
          facts_.submission->id;
      return;
    }
    // With a grace time the batch process hears nothing of it; half of it may be needed for the
    // checkpoint.
    if (shown().preempt_at && claimed() && !attempt_settled() && due(facts_.done.rung_at)) {
      act(ActionKind::ring, "the scheduler has announced a preemption").allocation =
          facts_.submission->id;
      return;
    }
    wait("allocation " + id_text() + ": " + shown_text());
  }

  /// A hold that nobody wished: a node or the controller came back without its memory. It would
  /// wait for ever; a new submission does not.
  void launch_failed() {
    const std::string what =
        "allocation " + id_text() + " was held by the scheduler itself: " + shown_text();
    current_attempt() && !attempt_settled() ? after_lease(what) : go_on(what);
  }

  void over() {
    const std::string what = "allocation " + id_text() + " is over: " + shown_text();
    if (shown().state == AllocationState::cancelled) {
      transition(JobEventType::cancelled, "allocation " + id_text() + " was cancelled outside");
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

  /// Somebody may still run there: the lease tells, and only it.
  void after_lease(const std::string& what) {
    if (lease_ran_out()) {
      act(ActionKind::mark_lost, what + ", and its lease ran out");
      return;
    }
    wait(what + "; waiting for the lease of " + attempt_text() + " to run out");
  }

  void absent() {
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

  /// The next run, if policy and experience allow one.
  void go_on(const std::string& why) {
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
    if (facts_.policy.total_time && counts.run_time >= *facts_.policy.total_time) {
      transition(JobEventType::parked,
                 "it has run for " + format_duration(counts.run_time) +
                     ", as long as the policy allows");
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

  const JobFacts& facts_;
  MonoTime now_;
  const DecideLimits& limits_;
  Allocation shown_;
  Actions actions_;
};

} // namespace

std::vector<Action> decide(const JobFacts& facts, MonoTime now, const DecideLimits& limits) {
  return Decider(facts, now, limits).run();
}

} // namespace ckpt
