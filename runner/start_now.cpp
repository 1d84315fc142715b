#include "runner/start_now.hpp"

#include "core/base/clock.hpp"
#include "core/base/process.hpp"
#include "core/scheduler/scheduler.hpp"

#include <signal.h>

namespace ckpt::runner {
namespace {

constexpr Duration kPatience = minutes{1};
constexpr const char* kExcludeNode = "CKPT_EXCLUDE_NODE";
constexpr Duration kBetweenLooks = milliseconds{300};

} // namespace

Status leave_start_now_behind(const Context& context, const std::string& exclude_node) {
  SpawnOptions options;
  options.argv = {"/proc/self/exe", "start-now"};
  options.env = context.env;
  options.env[kExcludeNode] = exclude_node;
  options.new_session = true;
  const auto started = spawn(options);
  return started ? Status{} : Status(tl::unexpected<Error>(started.error()));
}

int run_start_now(const std::map<std::string, std::string>& env) {
  ::signal(SIGTERM, SIG_IGN); // the requeue sends it to everything of the job
  const SchedulerJobId id = slurm_job_id(env);
  if (id.empty()) {
    return 2;
  }
  const auto slurm = scheduler::make_scheduler({SchedulerKind::slurm, {}, env});
  Clock& clock = system_clock();
  const MonoTime deadline = clock.monotonic() + kPatience;
  while (clock.monotonic() < deadline) {
    const auto found = slurm->look_up({id});
    const Allocation* allocation = found && !found->empty() ? &found->front() : nullptr;
    if (allocation != nullptr && allocation->state == AllocationState::pending) {
      if (const auto node = env.find(kExcludeNode); node != env.end() && !node->second.empty()) {
        std::ignore = slurm->exclude_node(id, node->second);
      }
      return slurm->start_now(id) ? 0 : 1;
    }
    if (allocation != nullptr && allocation->state == AllocationState::held) {
      return 0; // requeued to be held: it waits for a person
    }
    clock.sleep_for(kBetweenLooks);
  }
  return 1;
}

} // namespace ckpt::runner
