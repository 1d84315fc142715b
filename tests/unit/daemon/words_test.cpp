#include "core/store/coordinator.hpp"
#include "daemon/event_text.hpp"
#include "tests/unit/daemon/harness.hpp"

// What people read of a job and of its history.

using namespace ckpt;
using namespace ckpt::daemon;
using namespace ckpt::daemon::test;
using store::AttemptEventKind;
using store::JobEventKind;

TEST_CASE("ended from outside, and the scheduler has not been heard since: that is what it says") {
  World world;
  const JobId job = world.submit();
  world.pass();
  const SchedulerJobId id = world.newest_allocation();
  ScriptedRunner runner = world.begin(job, id);
  world.pass(seconds{5});
  runner.write(AttemptEventKind::term_seen);
  world.pass();
  CHECK(world.state(job) == JobState::running);
  CHECK(world.view(job).reason.starts_with("its allocation is being ended from outside; asking"));
  CHECK_FALSE(world.view(job).next_checkpoint_at);
  runner.end(EndReason::interrupted, {}, "TERM");
  world.pass();
  REQUIRE(world.state(job) == JobState::queued);
  CHECK(world.view(job).reason.starts_with("its allocation was ended from outside; asking"));
  const auto again = world.commands->restart(job, {});
  REQUIRE_FALSE(again);
  CHECK(again.error().advice.find("`ckpt why " + job.str() + "`") != std::string::npos);
  REQUIRE(world.scheduler.cancel(id));
  world.scheduler.gone(id);
  world.pass(minutes{5});
  CHECK(world.state(job) == JobState::cancelled);
  CHECK(world.view(job).reason.find("asking") == std::string::npos);
}

TEST_CASE("a hold that was taken back is no reason for anything") {
  World world;
  const JobId job = world.submit();
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  world.pass(seconds{5});
  REQUIRE(world.state(job) == JobState::running);
  REQUIRE(world.commands->hold(job, true, {}));
  REQUIRE(world.commands->hold(job, false, {}));
  world.pass(seconds{5});
  CHECK(world.view(job).reason.empty());
}

TEST_CASE("a coordinator on another node runs while its attempt renews its lease") {
  World world;
  const JobId job = world.submit();
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  REQUIRE(store::write_coordinator(runner.folder(), {"elsewhere", 4711, 12, "5.0"}));
  runner.write(AttemptEventKind::program_started); // with which it is looked for
  const auto state = [&] {
    const auto found = world.commands->coordinators();
    REQUIRE(found);
    REQUIRE(found->size() == 1);
    return found->front().state;
  };
  world.pass(seconds{5});
  CHECK(state() == "running");
  for (int i = 0; i < 10; ++i) {
    runner.renew();
    world.pass(seconds{20});
  }
  CHECK(state() == "running");
  world.pass(minutes{3});
  CHECK(state() == "unknown");
}

