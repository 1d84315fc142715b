#pragma once

#include "core/domain/array.hpp"
#include "core/store/array_folder.hpp"
#include "tests/unit/daemon/harness.hpp"

// Job arrays in the daemon's tests.

namespace ckpt::daemon::test {

inline constexpr const char* kKey = "the-key";

inline Result<JobId>
try_array(World& world, const std::string& indexes, const std::string& key = {}) {
  api::ArrayRequest request{world.request("sim", key), indexes};
  auto plan = world.commands->plan_array(request);
  if (!plan) {
    return tl::unexpected(plan.error());
  }
  if (plan->of) {
    return *plan->of;
  }
  for (bool all = false; !all;) {
    const auto some = world.commands->make_tasks(*plan, 2);
    REQUIRE_MESSAGE(some, (some ? "" : some.error().message));
    all = *some;
  }
  const Status done = world.commands->accept_array(*plan);
  return done ? Result<JobId>(plan->made.front()) : tl::unexpected(done.error());
}

/// The jobs of its tasks, by index.
inline std::vector<JobId>
submit_array(World& world, const std::string& indexes, const std::string& key = {}) {
  const auto of = try_array(world, indexes, key);
  REQUIRE_MESSAGE(of, (of ? "" : of.error().message));
  const auto view = world.commands->array_view(*of);
  REQUIRE(view);
  std::vector<JobId> jobs;
  for (const api::JobView& job : view->items) {
    jobs.push_back(job.id);
  }
  return jobs;
}

inline std::vector<SchedulerJobId> live_allocations(const World& world) {
  std::vector<SchedulerJobId> live;
  for (const auto& [id, shown] : world.scheduler.jobs) {
    if (!is_over(shown.allocation.state)) {
      live.push_back(id);
    }
  }
  return live;
}

/// The runner of a task, as its batch script starts it.
inline ScriptedRunner begin_task(World& world, JobId job, const SchedulerJobId& id) {
  REQUIRE(world.scheduler.jobs.at(id).allocation.state == AllocationState::running);
  store::Claim wish;
  wish.token = *scheduler::token_of(world.scheduler.jobs.at(id).allocation);
  wish.scheduler_job_id = id;
  wish.restart_count = world.scheduler.jobs.at(id).allocation.restart_count;
  wish.host = "n1";
  wish.boot_id = "boot";
  wish.pid = 7;
  wish.at = world.clock.now();
  const auto claim = world.folder(job).claim(wish);
  REQUIRE_MESSAGE(claim, (claim ? "" : claim.error().message));
  ScriptedRunner runner(world.folder(job), *claim, world.clock);
  runner.write(store::AttemptEventKind::claimed);
  runner.write(store::AttemptEventKind::program_started);
  world.reconciler->tick();
  return runner;
}

inline std::size_t arrays_in(const World& world, JobId job) {
  std::error_code error;
  const Path folder = world.folder(job).store_root() / "arrays";
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(folder, error), {}));
}

} // namespace ckpt::daemon::test
