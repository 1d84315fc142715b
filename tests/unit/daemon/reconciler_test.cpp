#include "tests/unit/daemon/harness.hpp"

using namespace ckpt;
using namespace ckpt::daemon::test;
using store::AttemptEventKind;

TEST_CASE("a job is submitted, runs, is requeued by its runner, and completes") {
  World world;
  const JobId job = world.submit();
  CHECK(world.state(job) == JobState::queued);
  REQUIRE(world.scheduler.jobs.size() == 1);
  const SchedulerJobId id = world.newest_allocation();
  world.pass();
  {
    ScriptedRunner runner = world.begin(job, id);
    CHECK(world.state(job) == JobState::running);
    runner.seal(GenerationId{1}, Trigger::before_walltime);
    runner.write(AttemptEventKind::requeue_intent);
    runner.end(EndReason::walltime);
  }
  // The runner dies between its requeue and StartTime=now.
  world.scheduler.job(id).allocation.state = AllocationState::running;
  REQUIRE(world.scheduler.requeue(id));
  world.scheduler.gone(id);
  world.pass(seconds{3});
  CHECK(world.scheduler.calls("start_now") >= 1);
  CHECK(world.scheduler.job(id).allocation.state == AllocationState::running);
  CHECK(world.scheduler.jobs.size() == 1);
  ScriptedRunner runner = world.begin(job, id);
  CHECK(world.state(job) == JobState::running);
  runner.end(EndReason::completed, 0);
  world.pass();
  const auto view = world.view(job);
  CHECK(view.state == JobState::completed);
  CHECK(view.exit_code == 0);
  CHECK(view.attempts_count == 2);
  REQUIRE(view.latest_generation);
  CHECK(view.latest_generation->id == GenerationId{1});
}

TEST_CASE("the program's own failure is the job's") {
  World world;
  const JobId job = world.submit();
  world.pass();
  world.begin(job, world.newest_allocation()).end(EndReason::failed, 7);
  world.pass();
  CHECK(world.state(job) == JobState::failed);
  CHECK(world.view(job).exit_code == 7);
  CHECK(world.scheduler.calls("submit") == 1);
}

TEST_CASE(
    "sbatch's outcome is unknown, and it was taken: found by its token, not submitted twice") {
  World world;
  world.scheduler.fault("submit", FakeScheduler::Fault::lose_answer);
  const JobId job = world.submit();
  world.pass(minutes{5});
  CHECK(world.scheduler.calls("submit") == 1);
  CHECK(world.scheduler.jobs.size() == 1);
  REQUIRE(world.view(job).current_attempt);
  CHECK(world.view(job).current_attempt->scheduler_job_id == world.newest_allocation());
}

TEST_CASE("sbatch's outcome is unknown, and it was not taken: tried again after its time-out") {
  World world;
  world.scheduler.fault("submit", FakeScheduler::Fault::lose_request);
  const JobId job = world.submit();
  world.pass(seconds{80});
  CHECK(world.scheduler.calls("submit") == 1);
  world.pass(seconds{30});
  CHECK(world.scheduler.calls("submit") == 2);
  CHECK(world.scheduler.jobs.size() == 1);
  CHECK(world.state(job) == JobState::queued);
}

TEST_CASE("an sbatch that comes late, after the second one: one of the two is cancelled") {
  World world;
  world.scheduler.late_by = seconds{200};
  world.scheduler.start_by_itself = false;
  world.scheduler.fault("submit", FakeScheduler::Fault::late);
  world.submit();
  world.pass(seconds{240});
  REQUIRE(world.scheduler.jobs.size() == 2);
  int over = 0;
  for (const auto& [id, job] : world.scheduler.jobs) {
    over += is_over(job.allocation.state) ? 1 : 0;
  }
  CHECK(over == 1);
}

