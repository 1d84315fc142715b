#include "core/domain/decider.hpp"

#include <utility>

// A person's wish to stop, to cancel, or to let it wait.

namespace ckpt {

void Decider::parked() {
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
    if (facts_.wishes.release && due(facts_.done.held_at)) {
      act(ActionKind::release_allocation, "released by the user").allocation =
          facts_.submission->id;
      return;
    }
    return wait("held outside: " + shown_text());
  }
  if (shown().state == AllocationState::cancelled) {
    transition(JobEventType::cancelled, cancelled_outside());
    return;
  }
  if (shown_over()) {
    return close_submission("its allocation is over: " + shown_text());
  }
  transition(JobEventType::restart_asked, "allocation " + id_text() + " was released outside");
}

void Decider::cancelling() {
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

void Decider::stopping() {
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
    transition(JobEventType::cancelled, cancelled_outside());
    return;
  }
  if (shown_over()) {
    if (!claimed() || attempt_settled()) {
      return park("stopped; its allocation is over: " + shown_text());
    }
    return after_lease("allocation " + id_text() + " is over: " + shown_text());
  }
  if (current_attempt() && !attempt_settled()) {
    // What has been requeued behind its back reads no order any more.
    const bool waits_again =
        seen() && facts_.attempt->restart_count < shown().restart_count &&
        (shown().state == AllocationState::pending || shown().state == AllocationState::held);
    return waits_again ? after_lease("allocation " + id_text() + " waits: " + shown_text())
                       : stop_by_order();
  }
  const bool may_have_runner = !seen() || shown().state == AllocationState::running ||
                               shown().state == AllocationState::completing;
  if (may_have_runner) {
    return wait("waiting for the runner of allocation " + id_text() + " to show itself or to end");
  }
  cancel_allocation("stopped before it started");
}

void Decider::stop_by_order() {
  if (!facts_.done.stop_order_given) {
    act(ActionKind::stop_order, "the user asked for it");
  } else if (due(facts_.done.rung_at)) {
    act(ActionKind::ring, "the order to stop has not been answered");
  } else {
    wait("waiting for the last checkpoint of " + attempt_text());
  }
}

void Decider::cancel_allocation(const std::string& why) {
  if (!due(facts_.done.cancelled_at)) {
    return wait("waiting for allocation " + id_text() + " to end");
  }
  act(ActionKind::cancel_allocation, why).allocation = facts_.submission->id;
}

} // namespace ckpt
