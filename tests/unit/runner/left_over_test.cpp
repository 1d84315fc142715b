#include "core/base/clock.hpp"
#include "runner/checkpointer.hpp"
#include "runner/left_over.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::runner;

namespace {

using Kind = store::AttemptEventKind;

/// Writes one small set, as the app engine lays it out.
class SmallSession : public engine::Session {
public:
  explicit SmallSession(Path folder) : folder_(std::move(folder)) {}
  pid_t root_pid() const override { return 0; }
  std::vector<ProcessInfo> program_processes() const override { return {}; }
  std::optional<ExitStatus> program_status(const ExitStatus& status) const override {
    return status;
  }
  Result<engine::CheckpointImages> checkpoint(const engine::CheckpointRequest& request) override {
    REQUIRE(request.while_frozen());
    engine::CheckpointImages images;
    images.frozen_at = system_clock().now();
    REQUIRE(make_directories(folder_));
    for (const char* name : {"state", "index.txt"}) {
      REQUIRE(write_file_atomically(folder_ / name, std::string(3000, 'x')));
      images.images.push_back(folder_ / name);
    }
    return images;
  }
  Status signal_program(int) override { return {}; }
  Status kill(Duration) override { return {}; }
  void interrupt() override {}

private:
  Path folder_;
};

struct Place {
  test::TempDir dir;
  store::JobFolder folder = make_job(dir.path());
  store::Generations generations{folder.path()};
  std::vector<store::AttemptEvent> events;

  static store::JobFolder make_job(const Path& root) {
    JobSpec spec;
    spec.id = JobId{1};
    spec.name = "small";
    spec.created_at = TimePoint{} + milliseconds{1'770'000'000'250};
    spec.argv = {"./small"};
    spec.cwd = "/";
    const auto job = store::Store::open(root)->create_job(spec, Policy{});
    REQUIRE(job);
    store::Claim claim;
    claim.token = SubmissionToken{"a"};
    claim.scheduler_job_id = SchedulerJobId{"1"};
    claim.host = "here";
    claim.boot_id = "boot";
    claim.pid = 1;
    REQUIRE(job->claim(claim));
    return *job;
  }

  /// A checkpoint of attempt 1 that has no time for its seal.
  CheckpointOutcome leave_one() {
    Checkpointer checkpointer({folder,
                               AttemptId{1},
                               "/",
                               {dir.path() / "out", dir.path() / "err"},
                               {EngineKind::app, "1"},
                               {.host = "here", .cpu_flags = {}, .kernel = "6", .glibc = "2.36"},
                               std::nullopt},
                              [&](store::AttemptEvent event) { events.push_back(event); });
    SmallSession session(folder.attempt(AttemptId{1}).images() / "gen-001");
    const std::atomic<bool> no_time{true};
    const std::atomic<Trigger> trigger{Trigger::signal};
    CheckpointWish wish;
    wish.leave_unsealed = &no_time;
    return checkpointer.take(session, wish, trigger);
  }
};

EarlierAttempt ran(std::int64_t number) {
  EarlierAttempt attempt;
  attempt.id = AttemptId{number};
  attempt.program_ran = true;
  return attempt;
}

bool never() {
  return false;
}

} // namespace

TEST_CASE("no time for the seal: the set stays, says so, and the next attempt seals it") {
  Place place;
  const auto outcome = place.leave_one();
  REQUIRE(outcome.error);
  CHECK(outcome.error->code == "interrupted");
  CHECK(place.events.back().kind == Kind::checkpoint_failed);
  CHECK(place.events.back().code == "left_over");
  CHECK(place.generations.list()->at(0).failure == "");
  const auto told = seal_left_overs(place.folder, {ran(1)}, AttemptId{2}, never);
  REQUIRE(told.size() == 1);
  CHECK(told[0].kind == Kind::checkpoint_sealed);
  CHECK(told[0].generation == outcome.generation);
  CHECK(told[0].trigger == Trigger::signal);
  const auto good = good_generations(place.generations);
  REQUIRE(good->size() == 1);
  CHECK(good->at(0).attempt == AttemptId{1});
  CHECK(seal_left_overs(place.folder, {ran(1)}, AttemptId{2}, never).empty());
  remove_dead_images(place.folder, AttemptId{2});
  CHECK(place.generations.verify(good->at(0))->good());
}

TEST_CASE("left over: one beside the lineage is let lie, and its images go") {
  Place place;
  const auto outcome = place.leave_one();
  CHECK(seal_left_overs(place.folder, {ran(1), ran(2)}, AttemptId{3}, never).empty());
  CHECK_FALSE(place.generations.list()->at(0).manifest);
  remove_dead_images(place.folder, AttemptId{3});
  CHECK(std::filesystem::is_empty(place.folder.attempt(AttemptId{1}).images()));
}

TEST_CASE("left over: told to stop, the next attempt leaves it to the one after it") {
  Place place;
  const auto outcome = place.leave_one();
  CHECK(seal_left_overs(place.folder, {ran(1)}, AttemptId{2}, [] { return true; }).empty());
  CHECK(seal_left_overs(place.folder, {ran(1)}, AttemptId{2}, never).size() == 1);
}

TEST_CASE("left over: by the engine's own marks it is not complete, so it has failed") {
  Place place;
  const auto outcome = place.leave_one();
  REQUIRE(remove_file(place.folder.attempt(AttemptId{1}).images() / "gen-001/index.txt"));
  const auto told = seal_left_overs(place.folder, {ran(1)}, AttemptId{2}, never);
  REQUIRE(told.size() == 1);
  CHECK(told[0].kind == Kind::checkpoint_failed);
  CHECK(told[0].code == "set_incomplete");
  CHECK(place.generations.list()->at(0).failure != "");
  CHECK_FALSE(place.generations.list()->at(0).manifest);
}
