#include "core/store/generations.hpp"
#include "tests/unit/daemon/harness.hpp"

using namespace ckpt;
using namespace ckpt::daemon;
using namespace ckpt::daemon::test;

namespace {

/// A job with a runner that seals real generations, and that nobody tidies up after.
struct Untidy {
  explicit Untidy(int keep) : job(world.submit()) {
    Policy policy = *world.folder(job).read_policy();
    policy.keep = keep;
    REQUIRE(world.folder(job).write_policy(policy));
    world.start_daemon();
    world.pass();
    begin();
  }

  void begin() { runner.emplace(world.begin(job, world.newest_allocation())); }

  Path image(GenerationId id) const {
    return world.folder(job).attempt(runner->n).images() / ("set-" + id.str()) / "image";
  }

  GenerationId seal() {
    const store::Generations generations(world.folder(job).path());
    Manifest draft;
    draft.job = job;
    draft.id = *generations.allocate();
    draft.attempt = runner->n;
    draft.trigger = Trigger::interval;
    draft.frozen_at = draft.sealed_at = world.clock.now();
    REQUIRE(make_directories(image(draft.id).parent_path()));
    REQUIRE(write_file_atomically(image(draft.id), "image of " + draft.id.str()));
    StoredFile file;
    file.path = image(draft.id).lexically_relative(world.folder(job).path()).string();
    draft.images = {file};
    const auto sealed = generations.seal(draft);
    REQUIRE_MESSAGE(sealed, (sealed ? "" : sealed.error().message));
    runner->seal(draft.id, Trigger::interval);
    return draft.id;
  }

  std::string there() {
    std::string text;
    const auto on_disk = store::Generations(world.folder(job).path()).list();
    REQUIRE(on_disk);
    for (const auto& generation : *on_disk) {
      const bool sealed = generation.manifest && generation.tombstone.empty();
      text += sealed ? generation.id.str() + " " : "";
    }
    return text;
  }

  /// The daemon is alone with it for long enough.
  void quiet() { world.pass(minutes{3}); }

  World world;
  JobId job;
  std::optional<ScriptedRunner> runner;
};

std::string pruned_because(World& world, JobId job, GenerationId id) {
  const auto views = world.commands->generations(job);
  REQUIRE(views);
  for (const auto& view : *views) {
    if (view.id == id && view.state == GenerationState::pruned) {
      return view.reason;
    }
  }
  return "";
}

} // namespace

TEST_CASE("a parked job keeps what the policy says, and never loses the newest good one") {
  Untidy job(2);
  for (int i = 0; i < 4; ++i) {
    job.seal();
  }
  const Path oldest = job.image(GenerationId{1});
  job.runner->end(EndReason::stopped);
  job.world.pass(seconds{5});
  REQUIRE(job.world.state(job.job) == JobState::parked);
  CHECK(job.there() == "g1 g2 g3 g4 "); // its runner may still be at it
  job.quiet();
  CHECK(job.there() == "g3 g4 ");
  CHECK_FALSE(std::filesystem::exists(oldest));
  CHECK(std::filesystem::exists(job.image(GenerationId{4})));
  CHECK(pruned_because(job.world, job.job, GenerationId{1}).find("keep 2") != std::string::npos);
  // And what it says of itself does not depend on the registry.
  job.world.start_daemon(true);
  CHECK(pruned_because(job.world, job.job, GenerationId{2}).find("keep 2") != std::string::npos);
  CHECK(job.there() == "g3 g4 ");
}

TEST_CASE("while a lease moves nothing is removed, whatever the journal says") {
  Untidy job(1);
  job.seal();
  job.seal();
  job.runner->end(EndReason::stopped);
  for (int i = 0; i < 20; ++i) {
    job.runner->renew();
    job.world.pass(seconds{20});
  }
  CHECK(job.there() == "g1 g2 ");
  job.quiet();
  CHECK(job.there() == "g2 ");
}

