#pragma once

#include "core/base/clock.hpp"
#include "core/domain/timing.hpp"
#include "core/scheduler/scheduler.hpp"
#include "core/store/journal.hpp"
#include "core/store/origin.hpp"
#include "runner/checkpointer.hpp"
#include "runner/event_loop.hpp"
#include "runner/hazard_look.hpp"
#include "runner/lease_keeper.hpp"
#include "runner/start_point.hpp"
#include "runner/store_patience.hpp"
#include "runner/tidy.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace ckpt::runner {

/// What the batch process ends with when the program has not ended: never 0, so that Slurm's
/// `afterok` dependents do not run early.
constexpr int kNotEnded = 85;

/// One attempt, from the claim to its end. Everything but the workers' tasks runs on the main
/// thread. The parts: supervisor.cpp (loop, signals, orders), supervisor_start.cpp (engine, launch,
/// restart), supervisor_started.cpp (what follows), supervisor_checkpoint.cpp (when and what then),
/// supervisor_hazards.cpp,
/// supervisor_end.cpp (TERM, ending, requeue).
class Supervisor {
public:
  Supervisor(Context context, store::Claim claim, Clock& clock);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Runs the attempt to its end; returns the exit status of the batch process.
  int run(EventLoop& loop);

  /// With a local requeue: run() has returned, and this process is to start itself again.
  bool start_again() const { return start_again_; }

private:
  enum class Phase {
    starting, ///< waiting for predecessors, launching or restarting
    running,
    checkpointing,
    ending, ///< the program is being killed
    over,
  };

  /// How the attempt is to end.
  struct Ending {
    EndReason reason = EndReason::unknown;
    std::string detail;
    bool requeue = false;
    std::optional<ExitStatus> program; ///< its own end; then there is nothing left to kill
    std::string exclude_node;          ///< at the requeue
  };

  /// A checkpoint that is being taken, and what follows it.
  struct InFlight {
    std::vector<std::int64_t> orders; ///< answered when it is over
    std::optional<Ending> then_end;   ///< if it is sealed
    Duration started{0};
  };

  // supervisor.cpp
  bool prepare();
  void main_loop();
  void on_signal(int signal);
  void look_at_orders();
  void handle(const store::Order& order);
  void refuse_orders(const std::vector<std::int64_t>& orders, const std::string& reason);
  void reap();
  void reap_orphans();
  void ask_scheduler();
  void on_allocation(const Result<std::vector<Allocation>>& answer);
  void reload_policy();
  /// Writes it now or, if the storage does not let us, behind those that wait already as soon as it
  /// does.
  void journal(store::AttemptEvent event);
  Status journal_now(store::AttemptEvent event); ///< behind those that wait; or not at all
  Status write_waiting_events();
  Status journal_from_worker(store::AttemptEvent event); ///< journal_now, on the main thread
  void warn(const std::string& code, const std::string& reason, const std::string& advice);
  Duration now() const; ///< since the program was launched or restarted
  std::string node_name() const;

  // supervisor_start.cpp
  void start_program();
  Result<std::unique_ptr<engine::Session>> start_on_worker();
  Result<std::unique_ptr<engine::Session>> try_start();
  StorePatience patience_of_start();
  void report(store::AttemptEvent event); ///< from a worker: journal() on the main thread, later
  Error name_the_cause(const Error& error) const;
  Result<std::unique_ptr<engine::Session>> restart_from(const Manifest& manifest);
  Result<std::unique_ptr<engine::Session>> restart_from_copy(const Manifest& manifest,
                                                             const store::Generations& stored,
                                                             std::optional<GenerationId> own);
  Status make_tmpdir_ready(const Manifest& manifest);
  Result<std::unique_ptr<engine::Session>> launch_fresh();
  Status choose_engine_for(const Manifest* manifest);
  /// `folder`: where it begins; empty: in the job's own.
  engine::LaunchRequest launch_request(const std::string& folder = {}) const;
  Status empty_later_files(const std::vector<std::string>& globs,
                           const std::vector<FileLength>& lengths);
  Status cut_output_to_start();

  // supervisor_fork.cpp
  Result<std::unique_ptr<engine::Session>> start_from_origin();
  Status begin_output_as_origin();

  // supervisor_mark.cpp
  Status mark_start(std::optional<GenerationId> from);
  Status look_for_late_generations();
  tl::unexpected<Error> already_finished(AttemptId by, const ExitStatus& result);

  // supervisor_started.cpp
  void on_started(Result<std::unique_ptr<engine::Session>> started);
  void on_start_failed(const Error& error);
  Ending ending_after_failed_start(const Error& error);
  void note_coordinator();

