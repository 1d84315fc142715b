#include "tests/unit/daemon/harness.hpp"

#include <algorithm>

// A dependency is one of jobs: ours are found under whatever id they have, a job waits once, and
// whoever waits for it is told of its new id.

using namespace ckpt;
using namespace ckpt::daemon::test;

namespace {

JobId submit(World& world, const std::string& name, const std::vector<std::string>& args = {}) {
  auto request = world.request(name);
  request.spec.sbatch_args = args;
  if (world.scheduler.scheduler_kind == SchedulerKind::local) { // it is looked for here
    request.spec.engine = EngineWish::app;
    request.spec.app.signal = "USR1";
    request.policy.ckpt_files = {"state"};
  }
  const auto id = world.commands->submit(request);
  REQUIRE_MESSAGE(id, (id ? "" : id.error().message));
  world.pass(seconds{2});
  return *id;
}

SchedulerJobId slurm_id(const World& world, JobId job) {
  return world.view(job).current_attempt->scheduler_job_id;
}

std::string dependency(const World& world, const SchedulerJobId& id) {
  return ckpt::test::dependency_among(world.scheduler.jobs.at(id).submission.args);
}

void finish(World& world, JobId job) {
  const SchedulerJobId id = slurm_id(world, job);
  ScriptedRunner runner = world.begin(job, id);
  runner.end(EndReason::completed, 0);
  world.scheduler.exit(id, 0);
  world.pass(seconds{3});
  CHECK(world.state(job) == JobState::completed);
}

/// Parks it, its Slurm job ended as Slurm sees it: failed.
void park(World& world, JobId job) {
  const SchedulerJobId id = slurm_id(world, job);
  ScriptedRunner runner = world.begin(job, id);
  runner.end(EndReason::out_of_memory);
  world.scheduler.exit(id, 85);
  world.pass(seconds{8});
  CHECK(world.state(job) == JobState::parked);
}

/// Somebody's job that is none of ours.
SchedulerJobId foreign(World& world, const std::string& waits_for) {
  scheduler::Submission wish;
  wish.name = "post";
  wish.args = {"--dependency=" + waits_for};
  const auto id = world.scheduler.submit(wish);
  REQUIRE(id);
  world.scheduler.jobs.at(*id).allocation.comment.clear();
  return *id;
}

} // namespace

TEST_CASE("our own jobs are named as people know them, and Slurm gets the id of the day") {
  World world;
  const JobId first = submit(world, "first");
  const SchedulerJobId id = slurm_id(world, first);
  for (const std::string& written : {first.str(), std::string("first"), id.value}) {
    CAPTURE(written);
    const JobId second = submit(world, "second", {"--dependency=afterok:" + written});
    CHECK(world.folder(second).read_spec()->sbatch_args ==
          std::vector<std::string>{"--dependency=afterok:" + first.str()});
    CHECK(dependency(world, slurm_id(world, second)) == "afterok:" + id.value);
    REQUIRE(world.commands->cancel(second, {}));
    world.pass(seconds{10});
  }
  const auto wrong = world.commands->submit([&] {
    auto request = world.request("third");
    request.spec.sbatch_args = {"--dependency=afterok:nobody"};
    return request;
  }());
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().code == "no_such_job");
  const JobId other = submit(world, "fourth", {"--dependency=afterany:4711"}); // not ours
  CHECK(dependency(world, slurm_id(world, other)) == "afterany:4711");
}

TEST_CASE("a job that has ended is waited for no more, or cannot be") {
  World world;
  const JobId first = submit(world, "first");
  finish(world, first);
  const JobId second = submit(world, "second", {"--dependency=afterok:first"});
  CHECK(dependency(world, slurm_id(world, second)).empty());
  REQUIRE(world.commands->cancel(second, {}));

  const JobId broken = submit(world, "broken");
  park(world, broken);
  const JobId waits = submit(world, "waits", {"--dependency=afterok:broken"});
  world.pass(minutes{2});
  CHECK(world.commands->submission_settled(waits) == true); // who submits it is not kept waiting
  CHECK(slurm_id(world, waits).empty()); // nothing in the queue that waits for what is not there
  CHECK(world.view(waits).current_attempt->reason.find("parked") != std::string::npos);
  const auto warnings = world.view(broken).warnings;
  REQUIRE(warnings.size() == 1);
  CHECK(warnings.front().code == "dependent_waits");
  CHECK(warnings.front().message.find(waits.str()) != std::string::npos);

  REQUIRE(world.commands->restart(broken, {}));
  world.pass(seconds{40});
  CHECK(dependency(world, slurm_id(world, waits)) == "afterok:" + slurm_id(world, broken).value);
  finish(world, broken);
  world.pass(seconds{5});
  CHECK(world.scheduler.jobs.at(slurm_id(world, waits)).starts == 1);
}

