#include "core/store/generations.hpp"
#include "core/store/origin.hpp"
#include "tests/unit/daemon/harness.hpp"

#include <nlohmann/json.hpp>

using namespace ckpt;
using namespace ckpt::daemon;
using namespace ckpt::daemon::test;

namespace {

/// A job that runs, with a sealed generation; its program had `written` open.
struct Trunk {
  explicit Trunk(World& world, std::optional<std::vector<std::string>> written)
      : job(world.submit("trunk")) {
    world.pass();
    runner.emplace(world.begin(job, world.newest_allocation()));
    generation = world.seal(job, *runner, Trigger::manual);
    const Path file = world.folder(job).path() / "generations" / generation.str() / "manifest.json";
    Manifest manifest = *store::Generations(world.folder(job).path()).read_manifest(generation);
    manifest.written = std::move(written);
    REQUIRE(write_file_atomically(file, dump_json(to_json(manifest))));
    world.pass();
  }
  JobId job;
  std::optional<ScriptedRunner> runner;
  GenerationId generation;
};

Result<JobId> fork(World& world, JobId job, const api::ForkRequest& request = {}) {
  const auto plan = world.commands->plan_fork(job, request);
  if (!plan) {
    return tl::unexpected(plan.error());
  }
  if (plan->made) {
    return *plan->made;
  }
  auto staged = store::stage_origin(world.commands->store(), job, plan->generation);
  if (!staged) {
    return tl::unexpected(staged.error());
  }
  auto made = world.commands->fork(job, request, *staged);
  if (!made) {
    REQUIRE(store::discard(*staged));
  }
  return made;
}

template <class Value> std::string code_of(const Result<Value>& result) {
  return result ? "" : result.error().code;
}

const std::vector<std::string> kNone;

} // namespace

TEST_CASE("a fork is a job of its own that starts from the other one's generation") {
  World world;
  Trunk trunk(world, kNone);
  api::ForkRequest request;
  request.policy_patch = R"({"keep": 4})";
  request.sbatch_args = {"--partition=long"};
  request.time_limit = hours{3};
  const auto made = fork(world, trunk.job, request);
  REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
  CHECK(world.state(trunk.job) == JobState::running); // left as it is
  const api::JobView view = world.view(*made);
  CHECK(view.name == "trunk-fork"); // unique among unfinished jobs
  CHECK(view.policy.keep == 4);
  CHECK(view.argv == world.view(trunk.job).argv);
  const JobSpec spec = *world.folder(*made).read_spec();
  CHECK(spec.started_from == GenerationRef{trunk.job, trunk.generation});
  CHECK(spec.sbatch_args == std::vector<std::string>{"--partition=long"});
  CHECK(spec.time_limit == hours{3});

  world.pass();
  REQUIRE(world.view(*made).current_attempt);
  ScriptedRunner runner = world.begin(*made, world.newest_allocation());
  world.pass();
  const auto attempts = *world.commands->attempts(*made);
  CHECK(attempts.front().started_from == GenerationRef{trunk.job, trunk.generation});
  CHECK_FALSE(world.commands->attempts(trunk.job)->front().started_from);

  // From the files alone it is the same.
  world.start_daemon(true);
  CHECK(world.commands->attempts(*made)->front().started_from ==
        GenerationRef{trunk.job, trunk.generation});
  CHECK(world.view(*made).name == "trunk-fork");
}

TEST_CASE("files that both would write: refused, with the way out") {
  World world;
  Trunk trunk(world, std::vector<std::string>{"/home/a/table.csv"});
  const auto refused = fork(world, trunk.job);
  REQUIRE(code_of(refused) == "files_shared");
  CHECK(refused.error().cls == ErrorClass::conflict);
  CHECK(refused.error().message.find("/home/a/table.csv") != std::string::npos);
  CHECK(refused.error().message.find("(running)") != std::string::npos);
  const std::string id = trunk.job.str();
  CHECK(refused.error().advice ==
        "Only one of the two can go on with them: end " + id + " with `ckpt cancel " + id +
            "`, unless its result does not matter any more. To keep the files as they are, copy "
            "them first. Then type `ckpt fork " +
            id + " --share-files`");
  api::ForkRequest of_one;
  of_one.generation = trunk.generation;
  CHECK(fork(world, trunk.job, of_one)
            .error()
            .advice.ends_with("--generation " + trunk.generation.str() + " --share-files`"));
  CHECK(world.commands->list({})->items.size() == 1);

  api::ForkRequest anyway;
  anyway.share_files = true;
  const auto made = fork(world, trunk.job, anyway);
  REQUIRE(made);
  const auto warnings = world.view(*made).warnings;
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].code == "fork_shares_files");
  CHECK(warnings[1].code == "fork_shares_folder");

  // What is so only while both are there is told only then.
  REQUIRE(world.commands->cancel(trunk.job, {}));
  trunk.runner->end(EndReason::cancelled);
  world.pass(seconds{10});
  REQUIRE(world.state(trunk.job) == JobState::cancelled);
  REQUIRE(world.view(*made).warnings.size() == 1);
  CHECK(world.view(*made).warnings[0].code == "fork_shares_files");
}

