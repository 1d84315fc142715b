// A person's hold and release, and those of others.
#include "tests/unit/daemon/harness.hpp"

using namespace ckpt;
using namespace ckpt::daemon;
using namespace ckpt::daemon::test;

TEST_CASE("a held job that waits does not start, and starts when it is released") {
  World world;
  world.scheduler.start_by_itself = false;
  const JobId job = world.submit();
  world.pass(seconds{10});
  REQUIRE(world.commands->hold(job, true, {"k1"}));
  REQUIRE(world.commands->hold(job, true, {"k1"})); // repeated: nothing more
  world.pass(seconds{30});
  const SchedulerJobId allocation = world.newest_allocation();
  CHECK(world.scheduler.jobs.at(allocation).held);
  CHECK(world.scheduler.calls("hold") == 1);
  CHECK(world.state(job) == JobState::queued);
  CHECK(world.view(job).reason.starts_with("held by the user"));

  world.start_daemon(); // it is not forgotten
  world.pass(seconds{30});
  CHECK(world.scheduler.jobs.at(allocation).held);

  REQUIRE(world.commands->hold(job, false, {}));
  world.pass(seconds{30});
  CHECK_FALSE(world.scheduler.jobs.at(allocation).held);
  CHECK(world.scheduler.calls("release") == 1);

  // A hold from outside after that is somebody else's, and stays.
  REQUIRE(world.scheduler.hold(allocation));
  world.pass(seconds{60});
  CHECK(world.scheduler.jobs.at(allocation).held);
}

TEST_CASE("a hold while it runs lets it run, and no further attempt is started") {
  World world;
  const JobId job = world.submit();
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  world.seal(job, runner, Trigger::interval);
  REQUIRE(world.commands->hold(job, true, {}));
  world.pass(seconds{30});
  CHECK(world.state(job) == JobState::running);
  CHECK(world.view(job).reason.starts_with("no further attempt begins"));
  CHECK(world.scheduler.calls("hold") == 1);
  CHECK(world.scheduler.jobs.at(world.newest_allocation()).held); // also of a requeue by itself
  runner.end(EndReason::walltime);
  world.scheduler.exit(world.newest_allocation(), 1);
  world.pass(minutes{5});
  CHECK(world.state(job) == JobState::queued);
  CHECK(world.view(job).reason.starts_with("held by the user"));
  CHECK(world.view(job).attempts_count == 1);
  REQUIRE(world.commands->hold(job, false, {}));
  world.pass(minutes{1});
  CHECK_FALSE(world.view(job).current_attempt->state == AttemptState::ended);
}

TEST_CASE("a hold that was taken back while the job ran leaves a later one from outside alone") {
  World world;
  const JobId job = world.submit();
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  world.seal(job, runner, Trigger::interval);
  REQUIRE(world.commands->hold(job, true, {}));
  REQUIRE(world.commands->hold(job, false, {}));
  world.pass(seconds{30});
  runner.end(EndReason::requeued);
  world.scheduler.preempt(world.newest_allocation(), Duration{0});
  world.scheduler.gone(world.newest_allocation());
  REQUIRE(world.scheduler.hold(world.newest_allocation()));
  world.pass(minutes{2});
  CHECK(world.scheduler.jobs.at(world.newest_allocation()).held);
  CHECK(world.scheduler.calls("release") == 1); // of our own
}

TEST_CASE("a release is for a hold of anybody's") {
  World world;
  world.scheduler.start_by_itself = false;
  const JobId job = world.submit();
  world.pass(seconds{5});
  REQUIRE(world.scheduler.hold(world.newest_allocation())); // --hold, or scontrol
  SUBCASE("that was seen") {
    world.pass(minutes{2});
  }
  SUBCASE("that was not seen yet") {}
  REQUIRE(world.commands->hold(job, false, {}));
  world.pass(seconds{20});
  CHECK_FALSE(world.scheduler.jobs.at(world.newest_allocation()).held);
  CHECK(world.state(job) == JobState::queued);
}

TEST_CASE("an answer from before a start parks nothing that runs") {
  World world;
  world.scheduler.start_by_itself = false;
  const JobId job = world.submit();
  world.pass(seconds{5});
  const SchedulerJobId id = world.newest_allocation();
  REQUIRE(world.scheduler.hold(id));
  world.pass(minutes{2});
  CHECK(world.state(job) == JobState::queued);
  world.scheduler.freeze_view();
  REQUIRE(world.scheduler.release(id));
  world.scheduler.start(id, "n1");
  ScriptedRunner runner = world.begin(job, id);
  world.pass(minutes{2});
  CHECK(world.state(job) == JobState::running);
  world.scheduler.thaw_view();
  world.pass(minutes{2});
  CHECK(world.state(job) == JobState::running);
}
