#include "core/domain/protocol_model_parts.hpp"

#include <algorithm>

// The runner: its main thread (claim, start, checkpoints, end) and the helper that holds the lease.
// An operation takes effect in the store (land) and is then answered; at once, or, when it hangs,
// at any later time. What hangs may take effect even after its process has died.

namespace ckpt::protocol::model {
namespace {

/// Whether no attempt after `a` and before `end` has made its mark: what `a` writes still counts.
bool counts(const World& world, std::uint8_t a, std::uint8_t end = kRunners) {
  for (std::uint8_t i = static_cast<std::uint8_t>(a + 1); i < end; ++i) {
    if (world.attempts[i].marked && !world.attempts[i].left) {
      return false;
    }
  }
  return true;
}

/// The ghosts: by their own arithmetic, not by the rules that they are to check.
void recount(World& world) {
  for (std::uint8_t a = 0; a < claims(world); ++a) {
    if (!counts(world, a)) {
      continue;
    }
    world.done = world.attempts[a].completed ? 1 : world.done;
    for (Generation& generation : world.generations) {
      if (generation.sealed && generation.attempt == a) {
        generation.late = 0;
        world.best = std::max(world.best, generation.progress);
      }
    }
  }
}

void take_number(World& world, Runner& runner, bool by_count) {
  std::uint8_t next = 0;
  for (std::uint8_t i = 0; i < kGenerations; ++i) {
    const Generation& generation = world.generations[i];
    next = by_count ? static_cast<std::uint8_t>(next + generation.sealed)
                    : static_cast<std::uint8_t>(generation.taken ? i + 1 : next);
  }
  if (next == kGenerations) {
    world.exhausted = 1;
    runner.answer = kNone;
    return;
  }
  world.broken = world.generations[next].taken ? 4 : world.broken;
  world.generations[next].taken = 1;
  runner.answer = next;
}

void claim(World& world, std::uint8_t r) {
  Runner& runner = world.runners[r];
  const std::uint8_t next = claims(world);
  runner.answer = 0;
  if (world.tokens[runner.token].revoked) {
    return;
  }
  for (std::uint8_t i = 0; i < next; ++i) {
    if (world.attempts[i].token == runner.token && world.attempts[i].restart == runner.restart) {
      return;
    }
  }
  world.attempts[next] = Attempt{};
  world.attempts[next].runner = r;
  world.attempts[next].token = runner.token;
  world.attempts[next].restart = runner.restart;
  runner.attempt = next;
  runner.answer = 1;
}

bool on_store(Stage stage) {
  return stage != Stage::absent && stage != Stage::running && stage != Stage::requeueing;
}

} // namespace

StartVerdict Model::verdict(const World& world, std::uint8_t r, std::uint8_t& newest) const {
  const Runner& runner = world.runners[r];
  const std::uint8_t own = runner.attempt;
  std::vector<OlderAttempt> older;
  for (std::uint8_t i = 0; i < own && !is(Mutation::claims_ignored); ++i) {
    const std::uint8_t still = is(Mutation::lease_not_waited_for)
                                   ? std::uint8_t{kLease}
                                   : std::min(world.attempts[i].still, runner.watching);
    older.push_back({world.attempts[i].ended != 0, ticks(still)});
  }
  if (is(Mutation::newest_lease_only) && older.size() > 1) {
    older.erase(older.begin(), older.end() - 1);
  }
  std::vector<SealedGeneration> sealed;
  std::optional<GenerationId> newest_of_all;
  for (std::uint8_t g = 0; g < kGenerations; ++g) {
    if (world.generations[g].sealed && world.generations[g].attempt < own) {
      sealed.push_back({GenerationId{g + 1}, world.generations[g].attempt});
      newest_of_all = GenerationId{g + 1};
    }
  }
  const auto before = records(world, own);
  const Attempt& attempt = world.attempts[own];
  StartView view;
  view.token_revoked = world.tokens[runner.token].revoked && !is(Mutation::revoked_only_at_claim);
  view.job_closed = world.fate == JobFate::cancelled && !is(Mutation::revoked_only_at_claim) &&
                    !is(Mutation::cancellation_not_stored) && !is(Mutation::job_not_closed);
  view.newer_claim = claims(world) > own + 1;
  view.has_result = attempt_with_result(before).has_value() && !is(Mutation::results_ignored);
  view.older = older;
  view.newest = is(Mutation::newest_by_number) ? newest_of_all : newest_generation(before, sealed);
  view.since_own_renewal = ticks(is(Mutation::started_on_stale_lease) ? 0 : runner.age);
  view.marked =
      attempt.marked || (is(Mutation::started_without_mark) && runner.stage == Stage::checking);
  const std::uint8_t from = attempt.marked ? attempt.from : runner.generation;
  view.marked_from = from == kNone ? std::nullopt : std::optional(GenerationId{from + 1});
  newest = view.newest ? static_cast<std::uint8_t>(view.newest->value - 1) : kNone;
  return may_start_program(view, ticks(kLease));
}

void Model::land(World& world, std::uint8_t r) const {
  Runner& runner = world.runners[r];
  switch (runner.stage) {
  case Stage::claiming:
    claim(world, r);
    break;
  case Stage::looking:
  case Stage::checking: {
    runner.watching = runner.watching == kNone ? std::uint8_t{0} : runner.watching;
    std::uint8_t newest = kNone;
    const StartVerdict found = verdict(world, r, newest);
    runner.answer = static_cast<std::uint8_t>(found);
    runner.generation = found == StartVerdict::mark ? newest : runner.generation;
    break;
  }
  case Stage::marking:
    // Exclusive against results: the one that is there first keeps the other out.
    if (attempt_with_result(records(world, runner.attempt)) && !is(Mutation::mark_not_exclusive) &&
        !is(Mutation::results_ignored)) {
      break;
    }
    for (std::uint8_t i = 0; i < runner.attempt && !is(Mutation::mark_not_exclusive) &&
                             !is(Mutation::started_without_mark);
         ++i) {
      world.attempts[i].superseded = world.attempts[i].completed ? 0 : 1;
    }
    world.attempts[runner.attempt].marked = is(Mutation::started_without_mark) ? 0 : 1;
    world.attempts[runner.attempt].from = runner.generation;
    if (runner.generation != kNone &&
        counts(world, world.generations[runner.generation].attempt, runner.attempt)) {
      world.generations[runner.generation].late = 0; // it came just in time to be taken up
    }
    runner.due = world.best;
    runner.late_mark = world.sealed_off;
    break;
  case Stage::numbering:
    take_number(world, runner, is(Mutation::number_by_count));
    break;
  case Stage::sealing: {
    Generation& generation = world.generations[runner.generation];
    generation = {1, 1, runner.attempt, runner.saved, 1};
    break;
  }
  case Stage::ending:
    world.attempts[runner.attempt].ended = 1;
    runner.answer = claims(world) > runner.attempt + 1 ? 1 : 0;
    break;
  case Stage::completing:
    world.attempts[runner.attempt].ended = 1;
    world.attempts[runner.attempt].completed = world.attempts[runner.attempt].superseded ? 0 : 1;
    break;
  case Stage::leaving:
    world.attempts[runner.attempt].ended = 1;
    world.attempts[runner.attempt].left = runner.ever_started ? 0 : 1;
    break;
  case Stage::absent:
  case Stage::running:
  case Stage::intending:
  case Stage::requeueing:
    break;
  }
  recount(world);
}

void Model::start_program(World& world, std::uint8_t r) const {
  Runner& runner = world.runners[r];
  const std::uint8_t from = world.attempts[runner.attempt].from;
  runner.progress = from == kNone ? std::uint8_t{0} : world.generations[from].progress;
  runner.from = from;
  runner.program = Program::running;
  runner.ever_started = 1;
  runner.stage = Stage::running;
  if (world.done) {
    world.broken = 2;
  } else if (runner.late_mark) {
    world.broken = 3;
  } else if (runner.progress < runner.due) {
    world.broken = 5;
  } else if (from != kNone && world.generations[from].late) {
    world.broken = 6;
  }
}

void Model::answer(World& world, std::uint8_t r) const {
  Runner& runner = world.runners[r];
  const bool finished = runner.program == Program::none && runner.progress == kGoal;
  switch (runner.stage) {
  case Stage::claiming:
    runner.stage = Stage::looking;
    runner.gone = runner.answer ? 0 : 1;
    break;
  case Stage::looking:
  case Stage::checking:
    switch (static_cast<StartVerdict>(runner.answer)) {
    case StartVerdict::wait:
      break;
    case StartVerdict::mark:
      runner.stage = Stage::marking;
      break;
    case StartVerdict::start:
      // The answer may have been long on its way: the clock is asked again.
      if (is(Mutation::started_on_stale_lease) || !must_freeze(ticks(runner.age), ticks(kLease))) {
        start_program(world, r);
      }
      break;
    case StartVerdict::leave:
      runner.stage = Stage::leaving;
      break;
    }
    break;
  case Stage::marking:
    runner.stage = Stage::checking;
    break;
  case Stage::numbering:
    runner.stage = runner.answer == kNone ? Stage::running : Stage::sealing;
    runner.generation = runner.answer;
    runner.saved = runner.progress;
    break;
  case Stage::sealing:
    runner.stage = finished ? Stage::completing : runner.last ? Stage::intending : Stage::running;
    break;
  case Stage::intending:
    runner.program = Program::none;
    runner.stage = finished ? Stage::completing : Stage::ending;
    break;
  case Stage::ending:
    runner.stage = Stage::requeueing;
    break;
  case Stage::completing:
  case Stage::leaving:
    runner.gone = 1;
    break;
  case Stage::absent:
  case Stage::running:
  case Stage::requeueing:
    break;
  }
  runner.main = Op::idle;
  runner.answer = runner.stage == Stage::requeueing ? runner.answer : std::uint8_t{0};
}

bool Model::runner_acts(World& world, Act act, std::uint8_t r) const {
  if (r >= kRunners) {
    return false;
  }
  Runner& runner = world.runners[r];
  const bool idle = alive(runner) && runner.main == Op::idle;
  switch (act) {
  case Act::main_land:
    if (runner.main != Op::issued) {
      return false;
    }
    runner.main = Op::landed;
    land(world, r);
    return true;
  case Act::main_answer:
    if (!alive(runner) || runner.main != Op::landed) {
      return false;
    }
    answer(world, r);
    return true;
  case Act::main_step:
    if (!idle) {
      return false;
    }
    if (runner.term && runner.stage < Stage::ending) {
      runner.program = Program::none;
      runner.gone = runner.attempt == kNone ? 1 : 0;
      runner.stage = Stage::leaving;
      return true;
    }
    if (runner.stage == Stage::requeueing) {
      const RequeueView view{
          runner.term != 0, runner.answer != 0, world.tokens[runner.token].revoked != 0};
      if (runner_may_requeue(view)) {
        requeue(world, runner.allocation);
      }
      runner.gone = 1;
      return true;
    }
    if (!on_store(runner.stage)) {
      return false;
    }
    land(world, r);
    answer(world, r);
    return true;
  case Act::main_hang:
    if (!idle || runner.term || !spend(world.delays)) {
      return false;
    }
    if (runner.stage == Stage::requeueing) {
      ++world.allocations[runner.allocation].late_requeues;
      runner.gone = 1;
      return true;
    }
    runner.main = Op::issued;
    return on_store(runner.stage);
  case Act::work:
    if (!alive(runner) || runner.program != Program::running || runner.term) {
      return false;
    }
    if (++runner.progress == kGoal) {
      runner.program = Program::none;
      runner.stage = runner.stage == Stage::running ? Stage::completing : runner.stage;
    }
    return true;
  case Act::checkpoint:
  case Act::walltime:
    if (!idle || runner.stage != Stage::running || runner.program != Program::running ||
        !spend(act == Act::walltime ? world.ends : world.checkpoints)) {
      return false;
    }
    runner.stage = Stage::numbering;
    runner.last = act == Act::walltime ? 1 : 0;
    return true;
  case Act::crash:
  case Act::node_crash:
    if (!alive(runner) || !spend(world.crashes)) {
      return false;
    }
    end_process(runner);
    if (act == Act::node_crash) {
      runner.node_lost = 1;
      runner.main = runner.renewal = runner.look = Op::idle;
    }
    return true;
  default:
    return false;
  }
}

} // namespace ckpt::protocol::model
