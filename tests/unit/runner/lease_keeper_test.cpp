#include "core/base/clock.hpp"
#include "core/base/process.hpp"
#include "core/store/journal.hpp"
#include "runner/lease_keeper.hpp"
#include "runner/predecessors.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wait_until.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>

using namespace ckpt;
using namespace ckpt::runner;

namespace {

constexpr Duration kLease = milliseconds{800};

/// A store with one job, and claims in it.
struct World {
  test::TempDir dir;
  store::JobFolder folder{dir.path()};

  World() {
    auto store = store::Store::open(dir.path() / "store");
    REQUIRE(store);
    JobSpec spec;
    spec.id = JobId{1};
    spec.argv = {"/bin/true"};
    spec.cwd = "/";
    const auto made = store->create_job(spec, Policy{});
    REQUIRE(made);
    folder = *made;
  }

  store::Claim
  claim(const std::string& token, int restart_count, pid_t pid, std::string host = host_name()) {
    store::Claim wish;
    wish.token.value = token;
    wish.scheduler_job_id.value = "1";
    wish.restart_count = restart_count;
    wish.host = std::move(host);
    wish.boot_id = boot_id();
    wish.pid = pid;
    if (const auto process = process_info(pid)) {
      wish.start_ticks = process->start_ticks;
    }
    const auto claimed = folder.claim(wish);
    REQUIRE(claimed);
    return *claimed;
  }
};

struct Counts {
  std::atomic<int> frozen{0};
  std::atomic<int> thawed{0};
  std::atomic<int> fenced{0};

  LeaseKeeper::Hooks hooks() {
    return {[this] { ++frozen; }, [this] { ++thawed; }, [this] { ++fenced; }};
  }
};

} // namespace

TEST_CASE("a lease is written before the keeper is there, and renewed") {
  World world;
  const auto claim = world.claim("a", 0, ::getpid());
  Counts counts;
  const auto keeper = LeaseKeeper::start(world.folder, claim.attempt, kLease, counts.hooks());
  REQUIRE(keeper);
  const auto first = world.folder.attempt(claim.attempt).read_lease();
  REQUIRE(first);
  CHECK(test::wait_until([&] {
    return world.folder.attempt(claim.attempt).read_lease()->renewals > first->renewals + 2;
  }));
  CHECK(counts.fenced == 0);
}

TEST_CASE("a store that cannot be written freezes the program; when it comes back, it is thawed") {
  World world;
  const auto claim = world.claim("a", 0, ::getpid());
  Counts counts;
  const auto keeper = LeaseKeeper::start(world.folder, claim.attempt, kLease, counts.hooks());
  REQUIRE(keeper);
  const Path attempts = world.folder.path() / "attempts";
  std::filesystem::rename(attempts, world.dir.path() / "away");
  CHECK(test::wait_until([&] { return counts.frozen > 0; }));
  CHECK(counts.thawed == 0);
  std::filesystem::rename(world.dir.path() / "away", attempts);
  CHECK(test::wait_until([&] { return counts.thawed > 0; }));
  CHECK(counts.fenced == 0);
}

TEST_CASE("an empty filesystem in the store's place freezes the program, though it can be written") {
  World world;
  const auto claim = world.claim("a", 0, ::getpid());
  Counts counts;
  const auto keeper = LeaseKeeper::start(world.folder, claim.attempt, kLease, counts.hooks());
  REQUIRE(keeper);
  const Path attempts = world.folder.path() / "attempts";
  std::filesystem::rename(attempts, world.dir.path() / "away");
  REQUIRE(make_directories(attempts / claim.attempt.str())); // as a checkpoint does
  CHECK(test::wait_until([&] { return counts.frozen > 0; }));
  CHECK(counts.thawed == 0);
  std::filesystem::rename(attempts, world.dir.path() / "other");
  std::filesystem::rename(world.dir.path() / "away", attempts);
  CHECK(test::wait_until([&] { return counts.thawed > 0; }));
}

TEST_CASE("a newer claim fences the older attempt") {
  World world;
  const auto claim = world.claim("a", 0, ::getpid());
  Counts counts;
  const auto keeper = LeaseKeeper::start(world.folder, claim.attempt, kLease, counts.hooks());
  REQUIRE(keeper);
  world.claim("a", 1, ::getpid());
  CHECK(test::wait_until([&] { return counts.fenced > 0; }));
  CHECK(counts.thawed == 0);
}

TEST_CASE(
    "a claimant waits for an older lease to stand still, and for nothing that is provably dead") {
  World world;
  Context context;
  context.job_path = world.folder.path();
  context.lease = kLease;
  Clock& clock = system_clock();
  std::vector<std::string> reports;
  const auto wait = [&](AttemptId ours) {
    const MonoTime begin = clock.monotonic();
    CHECK(wait_for_predecessors(
        context,
        ours,
        clock,
        [&](std::string why) { reports.push_back(std::move(why)); },
        [] { return false; }));
    return clock.monotonic() - begin;
  };

  SUBCASE("one on another host, silent: its lease must run out") {
    world.claim("a", 0, 1, "elsewhere");
    const auto ours = world.claim("a", 1, ::getpid());
    CHECK(wait(ours.attempt) >= kLease);
    CHECK(reports.size() == 1);
  }
  SUBCASE("one on this host whose process is gone: no waiting") {
    SpawnOptions options;
    options.argv = {"/bin/true"};
    const auto gone = spawn(options);
    REQUIRE(gone);
    CHECK(test::wait_until([&] { return process_info(*gone)->state == 'Z'; }));
    world.claim("a", 0, *gone);
    const auto ours = world.claim("a", 1, ::getpid());
    CHECK(wait(ours.attempt) < kLease);
    CHECK(reports.empty());
  }
  SUBCASE("one that has written its end: no waiting, wherever it was") {
    const auto old = world.claim("a", 0, 1, "elsewhere");
    store::AttemptJournal journal(world.folder.attempt(old.attempt).journal());
    REQUIRE(journal.append(
        {.kind = store::AttemptEventKind::ended, .end_reason = EndReason::walltime}));
    const auto ours = world.claim("a", 1, ::getpid());
    CHECK(wait(ours.attempt) < kLease);
  }
  SUBCASE("left-overs of an earlier attempt on this host are ended first") {
    const auto old = world.claim("a", 0, 1, "elsewhere");
    store::AttemptJournal journal(world.folder.attempt(old.attempt).journal());
    REQUIRE(journal.append(
        {.kind = store::AttemptEventKind::ended, .end_reason = EndReason::walltime}));
    SpawnOptions options;
    options.argv = {"/bin/sleep", "1000"};
    options.env = {{"CKPT_RUN", world.folder.path().string() + "#1"}};
    const auto left = spawn(options);
    REQUIRE(left);
    CHECK(test::wait_until([&] {
      return processes_with_environment("CKPT_RUN=" + options.env["CKPT_RUN"]).size() == 1;
    }));
    const auto ours = world.claim("a", 1, ::getpid());
    wait(ours.attempt);
    CHECK(test::wait_until([&] {
      const auto info = process_info(*left);
      return !info || info->state == 'Z';
    }));
  }
}