TEST_CASE("what the scheduler refuses for good is told, and fails the job") {
  World world;
  world.scheduler.fault("submit", FakeScheduler::Fault::refuse);
  const JobId job = world.submit();
  CHECK(world.state(job) == JobState::failed);
  const auto settled = world.commands->submission_settled(job);
  REQUIRE_FALSE(settled);
  CHECK(settled.error().code == "sbatch_refused");
}

TEST_CASE("cancelled outside is final") {
  World world;
  const JobId job = world.submit();
  world.pass();
  const SchedulerJobId id = world.newest_allocation();
  ScriptedRunner runner = world.begin(job, id);
  runner.seal(GenerationId{1}, Trigger::interval);
  REQUIRE(world.scheduler.cancel(id));
  runner.write(AttemptEventKind::term_seen);
  runner.end(EndReason::interrupted);
  world.scheduler.gone(id);
  world.pass(minutes{5});
  CHECK(world.state(job) == JobState::cancelled);
  CHECK(world.scheduler.calls("submit") == 1);
  CHECK(world.scheduler.calls("requeue") == 0);
}

TEST_CASE("a node dies: the job goes on only after the lease has run out") {
  World world;
  const JobId job = world.submit();
  world.pass();
  const SchedulerJobId id = world.newest_allocation();
  world.scheduler.job(id).allocation.requeue_allowed = false;
  {
    ScriptedRunner runner = world.begin(job, id);
    runner.seal(GenerationId{1}, Trigger::interval);
    world.pass(seconds{10});
    runner.renew();
    world.scheduler.lose_node(id, false);
    world.pass(seconds{40});
    runner.renew(); // split brain: it lives
    world.pass(seconds{50});
    CHECK(world.scheduler.calls("submit") == 1);
  }
  world.pass(seconds{30});
  CHECK(world.scheduler.calls("submit") == 2);
  CHECK(world.view(job).reason.find("node_fail") != std::string::npos);
  // The old allocation must not come back with the old token.
  CHECK(world.folder(job).is_revoked(world.token(id)));
}

TEST_CASE("nobody knows the allocation any more: lost, and on from there") {
  World world;
  world.scheduler.accounting = false;
  const JobId job = world.submit();
  world.pass();
  const SchedulerJobId id = world.newest_allocation();
  world.begin(job, id);
  world.scheduler.forget(id);
  world.pass(seconds{50});
  CHECK(world.scheduler.calls("submit") == 1);
  world.pass(seconds{100});
  CHECK(world.scheduler.calls("submit") == 2);
  const auto attempts = world.commands->attempts(job);
  REQUIRE(attempts);
  CHECK(attempts->front().end_reason == EndReason::lost);
}

TEST_CASE("accounting that has lost a record still tells the end") {
  World world;
  const JobId job = world.submit();
  world.pass();
  const SchedulerJobId id = world.newest_allocation();
  world.begin(job, id).end(EndReason::requeued);
  REQUIRE(world.scheduler.requeue(id));
  world.scheduler.gone(id);
  world.pass(seconds{5});
  REQUIRE(world.scheduler.job(id).allocation.state == AllocationState::running);
  ScriptedRunner second = world.begin(job, id);
  second.end(EndReason::interrupted); // TERM, and it could not learn why
  Allocation& allocation = world.scheduler.job(id).allocation;
  allocation.state = AllocationState::cancelled;
  allocation.restart_count = 0; // of two records one is left
  world.scheduler.forget(id);
  world.pass(minutes{1});
  CHECK(world.state(job) == JobState::cancelled);
  CHECK(world.scheduler.calls("submit") == 1);
}

TEST_CASE("an outage of the controller is neither failure nor success") {
  World world;
  const JobId job = world.submit();
  world.pass();
  world.begin(job, world.newest_allocation());
  world.scheduler.controller_up = false;
  world.pass(minutes{20});
  CHECK(world.state(job) == JobState::running);
  CHECK(world.reconciler->sightings().outage.has_value());
  CHECK(world.scheduler.calls("snapshot") < 60); // it backs off
  world.scheduler.controller_up = true;
  world.pass(minutes{2});
  CHECK_FALSE(world.reconciler->sightings().outage.has_value());
}

