// How an attempt ends: by the program itself, at walltime, by TERM, by order; and how the next one
// is asked for.
#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "core/domain/program_end.hpp"
#include "core/domain/retry.hpp"
#include "core/store/fate.hpp"
#include "runner/host.hpp"
#include "runner/neighbours.hpp"
#include "runner/start_now.hpp"
#include "runner/supervisor.hpp"

#include <signal.h>
#include <sys/wait.h>

namespace ckpt::runner {

using Kind = store::AttemptEventKind;

namespace {

constexpr Duration kKillPatience = seconds{10};
constexpr Duration kBeforeKill =
    seconds{2}; ///< of KillWait, left for killing and writing the end down
constexpr Duration kReasonPatience = seconds{3}; ///< for Slurm to say why TERM came
/// Before the last checkpoint, so that it is known by its right name; Slurm answers in 20 ms.
constexpr Duration kNamePatience = milliseconds{500};

} // namespace

void Supervisor::on_term() {
  if (term_seen_ || phase_ == Phase::over) {
    return;
  }
  term_seen_ = clock_.monotonic();
  journal({.kind = Kind::term_seen});
  look_at_orders(); // that to cancel comes just before its TERM, and then nothing is to be saved
  ask_scheduler();
  if (phase_ == Phase::starting) {
    give_up_start_ = true;
    phase_ = Phase::ending;
    ending_ = Ending{EndReason::interrupted, "ended while it started", false, {}, {}};
  }
}

// TERM is seen: finish a checkpoint in flight, or take one if there is time for twice what it will
// probably need; then leave.
void Supervisor::consider_term() {
  if (!term_seen_ || (phase_ != Phase::running && phase_ != Phase::checkpointing)) {
    return;
  }
  const MonoTime time = clock_.monotonic();
  if (term_cause_ == EndReason::preempted) {
    trigger_ = Trigger::preemption;
  } else if (term_cause_ == EndReason::walltime) {
    trigger_ = Trigger::before_walltime;
  }
  if (time < *term_seen_ + kReasonPatience && !term_cause_) {
    ask_scheduler();
  }
  Ending ending;
  ending.reason = term_cause_.value_or(EndReason::interrupted);
  ending.detail = "the scheduler ended the allocation";
  // Only what is certain: after a cancellation or a requeue from outside there is nothing for us to
  // ask for.
  ending.requeue = term_cause_ == EndReason::walltime && policy_.at_walltime == AtWalltime::requeue;
  if (term_cause_ == EndReason::cancelled) {
    begin_end(ending);
    return;
  }
  const Duration left = *term_seen_ + kill_wait_ - kBeforeKill - time;
  if (phase_ == Phase::running) {
    const bool taken_since = facts_.last_checkpoint_taken;
    if (!taken_since && left > 2 * predicted_checkpoint()) {
      if (!term_cause_ && time < *term_seen_ + kNamePatience &&
          context_.scheduler == SchedulerKind::slurm) {
        return;
      }
      facts_.last_checkpoint_taken = true; // one try
      take_checkpoint(Trigger::signal, std::nullopt, {}, std::nullopt);
      return;
    }
    const bool reason_known = term_cause_ || time >= *term_seen_ + kReasonPatience;
    if (reason_known || left <= Duration{0}) {
      begin_end(ending);
    }
    return;
  }
  if (left <= Duration{0}) {
    leave_unsealed_ = true; // if the set is complete: the next claimant seals it
    begin_end(ending);
  }
}

// What the slowest one took; before there was one, what memory needs at a rate that most
// filesystems manage.
Duration Supervisor::predicted_checkpoint() const {
  constexpr Duration kAlways = milliseconds{500};
  constexpr std::uint64_t kBytesPerMillisecond = 100'000;
  if (facts_.costs.slowest_freeze_to_sealed) {
    return kAlways + *facts_.costs.slowest_freeze_to_sealed;
  }
  std::uint64_t resident = 0;
  for (const ProcessInfo& process : session_->program_processes()) {
    resident += resident_bytes(process.pid);
  }
  return kAlways + Duration{static_cast<std::int64_t>(resident / kBytesPerMillisecond)};
}

void Supervisor::on_root_ended(const ExitStatus& status) {
  if (phase_ == Phase::ending || phase_ == Phase::over) {
    return; // we killed it
  }
  const auto program = session_->program_status(status);
  ProgramEnd seen;
  seen.status_known = program.has_value();
  seen.code = program ? program->code : std::nullopt;
  seen.signal = program ? program->signal : std::nullopt;
  seen.fenced = fenced_;
  seen.out_of_memory = memory_kills() > memory_kills_before_;
  seen.since_restart = !restarted_from_.empty() ? std::optional(now()) : std::nullopt;
  if (in_flight_ && engine_->kind() != EngineKind::app) {
    seen.since_broken_checkpoint = Duration{0};
  } else if (facts_.failures_in_a_row > 0 && engine_->kind() != EngineKind::app) {
    seen.since_broken_checkpoint = now() - facts_.last_try_ended.value_or(Duration{0});
  }
  if (term_seen_) {
    seen.term = term_cause_.value_or(EndReason::interrupted);
  }
  const ProgramVerdict verdict = judge_program_end(seen);
  Ending ending;
  ending.reason = verdict.reason;
  ending.requeue = verdict.requeue;
  if (verdict.is_result) {
    ending.detail = program->describe();
    ending.program = program;
  } else if (term_seen_) {
    ending.detail = "the program died after TERM: " + status.describe();
  } else if (program) {
    ending.detail = "the program was killed: " + program->describe() +
                    (restarted_from_.empty() ? ""
                                             : ", " + format_duration(now()) +
                                                   " after its restart from " + restarted_from_);
  } else {
    ending.detail = "the engine broke: " + status.describe();
  }
  begin_end(std::move(ending));
}

bool Supervisor::may_requeue(std::string& why_not) const {
  if (claim_.attempt.value > policy_.max_restarts) {
    why_not = "--max-restarts " + std::to_string(policy_.max_restarts) + " is used up";
    return false;
  }
  if (budget_used_up(policy_, total_run(earlier_) + (session_ ? now() : Duration{0}))) {
    why_not = words_of(RunLimit::Kind::total_time, policy_, spec_.id.str());
    return false;
  }
  return true;
}

void Supervisor::begin_end(Ending ending) {
  if (phase_ == Phase::over || (phase_ == Phase::ending && ending_ && session_ == nullptr)) {
    return;
  }
  std::string why_not;
  if (ending.requeue && !may_requeue(why_not)) {
    ending.requeue = false;
    ending.detail += (ending.detail.empty() ? "" : "; ") + why_not;
  }
  const bool starting = phase_ == Phase::starting;
  phase_ = Phase::ending;
  ending_ = std::move(ending);
  give_up_start_ = true;
  checkpoint_wanted_ = true;
  if (starting) {
    return; // on_started or on_start_failed goes on
  }
  // PROTOCOL: the intent is on the disk before the program is ended.
  if (ending_->requeue) {
    journal({.kind = Kind::requeue_intent, .reason = claim_.token.value});
  }
  kill_point("end.begun");
  session_->interrupt();
  engine_worker_->run(
      [this] {
        auto killed = session_->kill(kKillPatience);
        if (!killed) {
          log::error("not everything of the program ended: " + killed.error().message);
        }
        return killed.has_value();
      },
      [](bool) {});
}

void Supervisor::finish_end() {
  if (phase_ == Phase::over) {
    return;
  }
  phase_ = Phase::over;
  kill_point("end.killed");
  if (session_ && !root_status_) {
    int status = 0;
    ::waitpid(session_->root_pid(), &status, WNOHANG);
  }
  refuse_orders(
      [this] {
        std::vector<std::int64_t> numbers;
        for (const store::Order& order : waiting_orders_) {
          numbers.push_back(order.number);
        }
        return numbers;
      }(),
      "the attempt has ended");
  const bool written = write_end();
  kill_point("end.written");
  {
    const std::lock_guard lock(session_mutex_); // the lease's threads may be at its processes
    session_.reset();
  }
  lease_.reset();
  kill_point("end.left");
  if (written && (ending_->program || ending_->reason == EndReason::cancelled)) {
    clean_up();
  } else if (written) {
    leave_node();
  }
  if (ending_->requeue && written) {
    requeue();
  } else if (context_.scheduler == SchedulerKind::slurm &&
             (ending_->reason == EndReason::requeued || ending_->reason == EndReason::preempted)) {
    take_wait_away(); // somebody else asked for the requeue; the wait is the same
  }
}

// The store may hang or be full for a while: until it answers there is no end. A result that cannot
// be written down is lost, and the work for it done again.
bool Supervisor::write_end() {
  constexpr Duration kPause = milliseconds{500};
  const TimePoint ended_at = clock_.now();
  const MonoTime last_try = clock_.monotonic() + context_.store_patience;
  bool decided = false;
  for (bool first = true; first || clock_.monotonic() < last_try; first = false) {
    if (!first) {
      clock_.sleep_for(kPause);
    }
    decided = decided || !ending_->program || decide_result(ended_at);
    if (!decided) {
      continue;
    }
    kill_point("end.decided");
    store::AttemptEvent event{.at = ended_at, .kind = Kind::ended, .reason = ending_->detail};
    event.end_reason = ending_->reason;
    if (ending_->program) {
      event.exit_code = ending_->program->code;
      event.signal = ending_->program->signal;
      exit_status_ = ending_->program->shell_status();
    }
    if (const auto written = journal_now(event)) {
      return true;
    } else {
      log::error("the end was not written down: " + written.error().message);
    }
  }
  return false;
}

// Rule 4 of the protocol: the result is there before its line in the journal, and only if no newer
// attempt was faster. False: not known, try again.
bool Supervisor::decide_result(TimePoint ended_at) {
  const store::Fate wish{.kind = store::FateKind::result,
                         .by = {},
                         .reason = ending_->detail,
                         .exit_code = ending_->program->code,
                         .signal = ending_->program->signal,
                         .at = ended_at};
  const auto fate = store::decide_fate(folder_, claim_.attempt, wish);
  if (!fate) {
    log::error("the result was not written: " + fate.error().message);
    return false;
  }
  if (fate->kind != store::FateKind::result) {
    log::warning("the program has ended (" + ending_->program->describe() +
                 "), which does not count any more: " + fate->reason);
    ending_ = Ending{EndReason::fenced,
                     "its result came too late: " + fate->reason,
                     false,
                     {},
                     ending_->exclude_node};
  }
  return true;
}

// Only now that the result is on the disk: until then the generations are what the job has.
void Supervisor::clean_up() {
  if (ending_->program && ending_->program->success()) {
    checkpoint_wanted_ = true;
    tidy_worker_.reset(); // waits for a compression to stop
    for (const store::AttemptEvent& event :
         tidy_.prune(policy_, JobPhase::succeeded, attempts_until_now())) {
      journal(event);
    }
    kill_point("end.pruned");
    for (AttemptId attempt{1}; attempt <= claim_.attempt; ++attempt.value) {
      std::ignore = generations_.remove_unsealed_images(attempt, true);
    }
  }
  if (!tmpdir_.empty() && !is_tmpdir_of_others(tmpdir_, folder_.path())) {
    std::ignore = remove_tree(tmpdir_); // no attempt follows
  }
  kill_point("end.cleaned");
}

// The next attempt may be elsewhere, and has what was here from the generation that it starts from.
void Supervisor::leave_node() {
  if (tmpdir_.empty() || is_tmpdir_of_others(tmpdir_, folder_.path())) {
    return;
  }
  if (tmpdir_saved_) {
    std::ignore = remove_tree(tmpdir_);
  } else {
    std::error_code not_empty;
    std::filesystem::remove(tmpdir_, not_empty);
  }
}

void Supervisor::requeue() {
  if (context_.scheduler == SchedulerKind::local) {
    const auto noted = scheduler::local_requeued(
        context_.local_state_dir, context_.scheduler_job_id, context_.restart_count + 1);
    if (!noted) {
      journal({.kind = Kind::requeue_failed, .reason = noted.error().message});
      return;
    }
    kill_point("requeue.noted");
    journal({.kind = Kind::requeue_done});
    start_again_ = true;
    return;
  }
  kill_point("requeue.ask");
  const auto requeued = scheduler_->requeue(context_.scheduler_job_id);
  kill_point("requeue.asked");
  journal(requeued || was_requeued() ? store::AttemptEvent{.kind = Kind::requeue_done}
                                     : store::AttemptEvent{.kind = Kind::requeue_failed,
                                                           .reason = requeued.error().message});
  take_wait_away();
}

// A client that failed may have been heard all the same: it timed out, or the requeue's own TERM
// and KILL were faster than its answer.
bool Supervisor::was_requeued() const {
  const auto found = scheduler_->look_up({context_.scheduler_job_id});
  return found && !found->empty() && found->front().restart_count > context_.restart_count;
}

// Where Slurm ends all of the job's processes with the batch script, only what is asked for now
// counts; where it does not, the one left behind sets right what Slurm forgets when we are gone.
void Supervisor::take_wait_away() {
  if (auto left = leave_start_now_behind(context_, ending_->exclude_node); !left) {
    log::warning("the wait after the requeue will not be cut short: " + left.error().message);
  }
  kill_point("start_now.left");
  if (auto asked = scheduler_->start_now(context_.scheduler_job_id); !asked) {
    log::info("the start was not brought forward yet: " + asked.error().message);
  }
}

} // namespace ckpt::runner
