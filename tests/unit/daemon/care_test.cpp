#include "core/store/generations.hpp"
#include "tests/unit/daemon/harness.hpp"

#include <nlohmann/json.hpp>

using namespace ckpt;
using namespace ckpt::daemon;
using namespace ckpt::daemon::test;

namespace {

/// The orders that an attempt was given, in order.
std::vector<store::OrderKind> orders(World& world, JobId job, AttemptId n) {
  std::vector<store::OrderKind> kinds;
  for (std::int64_t number = 1;; ++number) {
    const auto order = world.folder(job).attempt(n).read_order(number);
    if (!order || !*order) {
      return kinds;
    }
    kinds.push_back((*order)->kind);
  }
}

std::string code_of(const Status& status) {
  return status ? "" : status.error().code;
}

/// A job whose program has run to its end; the daemon has let it go.
JobId finished(World& world) {
  const JobId job = world.submit("done");
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  world.seal(job, runner, Trigger::interval);
  runner.end(EndReason::completed, 0);
  world.scheduler.exit(world.newest_allocation(), 0);
  world.pass(minutes{3});
  REQUIRE(world.state(job) == JobState::completed);
  return job;
}

} // namespace

TEST_CASE("a policy changes while the job runs: durable, counted, and told to the runner once") {
  World world;
  const JobId job = world.submit();
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  REQUIRE(world.commands->change_policy(job, {R"({"every_seconds": 120, "keep": 5})"}));
  CHECK(world.view(job).policy.keep == 5);
  CHECK(world.view(job).policy.revision == 2);
  CHECK(world.folder(job).read_policy()->keep == 5);
  world.pass(seconds{30});
  CHECK(orders(world, job, runner.n) == std::vector{store::OrderKind::reload_policy});
  REQUIRE(world.commands->change_policy(job, {R"({"keep": 5})"})); // the same again is no change
  CHECK(world.view(job).policy.revision == 2);

  // A new daemon does not know whether the runner was told: once more does no harm.
  world.start_daemon();
  world.pass(seconds{30});
  CHECK(world.view(job).policy.keep == 5);
  CHECK(orders(world, job, runner.n).size() == 2);

  CHECK(code_of(world.commands->change_policy(job, {R"({"keep": 0})"})) != "");
  CHECK(code_of(world.commands->change_policy(job, {R"({"revision": 7})"})) != "");
  CHECK(code_of(world.commands->change_policy(job, {R"({"kepe": 7})"})) != "");
  CHECK(code_of(world.commands->change_policy(JobId{99}, {"{}"})) == "no_such_job");
}

TEST_CASE("a requeue is an order to the runner, once for a key") {
  World world;
  const JobId job = world.submit();
  CHECK(code_of(world.commands->requeue(job, {})) == "not_running");
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  REQUIRE(world.commands->requeue(job, {"once"}));
  REQUIRE(world.commands->requeue(job, {"once"}));
  CHECK(orders(world, job, runner.n) == std::vector{store::OrderKind::requeue});
}

TEST_CASE("a pinned generation stays whatever the retention says, until it is unpinned") {
  World world;
  const JobId job = world.submit();
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  std::vector<GenerationId> sealed;
  for (int i = 0; i < 4; ++i) {
    sealed.push_back(world.seal(job, runner, Trigger::interval));
  }
  world.pass();
  REQUIRE(world.commands->pin(job, sealed.front(), true));
  CHECK(world.commands->generation(job, sealed.front())->pinned);
  runner.end(EndReason::stopped);
  world.scheduler.exit(world.newest_allocation(), 0);
  world.pass(minutes{5});
  CHECK(world.commands->generation(job, sealed[0])->state == GenerationState::sealed);
  CHECK(world.commands->generation(job, sealed[1])->state == GenerationState::pruned);
  CHECK(code_of(world.commands->pin(job, sealed[1], true)) == "generation_not_sealed");

  const auto on_disk = [&] { return *store::Generations(world.folder(job).path()).list(); };
  CHECK(code_of(world.commands->remove_generation(job, sealed[0], on_disk())) ==
        "generation_pinned");
  REQUIRE(world.commands->pin(job, sealed[0], false));
  CHECK(code_of(world.commands->remove_generation(job, sealed[3], on_disk())) ==
        "generation_needed");
  REQUIRE(world.commands->remove_generation(job, sealed[2], on_disk()));
  world.pass(seconds{5});
  CHECK(world.commands->generation(job, sealed[2])->reason == "removed by the user");
  CHECK(world.commands->generation(job, sealed[3])->state == GenerationState::sealed);
}

