#include "core/domain/decide_verdict.hpp"
#include "core/domain/decider.hpp"

#include <utility>

// Invariants of all decide*.cpp:
//  * final is final: CANCELLED from whomever, and what the journal calls completed, failed or
//    stopped, never leads to another run;
//  * what is not known is waited for, and every wait has an end;
//  * a new run is asked for only when the old allocation is over, no newer restart of it is in
//    sight, and the old attempt has either ended or let its lease run out.

namespace ckpt {

Decider::Decider(const JobFacts& facts, MonoTime now, const DecideLimits& limits)
    : facts_(facts), now_(now), limits_(limits),
      shown_(facts.allocation.allocation.value_or(Allocation{})) {}

std::vector<Action> Decider::run() {
  for (const SchedulerJobId& id : facts_.allocation.surplus) {
    act(ActionKind::cancel_allocation, "a second allocation of the same job").allocation = id;
  }
  choose();
  if (actions_.empty()) {
    wait("nothing to do");
  }
  return std::move(actions_);
}

void Decider::choose() {
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

bool Decider::final_by_journal() {
  auto verdict = verdict_of_journal(facts_);
  if (verdict) {
    actions_.push_back(*std::move(verdict));
  }
  return verdict.has_value();
}

Action& Decider::act(ActionKind kind, std::string reason) {
  actions_.push_back(Action{kind, std::move(reason), {}, {}, {}, {}, {}});
  return actions_.back();
}

Action& Decider::transition(JobEventType event, std::string reason) {
  Action& action = act(ActionKind::transition, std::move(reason));
  action.event = event;
  return action;
}

void Decider::close_submission(std::string reason) {
  act(ActionKind::close_submission, std::move(reason)).token = facts_.submission->token;
}

bool Decider::due(const std::optional<MonoTime>& last) const {
  return !last || now_ - *last >= limits_.act_repeat;
}

bool Decider::current_attempt() const {
  return facts_.attempt && facts_.submission && facts_.attempt->token == facts_.submission->token;
}

bool Decider::claimed() const {
  return current_attempt() && seen() && facts_.attempt->restart_count == shown().restart_count;
}

bool Decider::lease_ran_out() const {
  const auto& since = facts_.attempt->lease_still_since;
  return since && now_ - *since >= limits_.lease;
}

bool Decider::absence_confirmed() const {
  const AllocationFacts& seen = facts_.allocation;
  return seen.sight == Sight::absent && seen.absent_answers >= 2 && seen.absent_since &&
         seen.answered_at && *seen.answered_at - *seen.absent_since >= limits_.absence;
}

std::string Decider::id_text() const {
  return facts_.submission && facts_.submission->id ? facts_.submission->id->value
                                                    : std::string("?");
}

std::string Decider::shown_text() const {
  const Allocation& allocation = shown();
  std::string text =
      allocation.raw_state.empty() ? std::string(word(allocation.state)) : allocation.raw_state;
  if (!allocation.reason.empty() && allocation.reason != "None") {
    text += " (" + allocation.reason + ")";
  }
  return text;
}

std::string Decider::cancelled_outside() const {
  const std::string shown = shown_text(); // "CANCELLED", or with accounting "CANCELLED by 1001"
  constexpr std::string_view kPlain = "CANCELLED";
  return "cancelled outside: allocation " + id_text() +
         (shown.starts_with(kPlain) ? shown.substr(kPlain.size()) : ": " + shown);
}

void Decider::refused() {
  const std::string reason = "the scheduler refused it: " + facts_.submission->reason;
  transition(facts_.attempt ? JobEventType::parked : JobEventType::failed, reason);
}

void Decider::try_submission() {
  const auto& tried = facts_.submission->tried_at;
  if (tried && now_ - *tried < limits_.submit_retry) {
    return wait("the scheduler did not take it" +
                (facts_.submission->reason.empty() ? "" : ": " + facts_.submission->reason) +
                "; it is tried again");
  }
  act(ActionKind::submit, tried ? "tried again" : "as written down").token =
      facts_.submission->token;
}

bool Decider::unknown_has_passed() const {
  const auto& tried = facts_.submission->tried_at;
  const AllocationFacts& seen = facts_.allocation;
  return seen.sight == Sight::absent && seen.answered_at && tried &&
         *seen.answered_at - *tried >= limits_.submit_patience;
}

void Decider::look(const std::string& why) {
  act(ActionKind::look_for_token, why).token = facts_.submission->token;
}

void Decider::outcome_unknown() {
  if (!unknown_has_passed()) {
    return look("the scheduler was asked and did not answer; it may have taken the job");
  }
  act(ActionKind::submit, "the scheduler does not know the token: it did not take the job").token =
      facts_.submission->token;
}

std::vector<Action> decide(const JobFacts& facts, MonoTime now, const DecideLimits& limits) {
  return Decider(facts, now, limits).run();
}

} // namespace ckpt
