#include "core/domain/protocol_model_parts.hpp"

// The scheduler and the people at it. It starts what waits, notices what ended, and can believe a
// node dead on which the processes live on.

namespace ckpt::protocol::model {
namespace {

Runner* runner_of(World& world, std::uint8_t a) {
  const std::uint8_t r = world.allocations[a].runner;
  return r == kNone ? nullptr : &world.runners[r];
}

bool start(World& world, std::uint8_t a) {
  for (std::uint8_t r = 0; r < world.max_runners; ++r) {
    Runner& runner = world.runners[r];
    if (runner.stage == Stage::absent) {
      runner.stage = Stage::claiming;
      runner.allocation = a;
      runner.token = world.allocations[a].token;
      runner.restart = world.allocations[a].restart;
      world.allocations[a].state = Slot::running;
      world.allocations[a].runner = r;
      return true;
    }
  }
  const bool full = world.max_runners == kRunners;
  world.exhausted = full ? 1 : world.exhausted;
  return full;
}

bool cancel(World& world, std::uint8_t a) {
  Allocated& allocation = world.allocations[a];
  if (allocation.state != Slot::pending && allocation.state != Slot::running) {
    return false;
  }
  if (Runner* runner = runner_of(world, a); runner && alive(*runner) && !runner->orphan) {
    runner->term = 1;
  }
  allocation.state = Slot::cancelled;
  return true;
}

bool allocation_acts(World& world, Act act, std::uint8_t a) {
  if (a >= kAllocations) {
    return false;
  }
  Allocated& allocation = world.allocations[a];
  Runner* runner = runner_of(world, a);
  const bool running = allocation.state == Slot::running;
  switch (act) {
  case Act::start:
    return allocation.state == Slot::pending && start(world, a);
  case Act::notice:
    if (!running || !runner || alive(*runner)) {
      return false;
    }
    if (runner->node_lost) {
      requeue(world, a);
    } else {
      allocation.state = Slot::over;
    }
    return true;
  case Act::split_requeue:
  case Act::split_over:
    if (!running || !runner || !alive(*runner) || !spend(world.splits)) {
      return false;
    }
    runner->orphan = 1;
    if (act == Act::split_requeue) {
      requeue(world, a);
    } else {
      allocation.state = Slot::over;
    }
    return true;
  case Act::late_requeue:
  case Act::repeated_requeue:
    if (allocation.late_requeues == 0 || (act == Act::repeated_requeue && !spend(world.repeats))) {
      return false;
    }
    allocation.late_requeues -= act == Act::late_requeue ? 1 : 0;
    requeue(world, a);
    return true;
  case Act::person_cancels:
    if (world.cancels == 0 || !cancel(world, a)) {
      return false;
    }
    --world.cancels;
    world.person_cancelled = 1;
    return true;
  default:
    return false;
  }
}

} // namespace

void scheduler_cancel(World& world, std::uint8_t a) {
  cancel(world, a);
}

bool Model::scheduler_acts(World& world, Act act, std::uint8_t index) const {
  switch (act) {
  case Act::kill:
  case Act::node_returns: {
    Runner& runner = world.runners[index];
    const bool reached = act == Act::kill ? runner.term && !runner.orphan : runner.orphan != 0;
    if (!alive(runner) || !reached) {
      return false;
    }
    end_process(runner);
    return true;
  }
  case Act::late_submit:
  case Act::repeated_submit:
    if (world.tokens[index].late_submits == 0 ||
        (act == Act::repeated_submit && !spend(world.repeats))) {
      return false;
    }
    world.tokens[index].late_submits -= act == Act::late_submit ? 1 : 0;
    return arrive(world, index);
  default:
    return allocation_acts(world, act, index);
  }
}

} // namespace ckpt::protocol::model
