#include "tests/unit/daemon/harness.hpp"

using namespace ckpt;
using namespace ckpt::daemon;
using namespace ckpt::daemon::test;

namespace {

std::vector<store::Order> orders(const World& world, JobId job, AttemptId attempt) {
  std::vector<store::Order> given;
  for (std::int64_t number = 1;; ++number) {
    const auto order = world.folder(job).attempt(attempt).read_order(number);
    REQUIRE(order);
    if (!*order) {
      return given;
    }
    given.push_back(**order);
  }
}

PollTimes sparing() {
  PollTimes times;
  times.pending = seconds{5};
  return times;
}

} // namespace

TEST_CASE("a node that is drained: one checkpoint an episode, whatever the number of looks") {
  World world;
  const JobId job = world.submit();
  world.pass();
  const SchedulerJobId id = world.newest_allocation();
  ScriptedRunner runner = world.begin(job, id);
  world.pass(seconds{20});
  CHECK(orders(world, job, runner.n).empty());

  const std::string node = world.scheduler.job(id).allocation.node;
  world.scheduler.leaving_node[node] = "node " + node + " is being drained: bad disk";
  for (int look = 0; look < 10; ++look) {
    runner.renew();
    world.pass(seconds{10});
  }
  auto given = orders(world, job, runner.n);
  REQUIRE(given.size() == 1);
  CHECK(given.front().kind == store::OrderKind::checkpoint);
  CHECK(given.front().trigger == Trigger::drain);
  CHECK_FALSE(given.front().generation); // the runner takes a number of its own
  CHECK(given.front().reason.find("bad disk") != std::string::npos);
  CHECK(world.scheduler.job(id).rings == 1);
  CHECK(world.state(job) == JobState::running);

  // Another daemon does not know better, and an unanswered question is no end of the episode.
  world.start_daemon();
  world.scheduler.fault("leaving_nodes", FakeScheduler::Fault::down);
  world.pass(seconds{30});
  CHECK(orders(world, job, runner.n).size() == 1);

  // Back in service, and drained again.
  world.scheduler.leaving_node.clear();
  runner.renew();
  world.pass(seconds{20});
  world.scheduler.leaving_node[node] = "node " + node + " is in a maintenance reservation";
  runner.renew();
  world.pass(seconds{20});
  CHECK(orders(world, job, runner.n).size() == 2);
}

TEST_CASE("without a running job no node is asked for") {
  World world;
  world.scheduler.start_by_itself = false;
  world.submit();
  world.pass(minutes{10});
  CHECK(world.scheduler.calls("snapshot") > 3);
  CHECK(world.scheduler.calls("leaving_nodes") == 0);
  CHECK(world.scheduler.calls("grace_times") == 1);
}

TEST_CASE("where a preemption has a grace time, half of it is the longest wait for an answer") {
  World world;
  world.poll = sparing();
  world.scheduler.grace_of_partition = {{"low", seconds{40}}};
  for (const std::string& partition : {std::string("debug"), std::string("low")}) {
    world.start_daemon();
    world.scheduler.partition = partition;
    const JobId job = world.submit(partition);
    world.pass();
    const SchedulerJobId id = world.newest_allocation();
    ScriptedRunner runner = world.begin(job, id);
    const auto live = [&](Duration duration) {
      for (Duration left = duration; left > Duration{0}; left -= seconds{5}) {
        runner.renew();
        world.pass(seconds{5});
      }
    };
    live(minutes{20}); // whatever it was asked often for at the beginning is over
    const int before = world.scheduler.calls("snapshot");
    live(minutes{20});
    const int asked = world.scheduler.calls("snapshot") - before;
    CAPTURE(partition);
    if (partition == "debug") {
      CHECK(asked <= 5);
    } else {
      CHECK(asked >= 58);
      CHECK(asked <= 62);
      world.scheduler.preempt(id, seconds{40});
      live(seconds{20});
      CHECK(world.scheduler.job(id).rings >= 1);
    }
    runner.end(EndReason::failed, 1);
    world.pass(seconds{5});
  }
  CHECK(world.scheduler.calls("grace_times") <= 6);
}
