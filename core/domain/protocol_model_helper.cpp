#include "core/domain/protocol_model_parts.hpp"

// The helper of a runner: renews the lease, freezes the program in time, thaws it when it may.

namespace ckpt::protocol::model {
namespace {

void leave(Runner& runner) {
  runner.program = Program::none;
  runner.term = 1; // the main thread leaves as soon as it is free
}

bool holds_lease(const Runner& runner) {
  return alive(runner) && runner.attempt != kNone && runner.stage > Stage::claiming;
}

void thaw(Runner& runner) {
  runner.program = Program::running;
  runner.renewed_since_look = runner.looked = 0;
}

} // namespace

bool Model::helper_acts(World& world, Act act, std::uint8_t r) const {
  if (r >= kRunners) {
    return false;
  }
  Runner& runner = world.runners[r];
  const bool frozen = alive(runner) && runner.program == Program::frozen;
  const auto renewed = [&](std::uint8_t age) {
    runner.age = is(Mutation::renewal_counts_from_end) ? std::uint8_t{0} : age;
    runner.renewal = Op::idle;
    runner.renewed_since_look = 1;
    const bool no_look =
        is(Mutation::thawed_without_look) || (is(Mutation::looked_before_renewal) && runner.looked);
    if (frozen && no_look && !must_freeze(ticks(runner.age), ticks(kLease))) {
      thaw(runner);
    }
  };
  const auto looked = [&] {
    runner.look = Op::idle;
    if (is(Mutation::looked_before_renewal)) {
      runner.newer ? leave(runner) : void(runner.looked = 1);
      return;
    }
    switch (after_freeze(runner.newer != 0, ticks(runner.age), ticks(kLease))) {
    case ThawVerdict::thaw:
      thaw(runner);
      break;
    case ThawVerdict::renew_again:
      runner.renewed_since_look = 0;
      break;
    case ThawVerdict::leave:
      leave(runner);
      break;
    }
  };
  const auto see = [&] { runner.newer = claims(world) > runner.attempt + 1 ? 1 : 0; };

  switch (act) {
  case Act::freeze:
    if (!alive(runner) || runner.program != Program::running || is(Mutation::never_frozen) ||
        !must_freeze(ticks(runner.age), ticks(kLease))) {
      return false;
    }
    runner.program = Program::frozen;
    runner.renewed_since_look = runner.looked = 0;
    return true;
  case Act::renew:
  case Act::renewal_hang:
    if (!holds_lease(runner) || runner.renewal != Op::idle || runner.age == 0 ||
        (act == Act::renewal_hang && !spend(world.delays))) {
      return false;
    }
    runner.renewing_for = 0;
    if (act == Act::renewal_hang) {
      runner.renewal = Op::issued;
      return true;
    }
    world.attempts[runner.attempt].still = 0;
    renewed(0);
    return true;
  case Act::renewal_land:
    if (runner.renewal != Op::issued) {
      return false;
    }
    runner.renewal = Op::landed;
    world.attempts[runner.attempt].still = 0;
    return true;
  case Act::renewal_answer:
    if (!alive(runner) || runner.renewal != Op::landed) {
      return false;
    }
    renewed(runner.renewing_for);
    return true;
  case Act::look:
  case Act::look_hang:
    if (!frozen || runner.look != Op::idle || is(Mutation::thawed_without_look) ||
        (!runner.renewed_since_look && !is(Mutation::looked_before_renewal)) ||
        (act == Act::look_hang && !spend(world.delays))) {
      return false;
    }
    if (act == Act::look_hang) {
      runner.look = Op::issued;
      return true;
    }
    see();
    looked();
    return true;
  case Act::look_land:
    if (runner.look != Op::issued) {
      return false;
    }
    runner.look = Op::landed;
    see();
    return true;
  case Act::look_answer:
    if (!frozen || runner.look != Op::landed) {
      return false;
    }
    looked();
    return true;
  default:
    return false;
  }
}

} // namespace ckpt::protocol::model
