// What a controller says that was killed and came back without its last seconds, and what nodes
// leave unsaid.
#include "tests/unit/daemon/harness.hpp"

using namespace ckpt;
using namespace ckpt::daemon;
using namespace ckpt::daemon::test;

TEST_CASE("a number that was given a second time belongs to somebody else") {
  World world;
  const JobId job = world.submit();
  world.pass();
  const SchedulerJobId id = world.newest_allocation();
  const SubmissionToken ours = world.token(id);
  // Forgotten before it began, and its number is another job's now.
  auto& stranger = world.scheduler.job(id);
  stranger.allocation.comment = scheduler::comment_with_token("", SubmissionToken{"another"});
  stranger.allocation.state = AllocationState::cancelled;
  world.pass(minutes{3});
  CHECK(world.state(job) == JobState::queued); // not cancelled: that was not it
  REQUIRE(world.scheduler.jobs.size() == 2);
  const SchedulerJobId next = world.newest_allocation();
  CHECK(world.token(next) != ours);
  ScriptedRunner runner = world.begin(job, next);
  runner.end(EndReason::completed, 0);
  world.pass();
  CHECK(world.state(job) == JobState::completed);
}

TEST_CASE("a node dies without a word and the allocation runs again: its new attempt is seen") {
  World world;
  const JobId job = world.submit();
  world.pass();
  const SchedulerJobId id = world.newest_allocation();
  ScriptedRunner dead = world.begin(job, id);
  world.pass(seconds{2});
  ++world.scheduler.job(id).allocation.restart_count;
  world.pass(seconds{10});
  ScriptedRunner runner = world.begin(job, id);
  world.pass(seconds{10});
  auto view = world.view(job);
  CHECK(view.attempts_count == 2);
  const auto attempts = world.commands->attempts(job);
  REQUIRE(attempts);
  REQUIRE(attempts->size() == 2);
  CHECK(attempts->front().state == AttemptState::ended);
  CHECK(attempts->front().end_reason == EndReason::lost);
  runner.end(EndReason::failed, 7);
  world.scheduler.job(id).allocation.state = AllocationState::failed;
  world.pass(seconds{10});
  view = world.view(job);
  CHECK(view.state == JobState::failed);
  CHECK(view.exit_code == 7);
  CHECK(world.scheduler.jobs.size() == 1);
}
