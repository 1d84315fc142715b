#include "decide_situations.hpp"

using namespace ckpt;
using namespace ckpt::test;

namespace {

const std::vector<Row> kWishes{
    {"stop while it runs", [](JobFacts& f) { f.wishes.stop = true; }, {ActionKind::stop_order}},
    {"stop, ordered and rung a moment ago",
     [](JobFacts& f) {
       f.wishes.stop = true;
       f.done.stop_order_given = true;
       f.done.rung_at = kNow;
     },
     {ActionKind::nothing}},
    {"stop while the next allocation waits",
     [](JobFacts& f) {
       f.wishes.stop = true;
       f.attempt->ended = EndReason::walltime;
       set_state(f, AllocationState::pending, 1);
     },
     {ActionKind::cancel_allocation}},
    {"stop, and what waited is cancelled",
     [](JobFacts& f) {
       f.wishes.stop = true;
       f.attempt->ended = EndReason::walltime;
       set_state(f, AllocationState::cancelled, 1);
     },
     {ActionKind::transition},
     JobEventType::parked},
    {"cancel while it runs",
     [](JobFacts& f) { f.wishes.cancel = true; },
     {ActionKind::cancel_allocation}},
    {"cancel, with a scheduler that is down: asked all the same",
     [](JobFacts& f) {
       f.wishes.cancel = true;
       f.allocation = {};
       f.allocation.sight = Sight::no_answer;
     },
     {ActionKind::cancel_allocation}},
    {"cancel, asked a moment ago",
     [](JobFacts& f) {
       f.wishes.cancel = true;
       f.done.cancelled_at = kNow - seconds{1};
     },
     {ActionKind::nothing}},
    {"cancel, and it is over",
     [](JobFacts& f) {
       f.wishes.cancel = true;
       set_state(f, AllocationState::cancelled);
     },
     {ActionKind::transition},
     JobEventType::cancelled},
    {"cancel never waits for a lease, and never lets it go on",
     [](JobFacts& f) {
       f.wishes.cancel = true;
       f.attempt->ended = EndReason::walltime;
       set_state(f, AllocationState::timeout);
     },
     {ActionKind::transition},
     JobEventType::cancelled},
    {"cancel, asked for while it was being stopped",
     [](JobFacts& f) {
       f.wishes.cancel = f.wishes.stop = true;
       f.attempt->ended = EndReason::stopped;
       set_state(f, AllocationState::completed);
     },
     {ActionKind::transition},
     JobEventType::cancelled},
    {"cancel, asked for while it was being stopped; its allocation is not over yet",
     [](JobFacts& f) {
       f.wishes.cancel = f.wishes.stop = true;
       f.attempt->ended = EndReason::stopped;
     },
     {ActionKind::cancel_allocation}},
    {"cancel, asked for in the instant it was parked",
     [](JobFacts& f) {
       f.wishes.cancel = true;
       f.state = JobState::parked;
       f.submission.reset();
     },
     {ActionKind::transition},
     JobEventType::cancelled},
    {"cancel, and its program ended by itself before that",
     [](JobFacts& f) {
       f.wishes.cancel = true;
       f.attempt->ended = EndReason::completed;
       set_state(f, AllocationState::completed);
     },
     {ActionKind::transition},
     JobEventType::completed},
    {"cancelled outside while it was being stopped",
     [](JobFacts& f) {
       f.wishes.stop = true;
       f.attempt->ended = EndReason::interrupted;
       set_state(f, AllocationState::cancelled);
     },
     {ActionKind::transition},
     JobEventType::cancelled},
    {"stop of one that was requeued without a word: nobody reads an order",
     [](JobFacts& f) {
       f.wishes.stop = true;
       set_state(f, AllocationState::held, 1);
     },
     {ActionKind::nothing}},
    {"likewise, and its lease has run out",
     [](JobFacts& f) {
       f.wishes.stop = true;
       f.attempt->lease_still_since = kNow - seconds{60};
       set_state(f, AllocationState::pending, 1);
     },
     {ActionKind::mark_lost}},
    {"likewise, and it is lost",
     [](JobFacts& f) {
       f.wishes.stop = true;
       f.attempt->marked_lost = true;
       set_state(f, AllocationState::pending, 1);
     },
     {ActionKind::cancel_allocation}},
    {"parked by a hold from outside, and the user releases it",
     [](JobFacts& f) {
       f.state = JobState::parked;
       f.attempt->ended = EndReason::requeued;
       set_state(f, AllocationState::held, 1);
       f.wishes.release = true;
     },
     {ActionKind::release_allocation}},
    {"a hold does not wait for the scheduler's first answer",
     [](JobFacts& f) {
       f.wishes.hold = true;
       f.allocation.sight = Sight::not_asked;
     },
     {ActionKind::hold_allocation}},
    {"nor for one that is not older than the attempt",
     [](JobFacts& f) {
       f.wishes.hold = true;
       f.attempt->restart_count = 1;
     },
     {ActionKind::hold_allocation}},
    {"likewise, and it was told a moment ago",
     [](JobFacts& f) {
       f.wishes.hold = true;
       f.attempt->restart_count = 1;
       f.done.held_at = kNow - seconds{1};
     },
     {ActionKind::nothing}},
    {"stopped before it began, and cancelled by us for that",
     [](JobFacts& f) {
       f.wishes.stop = true;
       f.attempt.reset();
       set_state(f, AllocationState::cancelled);
     },
     {ActionKind::transition},
     JobEventType::parked},
};

} // namespace

TEST_CASE("decide: what a person asked for") {
  check_rows(kWishes);
}

TEST_CASE("decide: whatever is seen, a wish to cancel never runs it again, nor two acts at once") {
  for (const AllocationState state : Words<AllocationState>::kAll) {
    for (const int count : {0, 1}) {
      for (int end = -1; end < static_cast<int>(Words<EndReason>::kAll.size()); ++end) {
        for (const bool cancel : {false, true}) {
          JobFacts facts = running();
          set_state(facts, state, count);
          facts.wishes.cancel = cancel;
          if (end >= 0) {
            facts.attempt->ended = Words<EndReason>::kAll.at(static_cast<std::size_t>(end));
          }
          int runs = 0;
          for (const Action& action : decide(facts, kNow, kLimits)) {
            const bool again =
                action.kind == ActionKind::submit || action.kind == ActionKind::requeue;
            runs += again ? 1 : 0;
            CHECK_FALSE((again && !is_over(state)));
            CHECK_FALSE((again && state == AllocationState::cancelled));
            CHECK_FALSE((again && count > 0));
            CHECK_FALSE((again && end < 0));
          }
          CHECK(runs <= (cancel ? 0 : 1));
        }
      }
    }
  }
}

TEST_CASE("cancelled outside: by whom, where Slurm tells, and nothing twice") {
  const auto reason = [](const std::string& raw) {
    JobFacts facts = running();
    set_state(facts, AllocationState::cancelled);
    facts.allocation.allocation->raw_state = raw;
    return decide(facts, kNow, kLimits).front().reason;
  };
  const std::string outside =
      "cancelled outside: allocation " + running().allocation.allocation->id.value;
  CHECK(reason("CANCELLED") == outside);
  CHECK(reason("CANCELLED by maria") == outside + " by maria");
  CHECK(reason("REVOKED") == outside + ": REVOKED");
}