  // supervisor_checkpoint.cpp
  void consider_checkpoint();
  RunFacts run_facts() const;
  void take_checkpoint(Trigger trigger,
                       std::optional<GenerationId> generation,
                       std::vector<std::int64_t> orders,
                       std::optional<Ending> then_end);
  void on_checkpoint(const CheckpointOutcome& outcome);
  std::optional<Ending> ending_after(Trigger trigger) const;
  void tidy();
  std::vector<EarlierAttempt> attempts_until_now() const;

  // supervisor_hazards.cpp
  void plan_hazard_looks(const std::vector<Warning>& from_before);
  LookSetting look_setting() const;
  void look_for_hazards();
  void watch_hazards();
  void tell_warnings(const std::vector<Warning>& found);
  // supervisor_limits.cpp
  /// Loop guard, time budget, and the wait after attempts that broke at once. On the engine's
  /// thread.
  Status may_try_again(std::int64_t floor);
  Ending ending_by_policy() const;

  // supervisor_end.cpp
  void on_term();
  void consider_term();
  Duration predicted_checkpoint() const;
  void on_root_ended(const ExitStatus& status);
  void begin_end(Ending ending);
  void finish_end();
  bool write_end();
  bool decide_result(TimePoint ended_at);
  void clean_up();
  void leave_node();
  void requeue();
  bool was_requeued() const;
  void take_wait_away();
  bool may_requeue(std::string& why_not) const;

  Context context_;
  store::Claim claim_;
  Clock& clock_;
  store::JobFolder folder_;
  store::AttemptFolder attempt_;
  store::AttemptJournal journal_;
  store::Generations generations_;
  Tidy tidy_; ///< used on the tidy worker; at the very end on the main thread
  EventLoop* loop_ = nullptr;
  JobSpec spec_;
  Policy policy_;
  std::vector<EarlierAttempt> earlier_;
  std::vector<Manifest> considered_; ///< that the start was chosen from
  OutputPaths output_;
  Path tmpdir_;
  Path inside_;               ///< where our srun is, of a batch script
  bool tmpdir_saved_ = false; ///< nothing is in it that a later attempt could miss
  HostFingerprint host_;
  std::unique_ptr<scheduler::Scheduler> scheduler_;
  std::unique_ptr<LeaseKeeper> lease_;
  std::unique_ptr<Worker> engine_worker_;    ///< engine calls, sealing
  std::unique_ptr<Worker> scheduler_worker_; ///< Slurm's clients can hang for 20 s
  std::unique_ptr<Worker> tidy_worker_;      ///< retention, compression; low priority

  Phase phase_ = Phase::starting;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::Session> session_;
  std::mutex session_mutex_; ///< for the lease's threads, which freeze its processes
  std::unique_ptr<Checkpointer> checkpointer_;
  HazardWatch hazards_;
  std::vector<Warning> warnings_; ///< that stand, of hazards
  MonoTime next_hazard_look_{};
  std::optional<GenerationId> started_from_; ///< of this job; nothing with a fork's origin
  std::string restarted_from_;               ///< "g3", "j-1 g3"; empty: from the beginning
  std::optional<store::Origin> origin_;      ///< of a fork, while the copy is there
  std::optional<Error> start_error_;
  std::optional<ExitStatus> finished_before_;
  std::string passed_over_; ///< engines, with reasons
  MonoTime program_started_{};
  Duration run_before_{0};
  RunFacts facts_; ///< what has happened; `now` and what depends on it is filled in by run_facts()
  std::uint64_t started_bytes_ = 0; ///< raw size of `started_from_`
  std::set<pid_t> zombies_;         ///< seen at the last look; see reap_orphans
  std::optional<InFlight> in_flight_;
  std::atomic<Trigger> trigger_{Trigger::interval};
  std::atomic<bool> checkpoint_wanted_{false}; ///< the tidy worker gives way
  std::atomic<bool> give_up_start_{false};
  std::atomic<bool> waits_for_store_{false};   ///< the start does; there is no program yet
  std::vector<store::AttemptEvent> unwritten_; ///< the storage did not let us
  std::atomic<bool> leave_unsealed_{false};    ///< see CheckpointWish
  std::vector<store::Order> waiting_orders_;   ///< came during the start or a checkpoint
  std::int64_t next_order_ = 1;
  std::int64_t daemon_epoch_ = 0;
  std::optional<MonoTime> walltime_ends_;
  std::optional<MonoTime> preempted_at_;
  MonoTime next_look_{};
  MonoTime next_ask_{};
  bool asking_ = false;
  std::optional<MonoTime> term_seen_;
  Duration kill_wait_ = seconds{30};
  std::optional<EndReason> term_cause_;
  std::int64_t memory_kills_before_ = 0;
  std::optional<ExitStatus> root_status_;
  std::atomic<bool> fenced_{false};
  std::atomic<bool> frozen_{false}; ///< by the lease
  std::optional<Ending> ending_;
  int exit_status_ = kNotEnded;
  bool start_again_ = false;
};

} // namespace ckpt::runner
