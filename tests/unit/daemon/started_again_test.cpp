// Slurm has begun a job again, and nobody has written the last word of the attempt before.
#include "tests/unit/daemon/harness.hpp"

using namespace ckpt;
using namespace ckpt::daemon;
using namespace ckpt::daemon::test;

TEST_CASE("a stop reaches the attempt that has begun meanwhile") {
  World world;
  const JobId job = world.submit();
  world.pass();
  const SchedulerJobId id = world.newest_allocation();
  const ScriptedRunner first = world.begin(job, id);
  world.pass(seconds{20});
  world.scheduler.lose_node(id, true); // without a word, and started again behind our back
  world.scheduler.start(id, "n2");
  ScriptedRunner second = world.begin(job, id);
  REQUIRE(world.commands->stop(job, {}));
  world.pass(seconds{10});
  const auto order = second.folder().read_order(1);
  REQUIRE(order);
  REQUIRE(*order);
  CHECK((*order)->kind == store::OrderKind::stop);
  CHECK((*order)->reason == "stopped by the user");
}

TEST_CASE("a runner that is gone makes the daemon ask what has become of its allocation") {
  World world;
  const JobId job = world.submit();
  world.pass();
  const SchedulerJobId id = world.newest_allocation();
  const ScriptedRunner first = world.begin(job, id);
  world.pass(seconds{20});
  world.scheduler.lose_node(id, true);
  world.scheduler.start(id, "n2");
  const ScriptedRunner second = world.begin(job, id);
  world.pass(seconds{60}); // not the five minutes of a quiet queue
  CHECK(world.view(job).attempts_count == 2);
}