TEST_CASE("stop: by order while it runs, at once while it waits") {
  World world;
  const JobId job = world.submit();
  SUBCASE("it runs") {
    world.pass();
    ScriptedRunner runner = world.begin(job, world.newest_allocation());
    REQUIRE(world.commands->stop(job, {}));
    world.pass(seconds{2});
    CHECK(world.state(job) == JobState::stopping);
    const auto order = runner.folder().read_order(1);
    REQUIRE(order);
    REQUIRE(*order);
    CHECK((*order)->kind == store::OrderKind::stop);
    CHECK(world.scheduler.job(world.newest_allocation()).rings >= 1);
    world.start_daemon(); // the order is not given twice
    world.pass(seconds{2});
    CHECK_FALSE(*runner.folder().read_order(2));
    runner.seal(GenerationId{1}, Trigger::stop);
    runner.end(EndReason::stopped);
    world.pass();
    CHECK(world.state(job) == JobState::parked);
    world.pass(minutes{3});
    CHECK(world.scheduler.calls("submit") == 1);
    // Rollback: the wish reaches the runner, and only the first attempt after it.
    REQUIRE(world.commands->restart(job, {GenerationId{1}, {}, {}, "", ""}));
    CHECK(world.state(job) == JobState::queued);
    CHECK(world.scheduler.calls("submit") == 2);
    const auto wish = world.folder(job).read_start(world.token(world.newest_allocation()));
    REQUIRE(wish);
    REQUIRE(*wish);
    CHECK((*wish)->generation == GenerationId{1});
    CHECK((*wish)->attempt_floor == 1);
  }
  SUBCASE("it waits") {
    world.scheduler.start_by_itself = false;
    world.pass(seconds{10});
    REQUIRE(world.commands->stop(job, {}));
    world.pass(seconds{10});
    CHECK(world.state(job) == JobState::parked);
    CHECK(is_over(world.scheduler.job(world.newest_allocation()).allocation.state));
  }
}

TEST_CASE("cancel ends what waits and what runs, and leaves nothing") {
  bool runs = false;
  SUBCASE("it runs") {
    runs = true;
  }
  SUBCASE("it waits") {
    runs = false;
  }
  World world;
  world.scheduler.start_by_itself = runs;
  const JobId job = world.submit();
  world.pass(seconds{2});
  if (runs) {
    world.begin(job, world.newest_allocation());
  }
  REQUIRE(world.commands->cancel(job, {}));
  world.pass(minutes{1});
  CHECK(world.state(job) == JobState::cancelled);
  CHECK(is_over(world.scheduler.job(world.newest_allocation()).allocation.state));
  if (runs) { // before the TERM, and once
    const auto attempt = world.folder(job).attempt(AttemptId{1});
    const auto order = attempt.read_order(1);
    REQUIRE(order);
    REQUIRE(*order);
    CHECK((*order)->kind == store::OrderKind::cancel);
    CHECK_FALSE(*attempt.read_order(2));
  }
}

TEST_CASE("cancel asked for while it is being stopped: it does not end up parked") {
  World world;
  const JobId job = world.submit();
  world.pass(seconds{2});
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  REQUIRE(world.commands->stop(job, {}));
  CHECK(world.state(job) == JobState::stopping);
  REQUIRE(world.commands->cancel(job, {}));
  runner.end(EndReason::stopped, {}, "stopped by the user"); // it was faster than the cancel
  world.pass(minutes{1});
  CHECK(world.state(job) == JobState::cancelled);
  CHECK(is_over(world.scheduler.job(world.newest_allocation()).allocation.state));
}

