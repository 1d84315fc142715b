#include "core/store/generations.hpp"
#include "core/store/verified.hpp"
#include "daemon/verifier.hpp"
#include "tests/unit/daemon/harness.hpp"

#include <fstream>

using namespace ckpt;
using namespace ckpt::daemon;
using ckpt::daemon::test::ScriptedRunner;
using ckpt::daemon::test::World;

namespace {

constexpr Duration kEvery = hours{168};

VerifyCandidate
candidate(std::int64_t id, TimePoint sealed_at, std::optional<TimePoint> verified = {}) {
  return {JobId{1}, GenerationId{id}, sealed_at, verified};
}

/// A job with one sealed generation of one image.
struct Stored {
  World world;
  JobId job;
  Path image;
  GenerationId id;
  std::unique_ptr<store::Store> store;

  explicit Stored(std::size_t bytes = 3'000'000) : job(world.submit()) {
    world.pass(seconds{3});
    ScriptedRunner runner = world.begin(job, world.newest_allocation());
    const store::JobFolder folder = world.folder(job);
    const store::Generations generations(folder.path());
    const auto allocated = generations.allocate();
    REQUIRE(allocated);
    id = *allocated;
    const std::string relative = "attempts/1/images/a.img";
    image = folder.path() / relative;
    REQUIRE(make_directories(image.parent_path()));
    std::ofstream(image) << std::string(bytes, 'x');
    Manifest draft;
    draft.job = job;
    draft.id = id;
    draft.attempt = AttemptId{1};
    draft.engine = {EngineKind::app, "1"};
    draft.host = {.host = "here", .cpu_flags = {}, .kernel = "6", .glibc = "2.36"};
    draft.frozen_at = draft.sealed_at = world.clock.now();
    StoredFile file;
    file.path = relative;
    draft.images.push_back(file);
    const auto sealed = generations.seal(draft);
    REQUIRE_MESSAGE(sealed, (sealed ? "" : sealed.error().message));
    runner.seal(id, Trigger::manual);
    world.pass(seconds{2});
    store = std::make_unique<store::Store>(*store::Store::open(folder.path() / "../.."));
  }

  void damage() {
    std::fstream file(image, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(1'000'000);
    file.put('y');
  }
  store::GenerationOnDisk on_disk() {
    return store::Generations(world.folder(job).path()).list()->front();
  }
};

bool never() {
  return false;
}

} // namespace

TEST_CASE(
    "first a seventh of the time after the seal, then every time; the longest overdue first") {
  const TimePoint now{seconds{1'800'000'000}};
  const auto day = hours{24};
  CHECK(verification_due(candidate(1, now), kEvery) == now + day);
  CHECK(verification_due(candidate(1, now - 10 * day, now - 3 * day), kEvery) == now + 4 * day);
  CHECK_FALSE(next_to_verify({}, now, kEvery));
  CHECK_FALSE(next_to_verify({candidate(1, now - hours{23})}, now, kEvery));
  const auto next = next_to_verify({candidate(1, now - 2 * day),
                                    candidate(2, now - 3 * day),
                                    candidate(3, now - 30 * day, now - 1 * day)},
                                   now,
                                   kEvery);
  REQUIRE(next);
  CHECK(next->id == GenerationId{2});
}

TEST_CASE("a good generation is read at the rate, noted, and not read again before its time") {
  Stored stored;
  ckpt::test::FakeClock& clock = stored.world.clock;
  VerifyRound round(*stored.store, {kEvery, 1'000'000}, clock);
  CHECK_FALSE(round.next(never).looked); // too new
  clock.pass(hours{25});
  const MonoTime began = clock.monotonic();
  const auto step = round.next(never);
  CHECK(step.looked);
  CHECK_FALSE(step.found.value_or(Verified{}).problem.size());
  CHECK(clock.monotonic() - began >= seconds{3}); // 3 MB at 1 MB/s
  CHECK(clock.monotonic() - began < seconds{4});
  CHECK_FALSE(round.next(never).looked);
  clock.pass(kEvery);
  CHECK(round.next(never).looked);
}

TEST_CASE("a corrupt one is marked, told once, shown, and not started from") {
  Stored stored;
  World& world = stored.world;
  stored.damage();
  world.clock.pass(hours{25});
  VerifyRound round(*stored.store, {kEvery, 1'000'000'000}, world.clock);
  const auto step = round.next(never);
  REQUIRE(step.found);
  CHECK(step.found->job == stored.job);
  CHECK(step.found->problem.find("not what was sealed") != std::string::npos);
  CHECK_FALSE(stored.on_disk().corruption.empty());
  CHECK_FALSE(round.next(never).looked);

  CHECK(world.reconciler->corrupt_newest().empty());
  world.reconciler->found_corrupt(stored.job, stored.id, step.found->problem);
  world.reconciler->found_corrupt(stored.job, stored.id, step.found->problem);
  const auto newest = world.reconciler->corrupt_newest();
  REQUIRE(newest.size() == 1);
  CHECK(newest[0].generation == stored.id);
  CHECK_FALSE(world.view(stored.job).latest_generation);
  // …and a daemon that starts anew knows it from the folder
  world.start_daemon(true);
  CHECK(world.reconciler->corrupt_newest().size() == 1);
}

TEST_CASE("whoever stops it gets no verdict") {
  Stored stored;
  stored.damage();
  stored.world.clock.pass(hours{25});
  VerifyRound round(*stored.store, {kEvery, 1'000'000}, stored.world.clock);
  const auto step = round.next([] { return true; });
  CHECK_FALSE(step.found.value_or(Verified{}).problem.size());
  CHECK(stored.on_disk().corruption.empty());
  CHECK_FALSE(store::verified_at(stored.image.parent_path()));
}