TEST_CASE("nothing is removed by hand while a runner may be at work") {
  World world;
  const JobId job = world.submit();
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  const GenerationId first = world.seal(job, runner, Trigger::interval);
  world.seal(job, runner, Trigger::interval);
  world.seal(job, runner, Trigger::interval);
  world.pass();
  const auto on_disk = *store::Generations(world.folder(job).path()).list();
  CHECK(code_of(world.commands->remove_generation(job, first, on_disk)) == "job_running");
  CHECK(world.commands->prunable(job, on_disk)->empty());
  CHECK(code_of(world.commands->may_be_removed(job)) == "job_running");
}

TEST_CASE("a job that is over is removed with its folder, and its id is not used again") {
  World world;
  const JobId job = finished(world);
  REQUIRE(world.commands->may_be_removed(job));
  CHECK(code_of(world.commands->restart(job, {})) == "no_such_job"); // while its folder goes
  const Path folder = world.folder(job).path();
  REQUIRE(remove_file(folder / "spec.json")); // as one that died over it has left it
  REQUIRE(world.commands->store().bury_job(job));
  CHECK(std::filesystem::is_empty(folder));
  REQUIRE(world.commands->forget(job, true));
  CHECK(world.commands->view(job).error().code == "no_such_job");
  world.start_daemon(true); // also not by what the store holds
  CHECK(world.commands->view(job).error().code == "no_such_job");
  CHECK(world.submit("next") != job);
}

TEST_CASE(
    "a job that has just ended is removed once the scheduler has seen the end of its runner") {
  World world;
  const JobId job = world.submit("short");
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  runner.end(EndReason::completed, 0);
  world.pass(seconds{2});
  REQUIRE(world.state(job) == JobState::completed);
  CHECK(code_of(world.commands->may_be_removed(job)) == "job_busy");
  world.scheduler.exit(world.newest_allocation(), 0);
  world.pass(seconds{10});
  CHECK(code_of(world.commands->may_be_removed(job)) == "");
}

TEST_CASE("a job that is over for long is removed soon after the daemon was started again") {
  World world;
  const JobId job = world.submit("short");
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  for (int i = 0; i < 3; ++i) {
    world.seal(job, runner, Trigger::interval);
  }
  runner.end(EndReason::failed, 1);
  const SchedulerJobId id = world.newest_allocation();
  world.pass(seconds{2});
  REQUIRE(world.state(job) == JobState::failed);

  SUBCASE("the scheduler knows nothing of it any more") {
    world.stop_daemon();
    world.scheduler.exit(id, 1);
    world.scheduler.jobs.erase(id);
    world.clock.pass(minutes{8});
    world.start_daemon();
    CHECK(code_of(world.commands->may_be_removed(job)) == "job_busy"); // not asked yet
    world.pass(seconds{3});
    CHECK(code_of(world.commands->may_be_removed(job)) == "");
  }
  SUBCASE("nor of one that has ended a moment ago: its node may have been cut off") {
    world.stop_daemon();
    world.scheduler.exit(id, 1);
    world.scheduler.jobs.erase(id);
    world.start_daemon();
    world.pass(seconds{20});
    const Status refused = world.commands->may_be_removed(job);
    CHECK(code_of(refused) == "job_busy");
    CHECK(refused.error().advice.find("the scheduler shows") != std::string::npos);
    world.pass(seconds{50});
    CHECK(code_of(world.commands->may_be_removed(job)) == "");
  }
  SUBCASE("it is still shown at work") {
    world.stop_daemon();
    world.clock.pass(minutes{8});
    world.start_daemon();
    world.pass(seconds{20});
    CHECK(code_of(world.commands->may_be_removed(job)) == "job_busy");
  }
  SUBCASE("the scheduler does not answer") {
    world.stop_daemon();
    world.scheduler.exit(id, 1);
    world.scheduler.jobs.erase(id);
    world.clock.pass(minutes{8});
    world.scheduler.controller_up = false;
    world.start_daemon();
    world.pass(seconds{20});
    CHECK(code_of(world.commands->may_be_removed(job)) == "job_busy");
  }
}

