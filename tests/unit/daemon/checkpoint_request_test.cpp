#include "tests/unit/daemon/harness.hpp"

using namespace ckpt;
using namespace ckpt::daemon::test;
using store::AttemptEventKind;

TEST_CASE("a checkpoint on request takes a number, gives the order, and is served by what seals") {
  World world;
  const JobId job = world.submit();
  CHECK(world.commands->checkpoint(job, {}).error().code == "not_running");
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  const auto pending = world.commands->checkpoint(job, {});
  REQUIRE(pending);
  CHECK(pending->generation == GenerationId{1});
  CHECK_FALSE(world.commands->checkpoint_result(*pending)->has_value());
  runner.seal(pending->generation, Trigger::manual);
  world.pass();
  const auto sealed = world.commands->checkpoint_result(*pending);
  REQUIRE(sealed);
  REQUIRE(*sealed);
  CHECK((*sealed)->state == GenerationState::sealed);
}

TEST_CASE("a checkpoint on request that gets a newer number than it was promised") {
  World world;
  const JobId job = world.submit();
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  const auto pending = world.commands->checkpoint(job, {});
  REQUIRE(pending);
  store::AttemptEvent event;
  event.kind = store::AttemptEventKind::checkpoint_refused;
  event.code = "renumbered";
  event.generation = pending->generation;
  runner.write(event);
  world.pass();
  const auto waiting = world.commands->checkpoint_result(*pending);
  REQUIRE(waiting);
  CHECK_FALSE(waiting->has_value());
  runner.seal(GenerationId{3}, Trigger::manual);
  event.kind = store::AttemptEventKind::order_done;
  event.generation = GenerationId{3};
  event.order = pending->order;
  runner.write(event);
  world.pass();
  const auto sealed = world.commands->checkpoint_result(*pending);
  REQUIRE(sealed);
  REQUIRE(*sealed);
  CHECK((*sealed)->id == GenerationId{3});
}