TEST_CASE("events are sentences") {
  AttemptRow row;
  row.n = AttemptId{3};
  row.node = "n1";
  store::AttemptEvent event;
  CHECK(event_text(row, event) == "attempt 3 begins on n1");
  event.kind = AttemptEventKind::starting;
  event.reason = "app: the job does not say how its program checkpoints itself";
  event.engine = EngineVersion{EngineKind::dmtcp, "5.0"};
  event.generation = GenerationId{2};
  CHECK(event_text(row, event) ==
        "attempt 3 starts with dmtcp 5.0, from g2 (passed over: " + event.reason + ")");
  event = {.kind = AttemptEventKind::checkpoint_started,
           .generation = GenerationId{2},
           .trigger = Trigger::manual};
  CHECK(event_text(row, event) == "g2 is being written: the user asked for one");
  event = {.kind = AttemptEventKind::checkpoint_sealed,
           .generation = GenerationId{2},
           .bytes = 69'000'000,
           .blocked = milliseconds{400}};
  CHECK(event_text(row, event) == "g2 is sealed, 69.0 MB; the program stood still for 400 ms");
  event.reason = "written by attempt 1, sealed by attempt 3";
  CHECK(event_text(row, event).ends_with(": " + event.reason));
  event = {.kind = AttemptEventKind::ended,
           .reason = "the program was killed",
           .end_reason = EndReason::interrupted};
  CHECK(event_text(row, event) == "attempt 3 was interrupted: the program was killed");
  event = {.kind = AttemptEventKind::ended, .end_reason = EndReason::failed, .exit_code = 3};
  CHECK(event_text(row, event) == "attempt 3 failed with exit status 3");
  event.reason = "exit status 3"; // what the runner writes
  CHECK(event_text(row, event) == "attempt 3 failed with exit status 3");
  event.reason = "exit status 3, and it was told why";
  CHECK(event_text(row, event) == "attempt 3 failed with exit status 3: " + event.reason);
  event = {.kind = AttemptEventKind::ended,
           .reason = "killed by signal 9 (KILL)",
           .end_reason = EndReason::failed,
           .signal = 9};
  CHECK(event_text(row, event) == "attempt 3 failed: killed by signal 9 (KILL)");
  event.reason.clear();
  CHECK(event_text(row, event) == "attempt 3 failed by signal 9");
  event = {.kind = AttemptEventKind::requeue_intent, .reason = "2ba197773b7a1a2e31393da976486a2a"};
  CHECK(event_text(row, event) == "attempt 3 asks to be requeued");
  store::JobEvent of_job;
  of_job.kind = JobEventKind::submitted;
  of_job.scheduler_job_id = SchedulerJobId{"12"};
  CHECK(event_text(of_job) == "the scheduler took it as 12");
  of_job = {.kind = JobEventKind::parked, .reason = "stopped by the user"};
  CHECK(event_text(of_job) == "parked: stopped by the user");
  of_job = {.kind = JobEventKind::cancelled, .reason = "cancelled by the user in attempt 3"};
  CHECK(event_text(of_job) == "cancelled by the user in attempt 3"); // once
  of_job.reason = "the partition is gone";
  CHECK(event_text(of_job) == "cancelled: the partition is gone");
}

TEST_CASE("a changed policy is told in the words of the options") {
  const auto told = [](const std::string& patch) {
    return event_text(store::JobEvent{.kind = JobEventKind::policy_changed, .reason = patch});
  };
  CHECK(told(R"({"every_seconds":600.0,"keep":5})") == "its policy was changed: every 10m, keep 5");
  CHECK(told(R"({"every_seconds":"off","total_time_seconds":null})") ==
        "its policy was changed: every off, total-time none");
  CHECK(told(R"({"at_walltime":"park","ckpt_files":["a","b*"],"tags":{"x":"y","z":"1"}})") ==
        "its policy was changed: at-walltime park, ckpt-files a b*, tag x=y, tag z=1");
  CHECK(told("by hand") == "its policy was changed: by hand");
}

TEST_CASE("no event is without its sentence") {
  for (const JobEventKind kind : Words<JobEventKind>::kAll) {
    store::JobEvent event;
    event.kind = kind;
    CHECK_MESSAGE(!event_text(event).empty(), word(kind));
    CHECK(event_text(event).find('_') == std::string::npos);
  }
  for (const AttemptEventKind kind : Words<AttemptEventKind>::kAll) {
    store::AttemptEvent event;
    event.kind = kind;
    event.code = "gpu";
    CHECK_MESSAGE(!event_text(AttemptRow{}, event).empty(), word(kind));
    CHECK(event_text(AttemptRow{}, event).find('_') == std::string::npos);
  }
}

TEST_CASE("ended from outside: one sentence until the job is what came of it") {
  JobModel model;
  model.job.state = JobState::queued;
  model.job.scheduler = SchedulerKind::slurm;
  model.job.reason = "attempt 1 was interrupted: the scheduler ended the allocation";
  SubmissionRow submission;
  submission.state = SubmissionState::submitted;
  model.submissions = {submission};
  AttemptRow attempt;
  attempt.n = AttemptId{1};
  attempt.state = AttemptState::ended;
  attempt.end_reason = EndReason::interrupted;
  attempt.term_seen = true;
  model.attempts = {attempt};
  Allocation shown;
  ViewContext context;
  context.allocation = &shown;
  const auto asks = [&](AllocationState state, int restart_count) {
    shown.state = state;
    shown.restart_count = restart_count;
    return job_view(model, context).reason.starts_with("its allocation was ended from outside");
  };
  CHECK(asks(AllocationState::running, 0));
  CHECK(asks(AllocationState::cancelled, 0)); // seen, and not written down yet
  CHECK_FALSE(asks(AllocationState::timeout, 0));
  CHECK_FALSE(asks(AllocationState::pending, 1)); // requeued
  context.allocation = nullptr;
  context.scheduler_silent = true;
  CHECK(job_view(model, context).reason.find("Slurm, which does not answer now") !=
        std::string::npos);
}
