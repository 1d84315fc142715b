#include "core/store/generations.hpp"
#include "tests/unit/daemon/harness.hpp"

using namespace ckpt;
using namespace ckpt::daemon;
using namespace ckpt::daemon::test;

TEST_CASE("a runner died over its tidying: the folders tell what its journal does not") {
  World world;
  const JobId job = world.submit();
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  const store::Generations generations(world.folder(job).path());
  REQUIRE(generations.allocate());
  runner.seal(GenerationId{1}, Trigger::interval);
  world.pass(seconds{2});
  REQUIRE(generations.remove(GenerationId{1}, "beyond keep 1")); // and no event
  const Path left = world.folder(job).path() / "generations/g1/.removed.json.0123456789abcdef.tmp";
  REQUIRE(write_file_atomically(left, "half"));
  const auto long_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours{1};
  std::filesystem::last_write_time(left, long_ago);
  const auto state = [&] {
    const auto rows = world.commands->generations(job);
    REQUIRE(rows);
    REQUIRE(rows->size() == 1);
    return rows->front().state;
  };
  CHECK(state() == GenerationState::sealed);
  SUBCASE("seen when the next attempt begins") {
    runner.write(store::AttemptEventKind::requeue_intent);
    runner.end(EndReason::walltime);
    const SchedulerJobId id = world.newest_allocation();
    REQUIRE(world.scheduler.requeue(id));
    world.scheduler.gone(id);
    world.pass(seconds{3});
    world.begin(job, id);
    CHECK(state() == GenerationState::pruned);
  }
  SUBCASE("seen when the job is let go") {
    runner.end(EndReason::completed, 0);
    world.pass(minutes{2});
    CHECK(world.reconciler->live_count() == 0);
    CHECK(state() == GenerationState::pruned);
    CHECK_FALSE(std::filesystem::exists(left));
  }
  SUBCASE("also by a daemon that is started when the job is over already") {
    runner.end(EndReason::completed, 0);
    world.pass(seconds{3});
    world.start_daemon();
    CHECK(world.reconciler->live_count() == 1);
    world.pass(minutes{2});
    CHECK(state() == GenerationState::pruned);
    CHECK_FALSE(std::filesystem::exists(left));
  }
}

TEST_CASE("what a killed packing left beside an image goes when the job is let go") {
  World world;
  const JobId job = world.submit();
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  const store::Generations generations(world.folder(job).path());
  world.seal(job, runner, Trigger::interval);
  const auto manifest = generations.read_manifest(GenerationId{1});
  REQUIRE(manifest);
  REQUIRE(!manifest->images.empty());
  const Path image = world.folder(job).path() / manifest->images.front().path;
  const Path left = image.string() + ".zst.tmp";
  REQUIRE(write_file_atomically(left, "half"));
  runner.end(EndReason::failed, 7);
  world.pass(seconds{5});
  CHECK(std::filesystem::exists(left)); // its runner may be at it
  world.pass(minutes{2});
  CHECK(world.reconciler->live_count() == 0);
  CHECK_FALSE(std::filesystem::exists(left));
  CHECK(std::filesystem::exists(image));
}

TEST_CASE("the scheduler queues a finished job's allocation again: it is cancelled") {
  World world;
  const JobId job = world.submit();
  world.pass();
  const SchedulerJobId id = world.newest_allocation();
  ScriptedRunner runner = world.begin(job, id);
  runner.end(EndReason::completed, 0);
  world.pass();
  REQUIRE(world.state(job) == JobState::completed);
  const auto cancelled = world.scheduler.calls("cancel");
  SUBCASE("while it still ends it is left alone: the runner may be tidying up") {
    world.pass(seconds{8});
    CHECK(world.scheduler.calls("cancel") == cancelled);
  }
  SUBCASE("queued again") {
    world.scheduler.job(id).allocation.state = AllocationState::held;
    world.pass(seconds{8});
    CHECK(world.scheduler.calls("cancel") == cancelled + 1);
    CHECK(world.state(job) == JobState::completed);
  }
}

TEST_CASE("what the runner tidies up after the program's success is seen") {
  World world;
  const JobId job = world.submit();
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  runner.seal(GenerationId{1}, Trigger::interval);
  runner.end(EndReason::completed, 0);
  world.pass(seconds{3});
  REQUIRE(world.state(job) == JobState::completed);
  store::AttemptEvent event;
  event.kind = store::AttemptEventKind::pruned;
  event.generation = GenerationId{1};
  event.reason = "the job has succeeded";
  runner.write(event);
  world.pass(seconds{3});
  const auto generations = world.commands->generations(job);
  REQUIRE(generations);
  REQUIRE(generations->size() == 1);
  CHECK(generations->front().state == GenerationState::pruned);
  world.pass(minutes{2});
  CHECK(world.reconciler->live_count() == 0);
}
