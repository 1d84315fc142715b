#include "core/domain/protocol_model_parts.hpp"

#include <algorithm>

// The daemons. One looks and decides in one go, and acts in steps later, by what it saw then: a
// successor can have taken over, and the world can have gone on.

namespace ckpt::protocol::model {
namespace {

bool is_live(const Allocated& a) {
  return a.state == Slot::pending || a.state == Slot::running;
}

std::uint8_t newest_token(const World& world) {
  std::uint8_t newest = kNone;
  for (std::uint8_t t = 0; t < kTokens; ++t) {
    newest = world.tokens[t].used ? t : newest;
  }
  return newest;
}

/// Which allocation is one too many: a revoked token's first, never that of the newest attempt that
/// runs.
std::uint8_t surplus(const World& world) {
  std::uint8_t keep = kNone;
  for (std::uint8_t i = claims(world); i-- > 0 && keep == kNone;) {
    const Runner& runner = world.runners[world.attempts[i].runner];
    if (world.attempts[i].marked && !world.attempts[i].ended) {
      keep = runner.allocation;
    }
  }
  std::uint8_t found = kNone;
  std::uint8_t live = 0;
  for (std::uint8_t a = 0; a < kAllocations; ++a) {
    const Allocated& allocation = world.allocations[a];
    if (!is_live(allocation)) {
      continue;
    }
    ++live;
    if (a != keep && (found == kNone || world.tokens[allocation.token].revoked)) {
      found = a;
    }
  }
  return live > 1 ? found : kNone;
}

bool known_to_anybody(const World& world, std::uint8_t token) {
  const auto has = [&](const auto& list) {
    return std::any_of(list.begin(), list.end(), [&](const auto& x) { return x.token == token; });
  };
  return has(world.allocations) || has(world.attempts);
}

void begin(Daemon& daemon, Plan plan, std::uint8_t argument = 0) {
  daemon.plan = plan;
  daemon.step = 0;
  daemon.argument = argument;
}

} // namespace

bool Model::observe(World& world, std::uint8_t d) const {
  Daemon& daemon = world.daemons[d];
  const auto& allocations = world.allocations;
  const auto first_live = std::find_if(allocations.begin(), allocations.end(), is_live);
  const bool any_live = first_live != allocations.end();
  if (world.fate != JobFate::open) {
    const bool revoked = std::all_of(world.tokens.begin(), world.tokens.end(), [](const Token& t) {
      return !t.used || t.revoked;
    });
    if (world.fate == JobFate::cancelled && !revoked && !is(Mutation::cancellation_not_stored)) {
      begin(daemon, Plan::cancel);
    } else if (any_live) {
      begin(daemon, Plan::surplus, static_cast<std::uint8_t>(first_live - allocations.begin()));
    }
    return daemon.plan != Plan::none;
  }
  const bool person = std::any_of(allocations.begin(), allocations.end(), [](const Allocated& a) {
    return cancellation_is_final(a.state == Slot::cancelled, a.ours != 0);
  });
  const auto journals = records(world, claims(world));
  const bool result = attempt_with_result(journals).has_value();
  const bool ignoring = is(Mutation::cancel_is_a_failure);
  if (world.cancel_asked || (person && !ignoring)) {
    begin(daemon, Plan::cancel);
    return true;
  }
  if (result) {
    begin(daemon, Plan::finish);
    return true;
  }
  if (const std::uint8_t a = surplus(world); a != kNone) {
    begin(daemon, Plan::surplus, a);
    return true;
  }
  std::vector<OlderAttempt> attempts;
  for (std::uint8_t i = 0; i < claims(world) && !is(Mutation::resubmitted_without_wait); ++i) {
    const Attempt& attempt = world.attempts[i];
    attempts.push_back({attempt.ended != 0, ticks(std::min(attempt.still, daemon.up))});
  }
  SuccessionFacts facts;
  facts.scheduler_answered = true;
  facts.any_allocation_alive = any_live;
  facts.cancelled_by_person = person && !ignoring;
  facts.has_result = result;
  facts.attempts = attempts;
  const std::uint8_t token = newest_token(world);
  if (!daemon_may_resubmit(facts, ticks(kLease)) ||
      (token != kNone && is(Mutation::no_succession))) {
    return false;
  }
  const bool again =
      token != kNone && !world.tokens[token].revoked && !known_to_anybody(world, token);
  begin(daemon, again ? Plan::retry : Plan::submit, token);
  daemon.seen = claims(world);
  for (const Runner& runner : world.runners) {
    world.broken = alive(runner) && runner.program == Program::running ? 7 : world.broken;
  }
  world.broken = person ? 3 : world.broken;
  return true;
}

bool Model::step(World& world, std::uint8_t d, bool lost) const {
  Daemon& daemon = world.daemons[d];
  const auto revoke_all = [&] {
    for (Token& token : world.tokens) {
      token.revoked = token.used && !is(Mutation::cancellation_not_stored) ? 1 : token.revoked;
    }
  };
  const auto end_allocation = [&](std::uint8_t a) {
    world.allocations[a].ours = is(Mutation::own_cancel_not_noted) ? 0 : 1;
    if (!lost) {
      scheduler_cancel(world, a);
    }
  };
  const std::uint8_t now = daemon.step++;
  switch (daemon.plan) {
  case Plan::none:
    return false;
  case Plan::submit:
    if (now == 0) {
      revoke_all();
      return !lost;
    }
    if (now == 1) {
      // Revoke, then look at the claims again; a runner claims, then looks for the revocation.
      std::uint8_t token = newest_token(world);
      token = token == kNone ? std::uint8_t{0} : static_cast<std::uint8_t>(token + 1);
      if (claims(world) != daemon.seen || token >= world.max_tokens) {
        world.exhausted = token >= kTokens ? 1 : world.exhausted;
        begin(daemon, Plan::none);
        return !lost;
      }
      world.tokens[token].used = 1;
      daemon.argument = token;
      return !lost;
    }
    [[fallthrough]];
  case Plan::retry:
    if (lost) {
      ++world.tokens[daemon.argument].late_submits;
    } else {
      arrive(world, daemon.argument);
    }
    break;
  case Plan::finish:
    world.fate = world.fate == JobFate::open ? JobFate::completed : world.fate;
    break;
  case Plan::cancel:
    if (now == 0) {
      world.fate = world.fate == JobFate::open ? JobFate::cancelled : world.fate;
      world.broken = world.person_cancelled ? world.broken : 8;
      return !lost;
    }
    if (now == 1) {
      revoke_all();
      world.sealed_off = world.fate == JobFate::cancelled ? 1 : 0;
      return !lost;
    }
    for (std::uint8_t a = 0; a < kAllocations; ++a) {
      if (is_live(world.allocations[a])) {
        end_allocation(a);
      }
    }
    break;
  case Plan::surplus:
    end_allocation(daemon.argument);
    break;
  }
  begin(daemon, Plan::none);
  return true;
}

bool Model::daemon_acts(World& world, Act act, std::uint8_t d) const {
  if (d >= kDaemons) {
    return false;
  }
  Daemon& daemon = world.daemons[d];
  const bool any = std::any_of(
      world.daemons.begin(), world.daemons.end(), [](const Daemon& x) { return x.alive != 0; });
  const auto take_over = [&] {
    daemon = Daemon{};
    daemon.alive = 1;
    world.owner = d;
    return true;
  };
  switch (act) {
  case Act::daemon_start:
    return !any && take_over();
  case Act::daemon_takeover:
    return any && !daemon.alive && d < world.max_daemons && take_over();
  case Act::daemon_observe:
    if (!daemon.alive || daemon.plan != Plan::none) {
      return false;
    }
    if (world.owner != d) {
      daemon = Daemon{}; // a newer epoch: it leaves
      return true;
    }
    return observe(world, d);
  case Act::daemon_step:
    return daemon.alive && daemon.plan != Plan::none && step(world, d, false);
  case Act::daemon_call_lost:
    return daemon.alive && daemon.plan != Plan::none && spend(world.delays) && step(world, d, true);
  case Act::daemon_crash:
    if (!daemon.alive || !spend(world.crashes)) {
      return false;
    }
    daemon = Daemon{};
    return true;
  default:
    return false;
  }
}

} // namespace ckpt::protocol::model