TEST_CASE("where there is no queue, the daemon itself waits") {
  World world;
  world.scheduler.scheduler_kind = SchedulerKind::local;
  world.start_daemon();
  const JobId first = submit(world, "first");
  const JobId second = submit(world, "second", {"--dependency=afterok:first"});
  world.pass(minutes{1});
  CHECK(slurm_id(world, second).empty());
  CHECK(world.view(second).current_attempt->reason.find("waits (afterok) for " + first.str()) !=
        std::string::npos);
  finish(world, first);
  world.pass(seconds{30});
  CHECK(world.scheduler.jobs.at(slurm_id(world, second)).starts == 1);
}

TEST_CASE("what has run waits for nobody again; what has not, does") {
  World world;
  const JobId first = submit(world, "first");
  const JobId second = submit(world, "second", {"--dependency=afterany:first", "-c2"});
  const SchedulerJobId before = slurm_id(world, second);
  CHECK(world.scheduler.jobs.at(before).starts == 0);
  SUBCASE("not run") {
    REQUIRE(world.scheduler.cancel(before)); // by somebody: it is cancelled, and started anew
    world.pass(seconds{10});
    REQUIRE(world.commands->restart(second, {}));
    world.pass(seconds{10});
    CHECK(slurm_id(world, second) != before);
    CHECK(dependency(world, slurm_id(world, second)) == "afterany:" + slurm_id(world, first).value);
  }
  SUBCASE("run") {
    finish(world, first);
    world.pass(seconds{5});
    park(world, second);
    const JobId again = submit(world, "first"); // the name is free, and means another one now
    REQUIRE(world.commands->restart(second, {}));
    world.pass(seconds{10});
    CHECK(dependency(world, slurm_id(world, second)).empty());
    CHECK(world.scheduler.jobs.at(slurm_id(world, second)).submission.args ==
          std::vector<std::string>{"-c2"});
    CHECK(world.scheduler.jobs.at(slurm_id(world, second)).starts == 1);
    park(world, second);
    api::RestartRequest wish; // a new one, for this restart
    wish.sbatch_args = {"--dependency=afterok:" + again.str()};
    REQUIRE(world.commands->restart(second, wish));
    world.pass(seconds{10});
    CHECK(dependency(world, slurm_id(world, second)) == "afterok:" + slurm_id(world, again).value);
  }
}

TEST_CASE("whoever waits for an id that the job has no more waits for its new one") {
  World world;
  const JobId job = submit(world, "first");
  const SchedulerJobId old = slurm_id(world, job);
  const SchedulerJobId post = foreign(world, "afterok:" + old.value + ",afterany:" + old.value);
  const SchedulerJobId other = foreign(world, "afterany:4711");
  park(world, job);
  const auto warnings = world.view(job).warnings;
  REQUIRE(warnings.size() == 1);
  CHECK(warnings.front().message.find("Slurm job " + post.value + " (post) waits for it") !=
        std::string::npos);
  CHECK(warnings.front().advice.find("ckpt restart " + job.str()) != std::string::npos);
  const int before = world.scheduler.calls("set_dependency");
  REQUIRE(world.commands->restart(job, {}));
  SUBCASE("") {
    world.pass(minutes{2});
    const SchedulerJobId fresh = slurm_id(world, job);
    CHECK(fresh != old);
    CHECK(
        ckpt::scheduler::jobs_of_dependency(world.scheduler.jobs.at(post).allocation.dependency) ==
        std::vector<std::string>{fresh.value});
    CHECK(world.scheduler.calls("set_dependency") == before + 1); // once, and nobody else
    CHECK(world.view(job).warnings.empty());
    finish(world, job);
    world.pass(seconds{5});
    CHECK(world.scheduler.jobs.at(post).starts == 1);
    CHECK(world.scheduler.jobs.at(other).starts == 1);
  }
  SUBCASE("and if it cannot be told, a person is told the command") {
    for (int i = 0; i < 100; ++i) {
      world.scheduler.fault("set_dependency", FakeScheduler::Fault::refuse);
    }
    world.pass(minutes{2});
    REQUIRE(world.view(job).warnings.size() == 1);
    CHECK(world.view(job).warnings.front().code == "dependent_not_moved");
    CHECK(world.view(job).warnings.front().advice.find(
              "scontrol update jobid=" + post.value + " dependency=afterok:") != std::string::npos);
  }
}