TEST_CASE("a cancelled job and a failed one keep theirs within the policy: it may be restarted") {
  for (const bool cancelled : {true, false}) {
    CAPTURE(cancelled);
    Untidy job(1);
    job.seal();
    job.seal();
    job.runner->end(cancelled ? EndReason::cancelled : EndReason::failed, 1);
    job.world.pass(seconds{5});
    CHECK(job.world.state(job.job) == (cancelled ? JobState::cancelled : JobState::failed));
    job.quiet();
    CHECK(job.there() == "g2 ");
    CHECK(job.world.reconciler->live_count() == 0);
  }
}

TEST_CASE("the daemon dies before it has tidied up after a job that is over: the next one does") {
  Untidy job(1);
  job.seal();
  job.seal();
  job.runner->end(EndReason::failed, 1);
  job.world.pass(seconds{5});
  REQUIRE(job.world.state(job.job) == JobState::failed);
  job.world.start_daemon();
  job.quiet();
  CHECK(job.there() == "g2 ");
  job.world.pass(minutes{11}); // just over, a job is looked at once more in any case
  job.world.start_daemon();
  CHECK(job.world.reconciler->live_count() == 0); // nothing is left to do
}

TEST_CASE("a pinned one stays, and so does the one that a rollback will start from") {
  Untidy job(1);
  for (int i = 0; i < 4; ++i) {
    job.seal();
  }
  job.world.pass();
  store::JobEvent pin;
  pin.kind = store::JobEventKind::pinned;
  pin.generation = GenerationId{1};
  pin.by = "user";
  REQUIRE(job.world.reconciler->record(*job.world.reconciler->find(job.job), pin));
  job.runner->end(EndReason::stopped);
  job.world.pass(seconds{5});
  job.world.scheduler.start_by_itself = false; // it stays in the queue
  api::RestartRequest request;
  request.generation = GenerationId{2};
  REQUIRE(job.world.commands->restart(job.job, request));
  REQUIRE(job.world.state(job.job) == JobState::queued);
  job.quiet();
  // g3 is on no lineage any more, but g4 is the newest good one there is.
  CHECK(job.there().find("g1 ") != std::string::npos);
  CHECK(job.there().find("g2 ") != std::string::npos);
  CHECK(job.there().find("g4 ") != std::string::npos);
}

TEST_CASE("an allocation that is about to start a runner is left alone") {
  Untidy job(1);
  job.seal();
  job.seal();
  job.runner->write(store::AttemptEventKind::requeue_intent);
  job.runner->end(EndReason::walltime);
  const SchedulerJobId id = job.world.newest_allocation();
  REQUIRE(job.world.scheduler.requeue(id));
  job.world.scheduler.gone(id);
  job.world.pass(seconds{5}); // runs again, and its runner has not claimed yet
  REQUIRE(job.world.scheduler.job(id).allocation.state == AllocationState::running);
  job.quiet();
  CHECK(job.there() == "g1 g2 ");
}

TEST_CASE("images of a checkpoint that was never sealed go, those of sealed ones stay") {
  Untidy job(2);
  const GenerationId good = job.seal();
  store::AttemptEvent event;
  event.kind = store::AttemptEventKind::checkpoint_started;
  event.generation = *store::Generations(job.world.folder(job.job).path()).allocate();
  job.runner->write(event);
  const Path half = job.image(*event.generation);
  REQUIRE(make_directories(half.parent_path()));
  REQUIRE(write_file_atomically(half, "half an image"));
  job.world.scheduler.start_by_itself = false;
  job.world.scheduler.lose_node(job.world.newest_allocation(), true); // without a last word
  job.quiet();
  job.quiet();
  CHECK(job.there() == good.str() + " ");
  CHECK(std::filesystem::exists(job.image(good)));
  CHECK_FALSE(std::filesystem::exists(half));
  const auto generations = job.world.commands->generations(job.job);
  CHECK(generations->back().state == GenerationState::failed);
}