TEST_CASE("numbers of everything: jobs, checkpoints, time lost and saved") {
  World world;
  const JobId job = world.submit();
  world.pass();
  ScriptedRunner first = world.begin(job, world.newest_allocation());
  world.pass(seconds{100});
  const GenerationId good = world.seal(job, first, Trigger::interval);
  world.pass(seconds{20});
  first.end(EndReason::walltime);
  world.scheduler.exit(world.newest_allocation(), 1);
  world.pass(minutes{2});
  const auto stats = world.commands->stats();
  REQUIRE(stats);
  CHECK(stats->jobs.at("completed") == 0);
  REQUIRE(stats->checkpoints.size() == 1);
  CHECK(stats->checkpoints[0].trigger == Trigger::interval);
  CHECK(stats->checkpoints[0].outcome == "sealed");
  CHECK(stats->checkpoints[0].count == 1);
  CHECK(stats->blocked.sum == milliseconds{20});
  CHECK(stats->accounting.lost >= seconds{19});
  CHECK(stats->accounting.lost <= seconds{25});
  CHECK(stats->accounting.saved == Duration{0}); // it has not gone on yet
  CHECK(good == GenerationId{1});
  const auto input = world.commands->metrics_input();
  REQUIRE(input);
  CHECK(input->blocked_seconds.count() == 1);
}

TEST_CASE("a rollback sets work aside: at once, in job, attempts and sum alike") {
  World world;
  const JobId job = world.submit();
  world.pass();
  ScriptedRunner first = world.begin(job, world.newest_allocation());
  world.pass(seconds{100});
  world.seal(job, first, Trigger::manual);
  world.pass(seconds{50});
  world.seal(job, first, Trigger::stop);
  first.end(EndReason::stopped);
  REQUIRE(world.commands->stop(job, {}));
  world.scheduler.exit(world.newest_allocation(), 85);
  world.pass(minutes{2});
  REQUIRE(world.state(job) == JobState::parked);
  CHECK(world.view(job).accounting.lost <= seconds{2});
  REQUIRE(world.commands->restart(job, {GenerationId{1}, {}, {}, "", ""}));
  const auto check = [&](std::size_t attempts) {
    const auto lost = world.view(job).accounting.lost;
    CHECK(lost >= seconds{50});
    CHECK(lost <= seconds{54});
    CHECK(world.commands->stats()->accounting.lost == lost);
    const auto seen = world.commands->attempts(job);
    REQUIRE(seen);
    REQUIRE(seen->size() >= attempts);
    CHECK(seen->front().lost == lost);
    CHECK(seen->back().lost == Duration{0});
  };
  check(1); // known before it begins
  world.pass(minutes{1});
  const auto claim = world.try_claim(job, world.newest_allocation());
  REQUIRE(claim);
  ScriptedRunner second(world.folder(job), *claim, world.clock);
  store::AttemptEvent began;
  began.kind = store::AttemptEventKind::program_restarted;
  began.generation = GenerationId{1};
  second.write(began);
  world.pass(seconds{30});
  REQUIRE(world.state(job) == JobState::running);
  check(2);
  const auto saved = world.commands->stats()->accounting.saved;
  CHECK(saved >= seconds{98});
  CHECK(saved <= seconds{102});
}

TEST_CASE("nodes: what the scheduler says, and what ours have seen") {
  World world;
  world.scheduler.known_nodes = {{"n1", "mixed", "", {"main"}},
                                 {"n2", "drained", "bad disk", {"main"}}};
  const JobId job = world.submit();
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  world.commands->ask_for_nodes();
  CHECK(world.commands->nodes_are_fresh());
  const auto nodes = world.commands->nodes();
  REQUIRE(nodes);
  bool found = false;
  for (const api::NodeView& node : *nodes) {
    if (!node.jobs.empty()) {
      found = true;
      CHECK(node.jobs == std::vector{job.str()});
      CHECK(node.attempts_count == 1);
    }
    if (node.name == "n2") {
      CHECK(node.reason == "bad disk");
    }
  }
  CHECK(found);
  world.commands->ask_for_nodes();
  CHECK(world.scheduler.calls("nodes") == 1); // not for every look
}
