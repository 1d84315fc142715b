// What follows on the main thread when the start is over: the program runs, or the attempt ends.
#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "core/store/coordinator.hpp"
#include "runner/left_over.hpp"
#include "runner/supervisor.hpp"

namespace ckpt::runner {

using Kind = store::AttemptEventKind;

void Supervisor::on_started(Result<std::unique_ptr<engine::Session>> started) {
  if (!started) {
    on_start_failed(started.error());
    return;
  }
  {
    const std::lock_guard lock(session_mutex_);
    session_ = std::move(*started);
  }
  kill_point("start.known");
  program_started_ = clock_.monotonic();
  facts_.run_before = run_before_;
  facts_.total_before = total_run(earlier_);
  const bool fork = !started_from_ && !restarted_from_.empty();
  journal({.kind = restarted_from_.empty() ? Kind::program_started : Kind::program_restarted,
           .reason = fork ? "from " + restarted_from_ : "",
           .generation = started_from_,
           .engine = engine_->version().value_or(EngineVersion{})});
  note_coordinator();
  CheckpointSetting setting{folder_,
                            claim_.attempt,
                            spec_.cwd,
                            output_,
                            engine_->version().value_or(EngineVersion{}),
                            host_,
                            started_from_,
                            started_bytes_,
                            look_setting()};
  checkpointer_ =
      std::make_unique<Checkpointer>(std::move(setting), [this](store::AttemptEvent event) {
        loop_->post([this, event = std::move(event)] { journal(event); });
      });
  if (phase_ == Phase::ending) { // cancelled, fenced or TERM while it started
    begin_end(*ending_);
    return;
  }
  phase_ = Phase::running;
  plan_hazard_looks(warnings_of_earlier(earlier_));
  if (fork && origin_) {
    for (const Warning& warning : origin_->warnings) {
      warn(warning.code, warning.text, warning.advice);
    }
  }
  tidy_worker_->run(
      [folder = folder_, ours = claim_.attempt] {
        remove_dead_images(folder, ours);
        return true;
      },
      [](bool) {});
  std::vector<store::Order> waiting = std::exchange(waiting_orders_, {});
  for (const store::Order& order : waiting) {
    handle(order);
  }
}

// For `ckpt coordinators`: what listens on this node in the user's name.
void Supervisor::note_coordinator() {
  if (const auto coordinator = session_->coordinator()) {
    const auto noted = store::write_coordinator(
        attempt_, {coordinator->host, coordinator->port, coordinator->pid, coordinator->version});
    if (!noted) {
      log::warning(noted.error().message);
    }
  }
}

void Supervisor::on_start_failed(const Error& error) {
  log::error("not started: " + error.message);
  if (phase_ == Phase::ending) {
    finish_end();
    return;
  }
  phase_ = Phase::ending;
  ending_ = ending_after_failed_start(error);
  if (ending_->requeue) {
    journal({.kind = Kind::requeue_intent, .reason = claim_.token.value});
  }
  finish_end();
}

Supervisor::Ending Supervisor::ending_after_failed_start(const Error& error) {
  Ending ending;
  ending.detail = error.message;
  if (finished_before_) {
    // A requeue came too late to be needed: the result is told again, for Slurm, its dependents,
    // and a daemon that reads the newest attempt.
    ending.reason = finished_before_->success() ? EndReason::completed : EndReason::failed;
    ending.program = finished_before_;
  } else if (error.code == "store_unusable") {
    // Nothing is wrong with the job; how often that may go on, the loop guard says.
    std::string why_not;
    ending.reason = EndReason::interrupted;
    ending.requeue = may_requeue(why_not);
    ending.detail += why_not.empty() ? "" : "; " + why_not;
  } else if (error.code == "interrupted") {
    ending.reason = EndReason::interrupted;
  } else if (error.code == "time_budget") {
    ending.reason = EndReason::stopped;
  } else if (error.code == "fenced") {
    ending.reason = EndReason::fenced;
  } else if (error.code == "node_refused") {
    journal({.kind = Kind::node_refused, .reason = error.message});
    ending.reason = EndReason::requeued;
    ending.exclude_node = node_name();
    std::string why_not;
    // Of one machine there is no other one.
    ending.requeue = context_.scheduler == SchedulerKind::slurm && may_requeue(why_not);
    if (!ending.requeue) {
      ending.reason = EndReason::restart_failed;
    }
    ending.detail += why_not.empty() ? "" : "; " + why_not;
  } else {
    const bool restart = start_error_.has_value() || error.code == "restart_failed";
    ending.reason = restart ? EndReason::restart_failed : EndReason::launch_failed;
  }
  return ending;
}

} // namespace ckpt::runner
