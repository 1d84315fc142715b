#include "core/store/fate.hpp"
#include "tests/unit/daemon/harness.hpp"

using namespace ckpt;
using namespace ckpt::daemon::test;
using store::FateKind;

namespace {

/// A job whose runner died after it had decided the program's result, before its journal had it.
struct DiedWithResult {
  World& world;
  JobId job = world.submit();
  SchedulerJobId id;
  AttemptId attempt;

  explicit DiedWithResult(World& in, int code) : world(in) {
    world.pass();
    id = world.newest_allocation();
    attempt = world.begin(job, id).n;
    const store::Fate result{FateKind::result, {}, "ended", code, {}, world.clock.now()};
    REQUIRE(store::decide_fate(world.folder(job), attempt, result));
    world.scheduler.lose_node(id, false);
  }
};

} // namespace

TEST_CASE("a result whose writer died before its journal's last line is the job's") {
  World world;
  const DiedWithResult died(world, 3);
  world.pass(minutes{3});
  CHECK(world.state(died.job) == JobState::failed);
  CHECK(world.view(died.job).exit_code == 3);
  CHECK(world.scheduler.calls("submit") == 1);
  CHECK(world.scheduler.calls("requeue") == 0);
  world.start_daemon(true); // from the files alone
  world.pass();
  CHECK(world.state(died.job) == JobState::failed);
  CHECK(world.view(died.job).exit_code == 3);
  CHECK(world.commands->attempts(died.job)->front().end_reason == EndReason::failed);
}

TEST_CASE("a lost attempt is given up first: a result that comes later has no place") {
  World world;
  const JobId job = world.submit();
  world.pass();
  const SchedulerJobId id = world.newest_allocation();
  const AttemptId attempt = world.begin(job, id).n;
  world.scheduler.job(id).allocation.requeue_allowed = false;
  world.scheduler.lose_node(id, false);
  world.pass(minutes{3});
  CHECK(world.scheduler.calls("submit") == 2);
  const store::Fate late{FateKind::result, {}, "ended", 0, {}, world.clock.now()};
  const auto fate = store::decide_fate(world.folder(job), attempt, late);
  REQUIRE(fate);
  CHECK(fate->kind == FateKind::given_up);
  CHECK(fate->reason.find("node_fail") != std::string::npos);
}
