#include "core/base/kill_point.hpp"
#include "core/base/strings.hpp"
#include "tests/unit/daemon/harness.hpp"

#include <sys/wait.h>

#include <cstdlib>

// The daemon dies at every point between two effects, and its successor finishes the job: run once,
// under one id, with one allocation left.

using namespace ckpt;
using namespace ckpt::daemon::test;

namespace {

constexpr const char* kKey = "the-key";

/// The first half of a job's life, in the child that dies somewhere in it.
void first_half(const Path& folder) {
  World world(folder);
  const JobId job = world.submit("count", kKey);
  world.pass(seconds{2});
  const SchedulerJobId id = world.newest_allocation();
  ScriptedRunner runner = world.begin(job, id);
  runner.seal(GenerationId{1}, Trigger::interval);
  REQUIRE(world.commands->checkpoint(job, {}));
  runner.end(EndReason::walltime);
  world.scheduler.exit(id, 85);
  world.pass(seconds{20});
}

/// Runs first_half in a child that dies at `at` (name:n); true if it did die there.
bool die_at(const Path& folder, const std::string& at, const Path& list) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!list.empty()) {
      ::setenv("CKPT_KILL_LIST", list.c_str(), 1);
    }
    if (!at.empty()) {
      ::setenv("CKPT_KILL_AT", at.c_str(), 1);
    }
    first_half(folder);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 137;
}

/// What the dead daemon may have handed to the scheduler lives on in it.
void put_allocation_back(World& world, JobId job) {
  const auto loaded = world.registry->load(job);
  REQUIRE(loaded);
  if (!*loaded) {
    return;
  }
  for (const auto& row : (*loaded)->submissions) {
    if (row.state != daemon::SubmissionState::intended && world.scheduler.jobs.empty()) {
      scheduler::Submission submission;
      submission.token = row.token;
      submission.time_limit = hours{1};
      REQUIRE(world.scheduler.submit(submission));
    }
  }
  for (const auto& attempt : (*loaded)->attempts) {
    auto& shown = world.scheduler.jobs.at(world.newest_allocation()).allocation;
    shown.id = attempt.scheduler_job_id;
    shown.restart_count = attempt.restart_count;
    shown.state = attempt.live() ? AllocationState::completing : AllocationState::failed;
  }
}

void second_half(const Path& folder) {
  World world(folder);
  const JobId job = world.submit("count", kKey); // the client asks again with its key
  CHECK(job.value <= 2); // a folder that was half made when it died keeps its number
  put_allocation_back(world, job);
  const auto claims = world.folder(job).read_claims();
  REQUIRE(claims);
  if (!claims->empty()) { // the first attempt is over, wherever the daemon died
    const store::AttemptFolder attempt = world.folder(job).attempt(AttemptId{1});
    const auto events = store::read_attempt_events(attempt.journal());
    REQUIRE(events);
    if (events->events.empty() || events->events.back().kind != store::AttemptEventKind::ended) {
      for (auto& [id, shown] : world.scheduler.jobs) {
        shown.allocation.state = AllocationState::node_fail;
        shown.allocation.raw_state = "node_fail";
      }
    }
  }
  world.pass(minutes{6});
  CHECK(world.commands->list({})->items.size() == 1);
  std::vector<SchedulerJobId> live;
  for (const auto& [id, shown] : world.scheduler.jobs) {
    if (!is_over(shown.allocation.state)) {
      live.push_back(id);
    }
  }
  REQUIRE(live.size() == 1); // one, and not two
  ScriptedRunner runner = world.begin(job, live.front());
  runner.end(EndReason::completed, 0);
  world.pass(seconds{3});
  CHECK(world.state(job) == JobState::completed);
  const auto before = world.view(job);
  world.start_daemon(true); // and the files alone say the same
  CHECK(world.state(job) == JobState::completed);
  CHECK(world.view(job).attempts_count == before.attempts_count);
}

} // namespace

TEST_CASE("the daemon dies at every kill point, and its successor finishes the job once") {
#if !CKPT_KILL_POINTS
  MESSAGE("built without kill points: skipped");
#else
  const TempFolder lists;
  const Path list = lists.path() / "points";
  {
    const TempFolder folder;
    REQUIRE_FALSE(die_at(folder.path(), "", list));
  }
  std::map<std::string, int> points;
  for (const std::string& name : split_lines(*read_file(list))) {
    ++points[name];
  }
  CHECK(points.size() > 10);
  CHECK(points.count("event.durable") == 1);
  for (const auto& [name, passes] : points) {
    for (int pass = 1; pass <= std::min(passes, 12); ++pass) {
      const std::string at = name + ":" + std::to_string(pass);
      CAPTURE(at);
      const TempFolder folder;
      REQUIRE(die_at(folder.path(), at, {}));
      second_half(folder.path());
    }
  }
#endif
}
