#include "decide_situations.hpp"

using namespace ckpt;
using namespace ckpt::test;

namespace {

const std::vector<Row> kRows{
    {"it runs", [](JobFacts&) {}, {ActionKind::nothing}},
    {"new job", [](JobFacts& f) { f = JobFacts{}; }, {ActionKind::submit}},
    {"held by the user before it was submitted",
     [](JobFacts& f) {
       f = JobFacts{};
       f.wishes.hold = true;
     },
     {ActionKind::nothing}},
    {"the scheduler refused the first one",
     [](JobFacts& f) {
       f.attempt.reset();
       f.submission->state = SubmissionFacts::State::refused;
     },
     {ActionKind::transition},
     JobEventType::failed},
    {"the scheduler refused a later one",
     [](JobFacts& f) { f.submission->state = SubmissionFacts::State::refused; },
     {ActionKind::transition},
     JobEventType::parked},
    {"unknown outcome, not asked since",
     [](JobFacts& f) {
       f.submission->state = SubmissionFacts::State::outcome_unknown;
       f.submission->tried_at = kNow - minutes{10};
       f.allocation = {};
     },
     {ActionKind::look_for_token}},
    {"unknown outcome, absent but sbatch may still be at it",
     [](JobFacts& f) {
       f.submission->state = SubmissionFacts::State::outcome_unknown;
       f.submission->tried_at = kNow - seconds{30};
       f.allocation = {};
       f.allocation.sight = Sight::absent;
       f.allocation.answered_at = kNow;
     },
     {ActionKind::look_for_token}},
    {"unknown outcome, absent after sbatch's time-out",
     [](JobFacts& f) {
       f.submission->state = SubmissionFacts::State::outcome_unknown;
       f.submission->tried_at = kNow - minutes{10};
       f.allocation = {};
       f.allocation.sight = Sight::absent;
       f.allocation.answered_at = kNow;
     },
     {ActionKind::submit}},
    {"completed, whatever the scheduler shows",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::completed;
       f.allocation.sight = Sight::no_answer;
     },
     {ActionKind::transition},
     JobEventType::completed},
    {"the runner's word beats CANCELLED when the program had ended before",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::failed;
       set_state(f, AllocationState::cancelled);
     },
     {ActionKind::transition},
     JobEventType::failed},
    {"cancelled outside",
     [](JobFacts& f) { set_state(f, AllocationState::cancelled); },
     {ActionKind::transition},
     JobEventType::cancelled},
    {"cancelled outside, after the runner's interrupted end",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::interrupted;
       set_state(f, AllocationState::cancelled);
     },
     {ActionKind::transition},
     JobEventType::cancelled},
    {"over without a last word: the lease has not been watched",
     [](JobFacts& f) { set_state(f, AllocationState::node_fail); },
     {ActionKind::nothing}},
    {"over without a last word: the lease moved a moment ago",
     [](JobFacts& f) {
       set_state(f, AllocationState::node_fail);
       f.attempt->lease_still_since = kNow - seconds{59};
     },
     {ActionKind::nothing}},
    {"over without a last word, and the lease ran out",
     [](JobFacts& f) {
       set_state(f, AllocationState::node_fail);
       f.attempt->lease_still_since = kNow - seconds{60};
     },
     {ActionKind::mark_lost}},
    {"over after walltime, the requeue did not come",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::walltime;
       set_state(f, AllocationState::timeout);
     },
     {ActionKind::requeue}},
    {"likewise, requeue not allowed",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::walltime;
       set_state(f, AllocationState::timeout);
       f.allocation.allocation->requeue_allowed = false;
     },
     {ActionKind::close_submission, ActionKind::submit}},
    {"likewise, the policy says park",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::walltime;
       f.policy.at_walltime = AtWalltime::park;
     },
     {ActionKind::transition},
     JobEventType::parked},
    {"a newer restart count is in sight: no act of ours",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::walltime;
       set_state(f, AllocationState::running, 1);
     },
     {ActionKind::nothing}},
    {"likewise, and the old runner's lease ran out without a last word",
     [](JobFacts& f) {
       set_state(f, AllocationState::pending, 1);
       f.attempt->lease_still_since = kNow - minutes{2};
     },
     {ActionKind::mark_lost}},
    {"BeginTime after our requeue",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::walltime;
       f.attempt->requeue_intent = true;
       set_state(f, AllocationState::pending, 1);
       f.allocation.allocation->reason = "BeginTime";
     },
     {ActionKind::start_now}},
    {"a preemption with grace time was announced",
     [](JobFacts& f) { f.allocation.allocation->preempt_at = TimePoint{} + hours{1}; },
     {ActionKind::ring}},
    {"BeginTime after a requeue from outside",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::requeued;
       set_state(f, AllocationState::pending, 1);
       f.allocation.allocation->reason = "BeginTime";
       f.allocation.begins_in = seconds{118};
     },
     {ActionKind::start_now}},
    {"BeginTime that somebody wished for",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::requeued;
       set_state(f, AllocationState::pending, 1);
       f.allocation.allocation->reason = "BeginTime";
       f.allocation.begins_in = hours{9};
     },
     {ActionKind::nothing}},
    {"BeginTime of the first run (--begin)",
     [](JobFacts& f) {
       f.attempt.reset();
       set_state(f, AllocationState::pending);
       f.allocation.allocation->reason = "BeginTime";
       f.allocation.begins_in = seconds{30};
     },
     {ActionKind::nothing}},
    {"the answer is older than the attempt",
     [](JobFacts& f) {
       f.attempt->restart_count = 1;
       set_state(f, AllocationState::timeout, 0);
     },
     {ActionKind::nothing}},
    {"absent once",
     [](JobFacts& f) {
       f.allocation = {};
       f.allocation.sight = Sight::absent;
       f.allocation.absent_answers = 1;
       f.allocation.absent_since = f.allocation.answered_at = kNow;
       f.attempt->lease_still_since = kNow - hours{1};
     },
     {ActionKind::nothing}},
    {"absent twice, far enough apart, but the lease lives",
     [](JobFacts& f) {
       f.allocation = {};
       f.allocation.sight = Sight::absent;
       f.allocation.absent_answers = 2;
       f.allocation.absent_since = kNow - seconds{60};
       f.allocation.answered_at = kNow;
       f.attempt->lease_still_since = kNow - seconds{5};
     },
     {ActionKind::nothing}},
    {"absent twice, far enough apart, and the lease ran out",
     [](JobFacts& f) {
       f.allocation = {};
       f.allocation.sight = Sight::absent;
       f.allocation.absent_answers = 2;
       f.allocation.absent_since = kNow - seconds{60};
       f.allocation.answered_at = kNow;
       f.attempt->lease_still_since = kNow - seconds{61};
     },
     {ActionKind::mark_lost}},
    {"no answer",
     [](JobFacts& f) {
       f.allocation = {};
       f.allocation.sight = Sight::no_answer;
     },
     {ActionKind::nothing}},
    {"held outside after an attempt",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::requeued;
       set_state(f, AllocationState::held, 1);
     },
     {ActionKind::transition},
     JobEventType::parked},
    {"likewise, of one that went down without a word: its lease first",
     [](JobFacts& f) { set_state(f, AllocationState::held, 1); },
     {ActionKind::nothing}},
    {"likewise, and that has run out",
     [](JobFacts& f) {
       set_state(f, AllocationState::held, 1);
       f.attempt->lease_still_since = kNow - seconds{60};
     },
     {ActionKind::mark_lost}},
    {"a person wishes to hold what waits",
     [](JobFacts& f) {
       f.attempt.reset();
       set_state(f, AllocationState::pending);
       f.wishes.hold = true;
     },
     {ActionKind::hold_allocation}},
    {"asked a moment ago",
     [](JobFacts& f) {
       f.attempt.reset();
       set_state(f, AllocationState::pending);
       f.wishes.hold = true;
       f.done.held_at = kNow - seconds{1};
     },
     {ActionKind::nothing}},
    {"held by us after an attempt: not parked",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::requeued;
       set_state(f, AllocationState::held, 1);
       f.wishes.hold = true;
     },
     {ActionKind::nothing}},
    {"what runs is held after its next requeue",
     [](JobFacts& f) { f.wishes.hold = true; },
     {ActionKind::hold_allocation}},
    {"likewise, and that is seen",
     [](JobFacts& f) {
       f.wishes.hold = true;
       f.allocation.allocation->reason = "JobHeldUser";
     },
     {ActionKind::nothing}},
    {"an answer from before the attempt that runs: nobody holds it",
     [](JobFacts& f) { set_state(f, AllocationState::held); },
     {ActionKind::nothing}},
    {"an answer from before our release",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::requeued;
       set_state(f, AllocationState::held, 1);
       f.done.held_at = kNow - seconds{1};
     },
     {ActionKind::nothing}},
    {"a hold is taken back",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::requeued;
       set_state(f, AllocationState::held, 1);
       f.wishes.release = true;
     },
     {ActionKind::release_allocation}},
    {"a hold is taken back while it runs, whatever is seen of it",
     [](JobFacts& f) { f.wishes.release = true; },
     {ActionKind::release_allocation}},
    {"held before any attempt: the user's own --hold",
     [](JobFacts& f) {
       f.attempt.reset();
       set_state(f, AllocationState::held);
     },
     {ActionKind::nothing}},
    {"too many restarts",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::walltime;
       set_state(f, AllocationState::timeout);
       f.counts.restarts = 100;
     },
     {ActionKind::transition},
     JobEventType::parked},
    {"ran as long as the policy allows",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::walltime;
       set_state(f, AllocationState::timeout);
       f.policy.total_time = hours{5};
       f.counts.run_time = hours{5};
     },
     {ActionKind::transition},
     JobEventType::parked},
    {"loop guard",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::interrupted;
       set_state(f, AllocationState::failed);
       f.counts.fruitless_in_a_row = 3;
     },
     {ActionKind::transition},
     JobEventType::parked},
    {"Slurm itself holds it after a failed launch: nobody wished that",
     [](JobFacts& f) {
       f.attempt->ended = EndReason::requeued;
       set_state(f, AllocationState::held, 1);
       f.allocation.allocation->reason = "(launch failed requeued held)";
     },
     {ActionKind::close_submission, ActionKind::submit}},
    {"the same, and its attempt may still run: the lease tells",
     [](JobFacts& f) {
       set_state(f, AllocationState::held, 1);
       f.allocation.allocation->reason = "launch failed requeued held";
     },
     {ActionKind::nothing}},
    {"the same, again and again",
     [](JobFacts& f) {
       f.attempt.reset();
       set_state(f, AllocationState::held, 1);
       f.allocation.allocation->reason = "launch_failed_requeued_held";
       f.counts.fruitless_in_a_row = 3;
     },
     {ActionKind::transition},
     JobEventType::parked},
    {"its node is being drained: a checkpoint",
     [](JobFacts& f) { f.allocation.node_leaving = "node n1 is being drained"; },
     {ActionKind::drain_order}},
    {"likewise, and it was asked for",
     [](JobFacts& f) {
       f.allocation.node_leaving = "node n1 is being drained";
       f.done.drain_order_given = true;
     },
     {ActionKind::nothing}},
    {"likewise, before the program runs",
     [](JobFacts& f) {
       f.allocation.node_leaving = "node n1 is being drained";
       f.attempt->program_ran = false;
     },
     {ActionKind::nothing}},
    {"drained and preempted: the preemption comes first, and its checkpoint is enough",
     [](JobFacts& f) {
       f.allocation.node_leaving = "node n1 is being drained";
       f.allocation.allocation->preempt_at = TimePoint{hours{1}};
     },
     {ActionKind::ring}},
    {"its node is being drained, and its runner has ended",
     [](JobFacts& f) {
       f.allocation.node_leaving = "node n1 is being drained";
       f.attempt->ended = EndReason::interrupted;
     },
     {ActionKind::nothing}},
    {"a second allocation",
     [](JobFacts& f) { f.allocation.surplus = {SchedulerJobId{"13"}}; },
     {ActionKind::cancel_allocation, ActionKind::nothing}},
    {"final is final",
     [](JobFacts& f) {
       f.state = JobState::cancelled;
       f.submission.reset();
     },
     {ActionKind::nothing}},
    {"parked stays parked",
     [](JobFacts& f) {
       f.state = JobState::parked;
       f.submission.reset();
       f.attempt->ended = EndReason::walltime;
     },
     {ActionKind::nothing}},
    {"restarted: the old attempt's last word does not park it again",
     [](JobFacts& f) {
       f.state = JobState::queued;
       f.submission.reset();
       f.attempt->ended = EndReason::stopped;
     },
     {ActionKind::submit}},
    {"the program could not be started, the first time",
     [](JobFacts& f) { f.attempt->ended = EndReason::launch_failed; },
     {ActionKind::transition},
     JobEventType::parked},
};

} // namespace

TEST_CASE("decide: one row a situation") {
  check_rows(kRows);
}

TEST_CASE("a cancelled attempt: its own sentence, or one made for it, and nothing twice") {
  const auto reason = [](const std::string& detail) {
    JobFacts facts = running();
    facts.attempt->ended = EndReason::cancelled;
    facts.attempt->end_detail = detail;
    return decide(facts, kNow, kLimits).front().reason;
  };
  CHECK(reason("cancelled by the user") == "cancelled by the user in attempt 1");
  CHECK(reason("the partition is gone") == "cancelled in attempt 1: the partition is gone");
  CHECK(reason("") == "cancelled in attempt 1");
}