TEST_CASE("files that nobody has looked at: refused while the origin may write them") {
  World world;
  Trunk trunk(world, std::nullopt);
  CHECK(code_of(fork(world, trunk.job)) == "files_unknown");
  trunk.runner->end(EndReason::completed, 0);
  world.scheduler.exit(world.newest_allocation(), 0);
  world.pass(seconds{2});
  REQUIRE(world.state(trunk.job) == JobState::completed);
  const auto made = fork(world, trunk.job);
  if (made) { // retention may have been faster
    CHECK(world.view(*made).name == "trunk");
    CHECK(world.view(*made).warnings.empty());
  } else {
    CHECK(made.error().code == "no_generation");
  }
}

TEST_CASE("a fork needs a generation that is sealed, and a name that is free") {
  World world;
  const JobId fresh = world.submit("fresh");
  CHECK(code_of(fork(world, fresh)) == "no_generation");
  CHECK(fork(world, fresh).error().advice ==
        "`ckpt checkpoint " + fresh.str() + "` takes one while it runs");
  Trunk trunk(world, kNone);
  api::ForkRequest request;
  request.generation = GenerationId{9};
  CHECK(code_of(fork(world, trunk.job, request)) == "no_such_generation");
  CHECK(fork(world, trunk.job, request).error().advice ==
        "`ckpt gens " + trunk.job.str() + "` lists them");
  request.generation.reset();
  request.name = "fresh";
  CHECK(code_of(fork(world, trunk.job, request)) == "name_taken");
  request.name = "mine";
  request.policy_patch = R"({"keep": 0})";
  CHECK(code_of(fork(world, trunk.job, request)) != "");
  request.policy_patch.clear();
  request.stderr_path = "errors";
  CHECK(code_of(fork(world, trunk.job, request)) == "one_output");
  request.stderr_path.clear();
  CHECK(fork(world, trunk.job, request));
}

TEST_CASE("a job that is over and has no generation: what can be done about it") {
  World world;
  const auto advice_after = [&](const std::string& name, EndReason end, int exit_code) {
    const JobId job = world.submit(name);
    world.pass();
    ScriptedRunner runner = world.begin(job, world.newest_allocation());
    runner.end(end, exit_code);
    world.scheduler.exit(world.newest_allocation(), exit_code);
    world.pass(seconds{2});
    const auto refused = fork(world, job);
    REQUIRE(code_of(refused) == "no_generation");
    return std::pair(job.str(), refused.error().advice);
  };
  const auto [done, of_done] = advice_after("done", EndReason::completed, 0);
  CHECK(of_done == "it has completed, and never had one; submit it again");
  const auto [failed, of_failed] = advice_after("failed", EndReason::failed, 1);
  CHECK(of_failed == "`ckpt restart " + failed + "` runs it again, and `ckpt checkpoint " + failed +
                         "` takes one then");
}

TEST_CASE("a completed job's checkpoints went with its success, and that is said") {
  World world;
  Trunk trunk(world, kNone);
  trunk.runner->end(EndReason::completed, 0);
  world.scheduler.exit(world.newest_allocation(), 0);
  world.pass(seconds{2});
  REQUIRE(world.state(trunk.job) == JobState::completed);
  world.pass(minutes{10});
  const auto refused = fork(world, trunk.job);
  REQUIRE(code_of(refused) == "no_generation");
  CHECK(refused.error().advice.find("`--keep-after-success 1`") != std::string::npos);
  CHECK(refused.error().advice.find("ckpt checkpoint") == std::string::npos);
}

