// When a checkpoint is due, and what follows it.
#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "runner/supervisor.hpp"

#include <algorithm>

namespace ckpt::runner {

using Kind = store::AttemptEventKind;

namespace {

/// A process or a filesystem that hangs must not keep us from trying.
constexpr std::chrono::milliseconds kLookPatience{2000};
constexpr int kStalledTries = 2; ///< a store that hangs for a while gets a second one

} // namespace

RunFacts Supervisor::run_facts() const {
  RunFacts facts = facts_;
  facts.now = now();
  if (walltime_ends_) {
    facts.allocation_end = *walltime_ends_ - program_started_;
  }
  if (preempted_at_) {
    facts.preempt_at = *preempted_at_ - program_started_;
  }
  return facts;
}

void Supervisor::consider_checkpoint() {
  if (phase_ != Phase::running || in_flight_ || term_seen_) {
    return;
  }
  const auto next = next_checkpoint(policy_, run_facts());
  if (next && next->at <= now() && !frozen_) { // with its lease lost it soon runs on, or is fenced
    take_checkpoint(next->trigger, std::nullopt, {}, ending_after(next->trigger));
    return;
  }
  // The last checkpoint did not come about and time is up: leave with what there is, before Slurm
  // ends us without a word.
  const Duration lead = effective_lead(policy_, facts_.costs, facts_.time_limit);
  const Duration last_moment = std::min<Duration>(seconds{3}, lead / 3);
  if (walltime_ends_ && clock_.monotonic() > *walltime_ends_ - last_moment) {
    begin_end({preempted_at_ ? EndReason::preempted : EndReason::walltime,
               "no checkpoint could be sealed before the end of the allocation",
               preempted_at_ || policy_.at_walltime == AtWalltime::requeue,
               {},
               {}});
  }
}

// Some checkpoints are the last of their attempt.
std::optional<Supervisor::Ending> Supervisor::ending_after(Trigger trigger) const {
  switch (trigger) {
  case Trigger::before_walltime:
    return Ending{EndReason::walltime,
                  "end of the allocation",
                  policy_.at_walltime == AtWalltime::requeue,
                  {},
                  {}};
  case Trigger::stop:
    return ending_by_policy();
  case Trigger::preemption: // announced; we leave before the grace time is over, so nobody else
                            // requeues
    return Ending{EndReason::preempted, "preemption announced", true, {}, {}};
  case Trigger::proof:
  case Trigger::interval:
  case Trigger::drain:
  case Trigger::manual:
  case Trigger::program:
  case Trigger::signal:
    break;
  }
  return std::nullopt;
}

void Supervisor::take_checkpoint(Trigger trigger,
                                 std::optional<GenerationId> generation,
                                 std::vector<std::int64_t> orders,
                                 std::optional<Ending> then_end) {
  phase_ = Phase::checkpointing;
  in_flight_ = InFlight{std::move(orders), std::move(then_end), now()};
  trigger_ = trigger;
  checkpoint_wanted_ = true; // a compression in the background stops
  CheckpointWish wish{generation, policy_, run_before_ + now(), 0, &leave_unsealed_};
  look_for_hazards();
  engine_worker_->run(
      [this, wish = std::move(wish)]() mutable {
        hazards_.wait(kLookPatience); // before the engine changes what is to be seen
        wish.local_bytes = hazards_.local_bytes();
        return checkpointer_->take(*session_, wish, trigger_);
      },
      [this](const CheckpointOutcome& outcome) { on_checkpoint(outcome); });
}

void Supervisor::on_checkpoint(const CheckpointOutcome& outcome) {
  const InFlight flight = std::move(*in_flight_);
  in_flight_.reset();
  checkpoint_wanted_ = false;
  facts_.last_try_ended = now();
  if (phase_ == Phase::checkpointing) {
    phase_ = Phase::running;
  }
  if (outcome.manifest) {
    const Manifest& manifest = *outcome.manifest;
    facts_.failures_in_a_row = 0;
    facts_.proven = true;
    facts_.last_frozen = now() - (manifest.sealed_at - manifest.frozen_at);
    facts_.costs.last_blocked = manifest.blocked;
    facts_.costs.slowest_freeze_to_sealed =
        std::max(facts_.costs.slowest_freeze_to_sealed.value_or(Duration{0}),
                 manifest.sealed_at - manifest.frozen_at);
    tmpdir_saved_ = is_saved_whole(manifest, tmpdir_);
    kill_point("checkpoint.sealed");
    for (const std::int64_t order : flight.orders) {
      journal({.kind = Kind::order_done, .generation = outcome.generation, .order = order});
    }
  } else {
    ++facts_.failures_in_a_row;
    log::warning("checkpoint not sealed: " + outcome.error->message);
    refuse_orders(flight.orders, outcome.error->message);
  }
  if (phase_ != Phase::running) {
    return; // the program has ended meanwhile, or is being ended
  }
  if (outcome.manifest && flight.then_end) {
    begin_end(*flight.then_end);
    return;
  }
  // The app engine's program merely did not answer; under the others a stalled one stands still,
  // and would for the rest of the allocation.
  const bool stands_still = outcome.error && outcome.error->code == "checkpoint_stalled" &&
                            engine_->kind() != EngineKind::app;
  if (stands_still && facts_.failures_in_a_row >= kStalledTries) {
    begin_end({EndReason::interrupted, "the program hangs in its checkpoints", true, {}, {}});
    return;
  }
  // Those who asked while this one was written want a newer one: one serves them all.
  std::vector<store::Order> waiting = std::exchange(waiting_orders_, {});
  for (const store::Order& order : waiting) {
    handle(order);
  }
  if (!in_flight_) {
    tidy();
  }
}

void Supervisor::tidy() {
  if (!tidy_worker_->idle()) {
    return;
  }
  tidy_worker_->run(
      [this, policy = policy_, attempts = attempts_until_now()] {
        auto events = tidy_.prune(policy, JobPhase::unfinished, attempts);
        auto packed = tidy_.compress(policy, [this] { return checkpoint_wanted_.load(); });
        events.insert(events.end(), packed.begin(), packed.end());
        return events;
      },
      [this](const std::vector<store::AttemptEvent>& events) {
        for (const store::AttemptEvent& event : events) {
          journal(event);
        }
      });
}

std::vector<EarlierAttempt> Supervisor::attempts_until_now() const {
  std::vector<EarlierAttempt> attempts = earlier_;
  EarlierAttempt ours;
  ours.id = claim_.attempt;
  ours.program_ran = true;
  ours.started_from = started_from_;
  attempts.push_back(ours);
  return attempts;
}

} // namespace ckpt::runner
