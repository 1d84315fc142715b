#include "core/domain/protocol_model.hpp"

#include "core/domain/protocol_model_parts.hpp"

#include <algorithm>
#include <cstring>

// The frame: which actions there are, the clock, and what is checked after every one of them.

namespace ckpt::protocol::model {
namespace {

constexpr std::uint8_t older(std::uint8_t age) {
  return age < kLease ? static_cast<std::uint8_t>(age + 1) : age;
}

bool tick(World& world, bool freezing) {
  for (const Runner& runner : world.runners) {
    // The freeze is the one thing that is on time: its thread waits for nothing but the clock.
    if (freezing && !runner.gone && runner.program == Program::running &&
        must_freeze(ticks(runner.age), ticks(kLease))) {
      return false;
    }
  }
  for (Runner& runner : world.runners) {
    if (runner.stage == Stage::absent || runner.gone) {
      continue;
    }
    runner.age = older(runner.age);
    runner.renewing_for = runner.renewal == Op::idle ? 0 : older(runner.renewing_for);
    runner.watching = runner.watching == kNone ? kNone : older(runner.watching);
  }
  for (Attempt& attempt : world.attempts) {
    attempt.still = attempt.runner == kNone ? 0 : older(attempt.still);
  }
  for (Daemon& daemon : world.daemons) {
    daemon.up = daemon.alive ? older(daemon.up) : 0;
  }
  return true;
}

void check(World& world) {
  const auto running =
      std::count_if(world.runners.begin(), world.runners.end(), [](const Runner& r) {
        return !r.gone && r.program == Program::running;
      });
  if (running > 1) {
    world.broken = 1;
  }
}

std::uint8_t count_of(Act act) {
  switch (act) {
  case Act::notice:
  case Act::start:
  case Act::split_requeue:
  case Act::split_over:
  case Act::late_requeue:
  case Act::repeated_requeue:
  case Act::person_cancels:
    return kAllocations;
  case Act::late_submit:
  case Act::repeated_submit:
    return kTokens;
  case Act::daemon_step:
  case Act::daemon_observe:
  case Act::daemon_start:
  case Act::daemon_call_lost:
  case Act::daemon_crash:
  case Act::daemon_takeover:
    return kDaemons;
  case Act::tick:
  case Act::cancel_asked:
    return 1;
  default:
    return kRunners;
  }
}

/// Cheap, and false for most: whether there is anybody who could act.
bool has_target(const World& world, Action action) {
  switch (count_of(action.act)) {
  case kRunners:
    return world.runners[action.index].stage != Stage::absent;
  case kAllocations:
    return world.allocations[action.index].state != Slot::unused;
  case kTokens:
    return world.tokens[action.index].late_submits > 0;
  default:
    return true;
  }
}

} // namespace

World Model::initial(const Faults& faults) {
  World world;
  world.crashes = faults.crashes;
  world.delays = faults.delays;
  world.repeats = faults.repeats;
  world.splits = faults.splits;
  world.ends = faults.ends;
  world.cancels = faults.cancels;
  world.checkpoints = faults.checkpoints;
  world.max_runners = faults.runners;
  world.max_tokens = faults.tokens;
  world.max_daemons = faults.daemons;
  return world;
}

std::vector<Action> Model::actions() {
  std::vector<Action> all;
  for (auto act = std::uint8_t{0}; act < static_cast<std::uint8_t>(Act::kEnd); ++act) {
    for (std::uint8_t i = 0; i < count_of(static_cast<Act>(act)); ++i) {
      all.push_back({static_cast<Act>(act), i});
    }
  }
  return all;
}

bool Model::apply(World& world, Action action) const {
  if (!has_target(world, action)) {
    return false;
  }
  const World before = world;
  bool possible = false;
  if (action.act == Act::tick) {
    possible = tick(world, !is(Mutation::never_frozen));
  } else if (action.act == Act::cancel_asked) {
    possible = spend(world.cancels);
    world.cancel_asked = world.person_cancelled = possible ? 1 : world.person_cancelled;
  } else {
    possible = runner_acts(world, action.act, action.index) ||
               helper_acts(world, action.act, action.index) ||
               scheduler_acts(world, action.act, action.index) ||
               daemon_acts(world, action.act, action.index);
  }
  if (!possible) {
    world = before;
    return false;
  }
  check(world);
  return std::memcmp(&before, &world, sizeof world) != 0; // unchanged: not to be put back
}

bool Model::settled(const World& world) {
  const bool quiet = std::all_of(world.runners.begin(), world.runners.end(), [](const Runner& r) {
    return r.stage == Stage::absent || r.gone || r.program == Program::none;
  });
  const bool over =
      std::none_of(world.allocations.begin(), world.allocations.end(), [](const Allocated& a) {
        return a.state == Slot::pending || a.state == Slot::running;
      });
  return world.fate != JobFate::open && quiet && over;
}

void Model::calm(World& world) {
  world.max_runners = kRunners;
  world.max_tokens = kTokens;
  world.crashes = world.delays = world.repeats = world.splits = world.ends = world.cancels =
      world.checkpoints = 0;
}

} // namespace ckpt::protocol::model