TEST_CASE("the same key makes one fork, also across a daemon's death") {
  World world;
  Trunk trunk(world, kNone);
  api::ForkRequest request;
  request.idempotency_key = "k1";
  const auto made = fork(world, trunk.job, request);
  REQUIRE(made);
  CHECK(fork(world, trunk.job, request).value_or(JobId{}) == *made);
  world.start_daemon();
  CHECK(fork(world, trunk.job, request).value_or(JobId{}) == *made);
  world.start_daemon(true);
  CHECK(fork(world, trunk.job, request).value_or(JobId{}) == *made);
  request.name = "another";
  world.start_daemon();
  CHECK(world.commands->list({})->items.size() == 2);
}

TEST_CASE("a job with an unfinished fork cannot be removed, and its generations may go") {
  World world;
  Trunk trunk(world, kNone);
  const auto made = fork(world, trunk.job);
  REQUIRE(made);
  REQUIRE(world.commands->cancel(trunk.job, {}));
  trunk.runner->end(EndReason::cancelled);
  for (auto& [id, job] : world.scheduler.jobs) {
    if (job.submission.token.value == world.token(world.newest_allocation()).value) {
      continue;
    }
    world.scheduler.exit(id, 1);
  }
  world.pass(minutes{3});
  REQUIRE(world.state(trunk.job) == JobState::cancelled);
  const Status refused = world.commands->may_be_removed(trunk.job);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == "job_has_forks");
  CHECK(refused.error().message.find(made->str()) != std::string::npos);
  world.start_daemon(true);
  CHECK(world.commands->may_be_removed(trunk.job).error().code == "job_has_forks");

  // The copy is the fork's own.
  REQUIRE(store::Generations(world.folder(trunk.job).path()).remove(trunk.generation, "test"));
  const store::Generations copy(store::origin_folder(world.folder(*made).path()));
  CHECK(copy.verify(*copy.read_manifest(trunk.generation))->good());
}

TEST_CASE("output: the origin's pattern where it gives another file, else the default") {
  World world;
  for (const auto& [pattern, expected] : {std::pair<std::string, std::string>{"", ""},
                                          {"run-%j.out", "run-%j.out"},
                                          {"results.log", ""}}) {
    World other;
    auto wanted = other.request("trunk");
    wanted.spec.stdout_path = pattern;
    const auto job = other.commands->submit(wanted);
    REQUIRE(job);
    other.pass();
    ScriptedRunner runner = other.begin(*job, other.newest_allocation());
    const GenerationId generation = other.seal(*job, runner, Trigger::manual);
    other.pass();
    api::ForkRequest request;
    request.share_files = true; // this world's generations do not tell
    request.generation = generation;
    const auto made = fork(other, *job, request);
    REQUIRE(made);
    CHECK(other.folder(*made).read_spec()->stdout_path == expected);
  }
}

TEST_CASE("a fork's next checkpoint is a proof of its own, and never announced in the past") {
  World world;
  Trunk trunk(world, kNone);
  CHECK(world.view(trunk.job).next_checkpoint_trigger == Trigger::interval); // it has one
  const auto made = fork(world, trunk.job);
  REQUIRE(made);
  world.pass();
  ScriptedRunner runner = world.begin(*made, world.newest_allocation());
  const TimePoint began = world.clock.now();
  CHECK(world.view(*made).next_checkpoint_trigger == Trigger::proof);
  CHECK(world.view(*made).next_checkpoint_at == began + minutes{10});

  world.pass(minutes{10} + seconds{5});
  CHECK(world.view(*made).next_checkpoint_trigger == Trigger::proof);
  CHECK(world.view(*made).next_checkpoint_at == world.clock.now());

  // One that fails is tried again after a while.
  store::AttemptEvent event;
  event.kind = store::AttemptEventKind::checkpoint_started;
  event.generation = GenerationId{1};
  event.trigger = Trigger::proof;
  runner.write(event);
  event.kind = store::AttemptEventKind::checkpoint_failed;
  event.reason = "no room";
  const TimePoint failed = world.clock.now();
  runner.write(event);
  world.reconciler->tick();
  CHECK(world.view(*made).next_checkpoint_at == failed + seconds{10});

  world.seal(*made, runner, Trigger::proof);
  world.reconciler->tick();
  CHECK(world.view(*made).next_checkpoint_trigger == Trigger::interval);
  CHECK(world.view(*made).next_checkpoint_at == world.clock.now() + minutes{30});
}
