#include "core/base/kill_point.hpp"
#include "core/base/strings.hpp"
#include "tests/unit/daemon/arrays.hpp"

#include <sys/wait.h>

#include <cstdlib>

// The daemon dies while it makes an array.

using namespace ckpt;
using namespace ckpt::daemon::test;

namespace {

void make_and_submit(const Path& folder) {
  World world(folder);
  submit_array(world, "1-3%2", kKey);
  world.pass(seconds{3});
}

bool dies_at(const Path& folder, const std::string& at, const Path& list) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!list.empty()) {
      ::setenv("CKPT_KILL_LIST", list.c_str(), 1);
    }
    if (!at.empty()) {
      ::setenv("CKPT_KILL_AT", at.c_str(), 1);
    }
    make_and_submit(folder);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 137;
}

/// What the dead daemon handed to the scheduler is still there, if it came to that.
void put_array_back(World& world) {
  const auto models = world.registry->query({{}, {}, {}, -1});
  REQUIRE(models);
  scheduler::Submission submission;
  submission.tasks.emplace();
  submission.tasks->at_once = 2;
  for (const auto& model : *models) {
    const auto spec = world.folder(model.job.id).read_spec();
    REQUIRE(spec);
    REQUIRE(spec->array);
    submission.token = spec->array->token;
    submission.tasks->indexes.push_back(spec->array->index);
  }
  REQUIRE(submission.tasks->indexes.size() == 3);
  REQUIRE(world.scheduler.submit(submission));
}

/// Whether all tasks were asked for (as far as is known), and whether there was an answer.
std::pair<bool, bool> what_was_asked(const Path& folder) {
  World look(folder);
  const auto models = look.registry->query({{}, {}, {}, -1});
  REQUIRE(models);
  bool asked = !models->empty();
  bool answered = false;
  for (const auto& model : *models) {
    const auto* open = model.open_submission();
    asked = asked && open != nullptr && open->state != daemon::SubmissionState::intended;
    answered = answered || (open != nullptr && open->scheduler_job_id);
  }
  return {asked, answered};
}

/// `reached`: the dead daemon's submission came to the scheduler.
void finish(const Path& folder, bool reached) {
  World world(folder);
  const auto before = world.commands->list({})->items;
  CHECK((before.empty() || before.size() == 3)); // all or nothing
  if (reached) {
    put_array_back(world);
  }
  const auto jobs = submit_array(world, "1-3%2", kKey); // the client asks again
  REQUIRE(jobs.size() == 3);
  CHECK(world.commands->list({})->items.size() == 3);
  CHECK(arrays_in(world, jobs[0]) == 1);
  world.pass(minutes{10});
  const auto live = live_allocations(world);
  CHECK(live.size() == 3); // one for each task, and all in one array
  CHECK(world.scheduler.calls("cancel") == 0);
  CHECK(world.scheduler.jobs.size() == 3);
  for (const SchedulerJobId& id : live) {
    CHECK(task_of_id(id)->array.value == "101");
  }
  for (std::size_t i = 0; i < 2; ++i) {
    ScriptedRunner runner = begin_task(world, jobs[i], {"101_" + std::to_string(i + 1)});
    runner.end(EndReason::completed, 0);
    world.scheduler.exit({"101_" + std::to_string(i + 1)}, 0);
  }
  world.pass(seconds{10});
  ScriptedRunner runner = begin_task(world, jobs[2], {"101_3"});
  runner.end(EndReason::completed, 0);
  world.scheduler.exit({"101_3"}, 0);
  world.pass(seconds{10});
  for (const JobId job : jobs) {
    CHECK(world.state(job) == JobState::completed);
  }
}

} // namespace

TEST_CASE("the daemon dies at every kill point of an array's way, and no task is lost or doubled") {
#if !CKPT_KILL_POINTS
  MESSAGE("built without kill points: skipped");
#else
  const TempFolder lists;
  const Path list = lists.path() / "points";
  {
    const TempFolder folder;
    REQUIRE_FALSE(dies_at(folder.path(), "", list));
  }
  std::map<std::string, int> points;
  for (const std::string& name : split_lines(*read_file(list))) {
    ++points[name];
  }
  for (const char* own :
       {"array.folder", "array.linked", "array.tasks", "array.accepted", "array.intended"}) {
    CHECK(points.count(own) == 1);
  }
  for (const auto& [name, passes] : points) {
    for (int pass = 1; pass <= std::min(passes, 12); ++pass) {
      const std::string at = name + ":" + std::to_string(pass);
      CAPTURE(at);
      for (const bool reached : {false, true}) {
        CAPTURE(reached);
        const TempFolder folder;
        REQUIRE(dies_at(folder.path(), at, {}));
        // Only where it was asked can it have come to be.
        const auto [asked, answered] = what_was_asked(folder.path());
        if (asked || !reached) {
          finish(folder.path(), answered || reached);
        }
      }
    }
  }
#endif
}
