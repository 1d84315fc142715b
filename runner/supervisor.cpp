// Invariants: the journal is written by the main thread alone; one engine call at a time; whatever
// the daemon, the store or Slurm do, the program either runs, or is frozen by its lease, or has an
// end that is written down.
#include "runner/supervisor.hpp"

#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "core/base/strings.hpp"
#include "runner/host.hpp"
#include "runner/predecessors.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <memory>

namespace ckpt::runner {

using Kind = store::AttemptEventKind;

namespace {

/// It runs none of its own code then. A SIGSTOP that meets CRIU's code inside of it makes the dump
/// fail in a way that can kill the program (criu 4.2.1: SIGPIPE, its parasite's socket is gone).
bool is_in_criu_dump(const ProcessInfo& process) {
  const pid_t tracer = tracer_of(process.pid);
  const auto who = tracer == 0 ? std::nullopt : process_info(tracer);
  return who && who->comm.starts_with("criu");
}

} // namespace

Supervisor::Supervisor(Context context, store::Claim claim, Clock& clock)
    : context_(std::move(context)), claim_(std::move(claim)), clock_(clock),
      folder_(context_.folder()), attempt_(folder_.attempt(claim_.attempt)),
      journal_(attempt_.journal()), generations_(folder_.path()), tidy_(folder_) {}

Supervisor::~Supervisor() = default;

int Supervisor::run(EventLoop& loop) {
  loop_ = &loop;
  engine_worker_ = std::make_unique<Worker>(loop);
  scheduler_worker_ = std::make_unique<Worker>(loop);
  tidy_worker_ = std::make_unique<Worker>(loop, true);
  if (prepare()) {
    main_loop();
  }
  lease_.reset();
  checkpoint_wanted_ = true; // stops a compression
  return exit_status_;
}

bool Supervisor::prepare() {
  host_ = this_host();
  memory_kills_before_ = memory_kills();
  scheduler_ =
      scheduler::make_scheduler({context_.scheduler, context_.local_state_dir, context_.env});
  const StorePatience patience{clock_, context_.store_patience, term_is_pending, {}};
  const auto spec = with_patience(patience, [this] { return folder_.read_spec(); });
  const auto policy = with_patience(patience, [this] { return folder_.read_policy(); });
  if (!spec || !policy) {
    log::error((spec ? policy.error() : spec.error()).message);
    return false;
  }
  spec_ = *spec;
  policy_ = *policy;
  journal({.kind = Kind::claimed, .reason = node_name()});
  LeaseKeeper::Hooks hooks;
  // Until the main thread has heard of a start (it may be waiting for the store itself), the
  // program is somewhere below us: then everything there is meant, the engine's own processes too.
  const auto signal_all = [this, all_stopped = std::make_shared<bool>(false)](int signal) {
    const std::lock_guard lock(session_mutex_);
    const bool all = !session_ || (signal == SIGCONT && *all_stopped);
    *all_stopped = signal == SIGSTOP && (all || *all_stopped);
    for (const ProcessInfo& process :
         all ? process_tree(::getpid()) : session_->program_processes()) {
      const bool stands = signal == SIGSTOP && (is_stopped(process) || is_in_criu_dump(process));
      if (process.pid != ::getpid() && !stands) {
        signal_process(process, signal);
      }
    }
  };
  hooks.freeze = [this, signal_all] {
    signal_all(SIGSTOP);
    if (!frozen_.exchange(true)) {
      loop_->post([] { log::warning("the store does not answer: program frozen"); });
    }
  };
  hooks.thaw = [this, signal_all] {
    signal_all(SIGCONT);
    frozen_ = false;
    loop_->post([this] { journal({.kind = Kind::lease_renewed}); });
  };
  hooks.fenced = [this, signal_all] {
    fenced_ = true;
    signal_all(SIGKILL);
    loop_->post([this] {
      begin_end({EndReason::fenced, "a newer attempt has claimed this job", false, {}, {}});
    });
  };
  auto lease = with_patience(
      patience, [&] { return LeaseKeeper::start(folder_, claim_.attempt, context_.lease, hooks); });
  if (!lease) {
    log::error("no lease: " + lease.error().message);
    return false;
  }
  lease_ = std::move(*lease);
  if (context_.scheduler == SchedulerKind::local && spec_.time_limit) {
    walltime_ends_ = clock_.monotonic() + *spec_.time_limit;
    facts_.time_limit = spec_.time_limit;
    journal({.kind = Kind::walltime_known, .time = clock_.now() + *spec_.time_limit});
  }
  scheduler_worker_->run([this] { return scheduler_->kill_wait(); },
                         [this](Duration wait) { kill_wait_ = wait; });
  ask_scheduler();
  start_program();
  return true;
}

void Supervisor::main_loop() {
  while (phase_ != Phase::over) {
    const MonoTime time = clock_.monotonic();
    if (time >= next_look_) {
      next_look_ = time + context_.look_every;
      std::ignore = write_waiting_events();
      look_at_orders();
      reap_orphans();
      if (const std::string words = session_ ? session_->strangers() : ""; !words.empty()) {
        warn("coordinator_strangers",
             words,
             "use `--engine criu` or `--engine app`, or `--exclusive`, where that matters");
      }
    }
    if (time >= next_ask_) {
      ask_scheduler();
    }
    consider_term();
    consider_checkpoint();
    watch_hazards();
    constexpr Duration kTick =
        milliseconds{250}; // bounds how late a checkpoint before walltime can start
    for (const int signal : loop_->wait(kTick)) {
      on_signal(signal);
    }
    reap();
    if (phase_ == Phase::running && !in_flight_ && session_->broken()) {
      begin_end({EndReason::interrupted, "the engine ended a part of the program", true, {}, {}});
    }
    if (phase_ == Phase::ending && engine_worker_->idle() && ending_) {
      finish_end();
    }
  }
}

void Supervisor::on_signal(int signal) {
  switch (signal) {
  case SIGTERM:
    on_term();
    break;
  case SIGURG: // the doorbell, or Slurm's early warning: either means "look"
    look_at_orders();
    ask_scheduler();
    break;
  case SIGCHLD: // reap() follows in any case
  case SIGPIPE:
    break;
  default:
    if (session_ && phase_ != Phase::ending) {
      if (auto passed = session_->signal_program(signal); !passed) {
        log::warning("signal " + signal_name(signal) + " not passed on: " + passed.error().message);
      }
    }
  }
}

void Supervisor::reap() {
  const pid_t root = session_ ? session_->root_pid() : 0;
  int status = 0;
  if (root > 0 && !root_status_ && ::waitpid(root, &status, WNOHANG) == root) {
    root_status_ = ExitStatus::from_wait_status(status);
    on_root_ended(*root_status_);
  }
}

// As subreaper we get the program's orphans. The workers wait for their own children by pid, at
// once: a zombie that is still there at the next look is nobody's.
void Supervisor::reap_orphans() {
  std::set<pid_t> now_seen;
  const pid_t root = session_ ? session_->root_pid() : 0;
  for (const pid_t pid : zombie_children()) {
    if (pid == root) {
      continue;
    }
    if (zombies_.contains(pid)) {
      ::waitpid(pid, nullptr, WNOHANG);
    } else {
      now_seen.insert(pid);
    }
  }
  zombies_ = std::move(now_seen);
}

void Supervisor::look_at_orders() {
  while (true) {
    const auto order = attempt_.read_order(next_order_);
    if (!order) {
      log::warning("order not read: " + order.error().message);
      return;
    }
    if (!*order) {
      return;
    }
    ++next_order_;
    kill_point("order.read");
    handle(**order);
  }
}

void Supervisor::handle(const store::Order& order) {
  if (order.epoch < daemon_epoch_) {
    refuse_orders({order.number}, "an older daemon's order");
    return;
  }
  daemon_epoch_ = order.epoch;
  if (clock_.now() > order.expires_at) {
    refuse_orders({order.number}, "expired before it was read");
    return;
  }
  const bool idle = phase_ == Phase::running && !in_flight_;
  switch (order.kind) {
  case store::OrderKind::reload_policy:
    if (phase_ == Phase::starting) {
      waiting_orders_.push_back(order); // policy and earlier attempts are the engine thread's now
    } else if (phase_ == Phase::ending || phase_ == Phase::over) {
      refuse_orders({order.number}, "the attempt is ending");
    } else {
      reload_policy();
      journal({.kind = Kind::order_done, .order = order.number});
    }
    return;
  case store::OrderKind::cancel:
    journal({.kind = Kind::order_done, .order = order.number});
    begin_end({EndReason::cancelled, order.reason, false, {}, {}});
    return;
  case store::OrderKind::pause:
  case store::OrderKind::resume:
    refuse_orders({order.number}, "not understood by this runner");
    return;
  case store::OrderKind::checkpoint:
  case store::OrderKind::stop:
  case store::OrderKind::requeue:
    break;
  }
  if (phase_ == Phase::ending || phase_ == Phase::over) {
    refuse_orders({order.number}, "the attempt is ending");
  } else if (order.kind == store::OrderKind::stop && waits_for_store_) {
    // Nothing runs that a checkpoint could save.
    journal({.kind = Kind::order_done, .order = order.number});
    begin_end({EndReason::stopped, order.reason, false, {}, {}});
  } else if (!idle) {
    waiting_orders_.push_back(order); // several are served by one checkpoint
  } else if (order.kind == store::OrderKind::stop) {
    take_checkpoint(Trigger::stop,
                    order.generation,
                    {order.number},
                    Ending{EndReason::stopped, order.reason, false, {}, {}});
  } else if (order.kind == store::OrderKind::requeue) {
    take_checkpoint(order.trigger,
                    order.generation,
                    {order.number},
                    Ending{EndReason::requeued, order.reason, true, {}, {}});
  } else {
    take_checkpoint(order.trigger, order.generation, {order.number}, std::nullopt);
  }
}

void Supervisor::refuse_orders(const std::vector<std::int64_t>& orders, const std::string& reason) {
  for (const std::int64_t order : orders) {
    journal({.kind = Kind::order_refused, .reason = reason, .order = order});
  }
}

void Supervisor::reload_policy() {
  if (auto policy = folder_.read_policy()) {
    policy_ = *policy;
    journal({.kind = Kind::policy_applied, .revision = policy_.revision});
    tidy(); // it may keep fewer generations now, or pack them
  } else {
    log::warning("policy not read: " + policy.error().message);
  }
}

void Supervisor::ask_scheduler() {
  next_ask_ = clock_.monotonic() + context_.ask_scheduler_every;
  if (context_.scheduler == SchedulerKind::local || asking_) {
    return;
  }
  asking_ = true;
  scheduler_worker_->run([this] { return scheduler_->look_up({context_.scheduler_job_id}); },
                         [this](const Result<std::vector<Allocation>>& answer) {
                           asking_ = false;
                           on_allocation(answer);
                         });
}

void Supervisor::on_allocation(const Result<std::vector<Allocation>>& answer) {
  if (!answer || answer->empty()) {
    next_ask_ = std::min(next_ask_, clock_.monotonic() + seconds{10});
    return;
  }
  const Allocation& allocation = answer->front();
  const auto to_mono = [&](TimePoint time) { return clock_.monotonic() + (time - clock_.now()); };
  facts_.time_limit = allocation.time_limit;
  if (allocation.ends_at && allocation.state == AllocationState::running) {
    const MonoTime ends = to_mono(*allocation.ends_at);
    constexpr Duration kSame = seconds{1};
    if (!walltime_ends_ || std::chrono::abs(*walltime_ends_ - ends) > kSame) {
      journal({.kind = Kind::walltime_known, .time = allocation.ends_at});
    }
    walltime_ends_ = ends;
  }
  preempted_at_ =
      allocation.preempt_at ? std::optional(to_mono(*allocation.preempt_at)) : std::nullopt;
  if (term_seen_ && !term_cause_) {
    term_cause_ = term_cause(allocation, context_.restart_count);
  }
}

void Supervisor::journal(store::AttemptEvent event) {
  event.at = event.at == TimePoint{} ? clock_.now() : event.at;
  if (const auto written = journal_now(event); !written) {
    log::error("journal not written: " + written.error().message);
    if (is_storage_trouble(written.error())) {
      unwritten_.push_back(std::move(event));
    }
  }
}

Status Supervisor::journal_now(store::AttemptEvent event) {
  if (auto before = write_waiting_events(); !before) {
    return before;
  }
  const auto written = journal_.append(std::move(event));
  return written ? Status{} : tl::unexpected<Error>(written.error());
}

Status Supervisor::write_waiting_events() {
  while (!unwritten_.empty()) {
    if (const auto written = journal_.append(unwritten_.front()); !written) {
      return tl::unexpected<Error>(written.error());
    }
    unwritten_.erase(unwritten_.begin());
  }
  return {};
}

Status Supervisor::journal_from_worker(store::AttemptEvent event) {
  auto written = std::make_shared<std::promise<Status>>();
  std::future<Status> result = written->get_future();
  loop_->post(
      [this, written, event = std::move(event)] { written->set_value(journal_now(event)); });
  return result.get();
}

void Supervisor::warn(const std::string& code,
                      const std::string& reason,
                      const std::string& advice) {
  log::warning(reason);
  journal({.kind = Kind::warning, .code = code, .reason = reason, .advice = advice});
}

Duration Supervisor::now() const {
  return clock_.monotonic() - program_started_;
}

std::string Supervisor::node_name() const {
  const auto slurm = context_.env.find("SLURMD_NODENAME");
  return slurm != context_.env.end() ? slurm->second : host_name();
}

} // namespace ckpt::runner