TEST_CASE("attempts that make no progress park the job, with evidence") {
  World world;
  const JobId job = world.submit();
  world.pass();
  const SchedulerJobId id = world.newest_allocation();
  for (int i = 0; i < 3; ++i) {
    world.begin(job, id).end(EndReason::interrupted, {}, "it broke");
    world.scheduler.exit(id, 85);
    world.pass(seconds{10});
  }
  CHECK(world.state(job) == JobState::parked);
  CHECK(world.view(job).reason.find("it broke") != std::string::npos);
}

TEST_CASE("a hold from outside parks it, and its release lets it go on") {
  World world;
  const JobId job = world.submit();
  world.pass();
  const SchedulerJobId id = world.newest_allocation();
  {
    ScriptedRunner runner = world.begin(job, id);
    runner.seal(GenerationId{1}, Trigger::interval);
    runner.end(EndReason::requeued);
  }
  REQUIRE(world.scheduler.hold(id));
  REQUIRE(world.scheduler.requeue(id));
  world.scheduler.gone(id);
  world.pass(seconds{10});
  CHECK(world.state(job) == JobState::parked);
  CHECK(world.view(job).reason.find("held outside") != std::string::npos);
  REQUIRE(world.scheduler.release(id));
  world.pass(seconds{10});
  CHECK(world.state(job) == JobState::queued);
  CHECK(world.scheduler.jobs.size() == 1);
}

TEST_CASE("a rebuilt registry says what the old one said") {
  World world;
  const JobId done = world.submit("done", "key-1");
  world.pass();
  {
    ScriptedRunner runner = world.begin(done, world.newest_allocation());
    runner.end(EndReason::completed, 0);
  }
  world.pass();
  const JobId live = world.submit("live");
  world.pass();
  world.begin(live, world.newest_allocation());
  const JobId gone = world.submit("gone");
  REQUIRE(world.commands->cancel(gone, {}));
  world.pass(minutes{1});
  const auto before_done = world.view(done);
  const auto before_live = world.view(live);
  world.start_daemon(true);
  CHECK(world.view(done).state == before_done.state);
  CHECK(world.view(done).exit_code == 0);
  CHECK(world.view(live).state == JobState::running);
  CHECK(world.view(live).current_attempt->n == before_live.current_attempt->n);
  CHECK(world.view(gone).state == JobState::cancelled);
  world.pass(minutes{3});
  CHECK(world.scheduler.calls("submit") == 3);  // nothing was started again
  CHECK(world.submit("done", "key-1") == done); // the key is remembered
}

TEST_CASE("an idempotency key gives the first result again; another request with it is refused") {
  World world;
  const JobId job = world.submit("count", "k");
  CHECK(world.submit("count", "k") == job);
  const auto other = world.commands->submit(world.request("other", "k"));
  REQUIRE_FALSE(other);
  CHECK(other.error().code == "idempotency_conflict");
  const auto same_name = world.commands->submit(world.request("count"));
  REQUIRE_FALSE(same_name);
  CHECK(same_name.error().code == "name_taken");
  // What is on its way cannot be restarted.
  CHECK(same_name.error().advice.starts_with("`ckpt show " + job.str() + "`"));
}

TEST_CASE("a name that no job has: what is near is named") {
  World world;
  world.submit("simulation");
  const auto typo = world.commands->resolve("simulaton");
  REQUIRE_FALSE(typo);
  CHECK(typo.error().code == "no_such_job");
  CHECK(typo.error().advice.starts_with("did you mean 'simulation'?"));
  CHECK(world.commands->resolve("heat").error().advice == "`ckpt ls --all` lists them");
}

TEST_CASE("bad input is refused before anything is made") {
  World world;
  auto request = world.request("x");
  SUBCASE("no such program") {
    request.spec.argv = {"/no/such/program"};
  }
  SUBCASE("no such folder") {
    request.spec.cwd = "/no/such/folder";
  }
  SUBCASE("no program") {
    request.spec.argv.clear();
  }
  const auto refused = world.commands->submit(request);
  CHECK_FALSE(refused);
  CHECK(world.commands->list({})->items.empty());
}
