#pragma once

#include "core/domain/protocol_model.hpp"

// What the parts of the model share; nobody else includes it.

// Each part answers its own actions and leaves the others to the rest.
#pragma GCC diagnostic ignored "-Wswitch-enum"

namespace ckpt::protocol::model {

constexpr Duration ticks(std::uint8_t count) {
  return Duration{count};
}

/// Takes one from a budget, if there is one left.
inline bool spend(std::uint8_t& budget) {
  if (budget == 0) {
    return false;
  }
  --budget;
  return true;
}

inline std::uint8_t claims(const World& world) {
  std::uint8_t count = 0;
  while (count < kRunners && world.attempts[count].runner != kNone) {
    ++count;
  }
  return count;
}

inline std::vector<AttemptRecord> records(const World& world, std::uint8_t before) {
  std::vector<AttemptRecord> list;
  for (std::uint8_t i = 0; i < before; ++i) {
    const Attempt& a = world.attempts[i];
    list.push_back({a.marked != 0,
                    a.left != 0,
                    a.completed != 0,
                    a.from == kNone ? std::nullopt : std::optional(GenerationId{a.from + 1})});
  }
  return list;
}

inline bool alive(const Runner& runner) {
  return runner.stage != Stage::absent && !runner.gone;
}

inline void end_process(Runner& runner) {
  runner.gone = 1;
  runner.program = Program::none;
}

/// The scheduler takes an allocation back and will start it again.
inline void requeue(World& world, std::uint8_t a) {
  Allocated& allocation = world.allocations[a];
  if (allocation.state != Slot::running && allocation.state != Slot::over) {
    return;
  }
  if (allocation.runner != kNone && alive(world.runners[allocation.runner]) &&
      !world.runners[allocation.runner].orphan) {
    end_process(world.runners[allocation.runner]);
  }
  allocation.state = Slot::pending;
  ++allocation.restart;
  allocation.runner = kNone;
}

/// scancel: TERM to the runner if it can be reached; KILL follows.
void scheduler_cancel(World& world, std::uint8_t a);

/// A submission that arrives makes an allocation.
inline bool arrive(World& world, std::uint8_t token) {
  for (Allocated& allocation : world.allocations) {
    if (allocation.state == Slot::unused) {
      allocation.state = Slot::pending;
      allocation.token = token;
      return true;
    }
  }
  world.exhausted = 1;
  return true;
}

} // namespace ckpt::protocol::model
