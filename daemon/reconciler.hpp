#pragma once

#include "core/base/clock.hpp"
#include "core/domain/retention.hpp"
#include "core/scheduler/scheduler.hpp"
#include "core/store/generations.hpp"
#include "daemon/executor.hpp"
#include "daemon/live_job.hpp"
#include "daemon/metrics.hpp"
#include "daemon/registry/registry.hpp"
#include "daemon/sightings.hpp"

#include <functional>
#include <map>
#include <memory>

namespace ckpt::store {
struct Fate;
}

namespace ckpt::daemon {

struct PollTimes {
  Duration lease = seconds{15};     ///< reads of leases of running attempts
  Duration pending = seconds{60};   ///< something waits or changes; doubles up to `running`
  Duration running = minutes{5};    ///< all attempts run and write
  Duration after_act = seconds{2};  ///< after an act of ours, or an event that announces a change
  Duration outage_max = minutes{5}; ///< back-off of a scheduler that does not answer
  Duration shortest = seconds{5};   ///< where a preemption with grace time may be announced
  Duration partitions = hours{1};   ///< reads of the partitions' grace times
};

struct ReconcilerConfig {
  DecideLimits limits;
  PollTimes poll;
  std::string runner;                     ///< the installed ckpt-runner that new submissions start
  std::map<std::string, std::string> env; ///< sbatch runs with it
  std::map<std::string, std::string> exports; ///< for batch.sh: CKPT_DMTCP_ROOT, CKPT_CRIU
  std::string state_dir;                      ///< for the runner's messages in batch.sh's comment
  Duration order_validity = minutes{10};
  bool tells_command = false;         ///< notify.command is set: it is told of every job's end
  Duration warn_before = seconds{60}; ///< Slurm's early warning, the runner's safety net
};

/// Observe → decide → persist → act, for all unfinished jobs. Loop thread only.
class Reconciler {
public:
  struct Ports {
    Registry& registry;
    const store::Store& store;
    scheduler::Scheduler& scheduler;
    Executor& executor;
    const Clock& clock;
  };
  Reconciler(Ports ports, ReconcilerConfig config);
  ~Reconciler();

  /// Brings the registry up to what the store holds, and takes up the unfinished jobs. With
  /// `rebuild` the registry is expected to be empty.
  Status recover(bool rebuild);

  /// Once every poll.journal: reads what the runners wrote, asks the scheduler if it is time, and
  /// does what decide() says. `still_owner` is asked before every act.
  void tick();

  // --- for the use cases ---
  LiveJob* find(JobId id);
  /// Takes up a job that is not live (a new one; a final one that is restarted).
  Result<LiveJob*> adopt(JobModel model);
  /// The durable event, then event and state in one transaction. `taken_over` (conflict) when the
  /// state folder is another daemon's now: nothing was written.
  Status record(LiveJob& job, store::JobEvent event, const std::string& request = {});
  /// Likewise of several jobs, each once, in one transaction. After a failure some of the events
  /// may have happened.
  struct JobAndEvent {
    LiveJob* job = nullptr;
    store::JobEvent event;
  };
  Status record_all(const std::vector<JobAndEvent>& events, const std::string& request = {});
  /// Rows that changed without an event of the job's (an order's generation).
  Status commit(LiveJob& job, const Change& change);
  /// Reads, decides and acts for one job now.
  void attend(LiveJob& job);
  /// Rings the runner, asynchronously.
  void ring(LiveJob& job);
  void poll_soon();
  /// To the newest attempt: checkpoint, then another allocation.
  Status order_requeue(LiveJob& job);

  /// What retention says of a job whose folder holds `on_disk`.
  static std::vector<RetentionVerdict>
  verdicts(const JobModel& model, const std::vector<store::GenerationOnDisk>& on_disk);
  /// Somebody may be at work in its folder.
  bool has_runner(const JobModel& model) const;
  /// Its runner has shown a moment ago that it is at work.
  bool has_fresh_lease(JobId id, AttemptId attempt) const;
  /// Removes what retention does not want; nothing while somebody is at work there.
  void tidy_now(LiveJob& job, const std::vector<store::GenerationOnDisk>& on_disk);
  /// Removes one. The caller has made sure that it may go.
  Status remove_now(LiveJob& job, GenerationId generation, const std::string& reason);
  /// A job that is over is not looked after any more. False: something of it may still be at work.
  bool let_go(JobId id);
  const std::map<JobId, std::unique_ptr<LiveJob>>& jobs() const { return jobs_; }

  /// The verification has found that a sealed generation is what was sealed.
  void found_good(JobId id, GenerationId generation, TimePoint at);
  /// Or that it is not, and has marked it.
  void found_corrupt(JobId id, GenerationId generation, const std::string& problem);
  struct CorruptNewest {
    JobId job;
    GenerationId generation;
    std::string problem;
  };
  /// Unfinished jobs whose newest generation is corrupt: a restart goes further back than it
  /// should.
  std::vector<CorruptNewest> corrupt_newest() const;

  const Sightings& sightings() const { return sightings_; }
  const Figures& figures() const { return figures_; }
  /// Of a job that does not go on by itself, or under another id: who waits for it in the queue.
  std::vector<api::WarningView> waiting_for(const JobModel& model) const;
  /// Why the registry did not take the newest change, and since when; it is tried again.
  const std::optional<Error>& registry_trouble() const { return registry_trouble_; }
  TimePoint registry_trouble_since() const { return registry_trouble_since_; }
  std::size_t live_count() const { return jobs_.size(); }
  bool anything_runs() const; ///< an open submission is there
  const ReconcilerConfig& config() const { return config_; }
  Ports& ports() { return ports_; }
  std::int64_t epoch = 1; ///< of this daemon, for orders
  std::function<bool()> still_owner = [] { return true; };
  std::function<void()> changed = [] {}; ///< after every commit

private:
  struct JobAndChange {
    LiveJob* job = nullptr;
    Change change;
  };
  Result<Change> write_down(LiveJob& job, store::JobEvent event, const std::string& request);
  Status commit_all(const std::vector<JobAndChange>& changes);

  // observing (observe.cpp)
  void observe(LiveJob& job);
  void last_look(LiveJob& job);
  void read_claims(LiveJob& job, Change& change);
  bool started_again(const SubmissionRow& open, const AttemptRow& newest) const;
  bool read_journal(LiveJob& job, AttemptId n, Change& change);
  void read_coordinator(LiveJob& job, AttemptId n);
  void watch_lease(LiveJob& job, const JobFacts& facts);
  void adopt_by_token(LiveJob& job);
  JobFacts facts_of(LiveJob& job);
  AllocationFacts allocation_facts(LiveJob& job);
  std::vector<SchedulerJobId> surplus_of(const LiveJob& job, const SubmissionRow* open);
  JobCounts counts_of(const LiveJob& job) const;
  void look_for_orders(LiveJob& job);
  bool runs(const LiveJob& job) const; ///< its newest attempt has the program running

  // asking (poll.cpp)
  void poll_if_due();
  struct Question;
  struct Answer;
  Question question() const;
  void take_answer(const Question& question, const Answer& answer);
  std::vector<Allocation> counted_by_attempts(std::vector<Allocation> allocations) const;
  Duration poll_interval() const;
  Duration usual_poll_interval() const;
  std::optional<Duration> shortest_grace() const; ///< of the jobs that run
  bool changes_over(const LiveJob& job) const;

  // acting (act.cpp)
  void act(LiveJob& job, const Action& action);
  void submit(LiveJob& job, const Action& action);
  Status write_start(LiveJob& job, const SubmissionToken& token);
  Result<scheduler::Submission> submission_of(const LiveJob& job,
                                              const SubmissionToken& token) const;
  void tried(LiveJob& job, const SubmissionToken& token);
  void put_off(LiveJob& job, const std::string& why);
  void submitted(LiveJob& job, const SubmissionToken& token, const Result<SchedulerJobId>& result);
  // several jobs by one call: the tasks of an array (act_array.cpp)
  struct TaskGroup;
  void submit_tasks(LiveJob& asking, const std::string& reason);
  TaskGroup tasks_to_submit(LiveJob& asking);
  Status intend(const std::vector<LiveJob*>& tasks, const std::string& reason);
  Result<scheduler::Submission> submission_of_tasks(const std::vector<LiveJob*>& tasks) const;
  void tasks_submitted(const std::vector<JobId>& tasks, const Result<SchedulerJobId>& result);

  void transition(LiveJob& job, const Action& action);
  void close_submission(LiveJob& job, const Action& action);
  void mark_lost(LiveJob& job, const Action& action);
  bool give_order(LiveJob& job, store::OrderKind kind, Trigger trigger, const std::string& reason);
  void give_stop_order(LiveJob& job);
  void tell_of_begin(LiveJob& job);
  void tell_policy(LiveJob& job); ///< to a runner that may not know the newest
  void give_cancel_order(LiveJob& job, const std::string& reason);
  void give_drain_order(LiveJob& job, const Action& action);
  void ask_scheduler(LiveJob& job,
                     std::function<Status()> blocking,
                     std::function<void(LiveJob&, const Status&)> then = {});
  void forget_watch(LiveJob& job);

  // what waits for what (dependencies.cpp)
  Result<std::vector<std::string>> args_of(const LiveJob& job) const;
  Result<std::optional<std::string>> job_to_wait_for(const std::string& type,
                                                     const std::string& written) const;
  void move_dependents(LiveJob& job);
  void move_dependent(LiveJob& job, const Allocation& waiting, const std::string& dependency);

  LiveJob* take_up(JobId id); ///< also a final one; nullptr: cannot be

  // retention (tidy.cpp)
  bool may_have_runner(const LiveJob& job) const;
  void tidy_if_quiet(LiveJob& job);
  void tidy(LiveJob& job, const std::vector<store::GenerationOnDisk>& on_disk);
  bool has_left(const LiveJob& job) const;
  struct Removals;
  void remove(LiveJob& job, const Removals& removals);

  // recovery (recovery.cpp)
  Status recover_job(JobId id, bool rebuild);
  Result<bool> was_accepted_with_array(JobModel& model, const store::JobFolder& folder);
  void remove_abandoned_arrays();
  Result<bool> catch_up(JobModel& model, const store::JobFolder& folder, bool rebuild);
  Status read_all(JobModel& model, const store::JobFolder& folder, Change& change);
  Status read_on(JobModel& model,
                 const store::JobFolder& folder,
                 const std::vector<store::JobEvent>& events,
                 Change& change);
  static void
  take_result(JobModel& model, AttemptId attempt, const store::Fate& result, Change& change);
  Status reconcile_generations(JobModel& model, const store::JobFolder& folder, Change& change);

  MonoTime now() const { return ports_.clock.monotonic(); }
  TimePoint wall() const { return ports_.clock.now(); }

  Ports ports_;
  ReconcilerConfig config_;
  std::map<JobId, std::unique_ptr<LiveJob>> jobs_;
  Sightings sightings_;
  Figures figures_; ///< of the scheduler's part
  bool polling_ = false;
  std::optional<MonoTime> poll_at_;
  std::map<std::string, Duration> grace_times_; ///< by partition
  std::optional<MonoTime> grace_times_at_;
  int quiet_polls_ = 0;
  std::map<SubmissionToken, MonoTime> arrays_looked_at_; ///< that could not be submitted just then
  std::optional<Error> registry_trouble_;
  TimePoint registry_trouble_since_{};
};

/// A job's first event: from it on there is a job.
store::JobEvent created_event(const std::string& idempotency_key);

/// Of the submission that a job array is made by; a task that is submitted later on by itself has
/// another one.
bool is_task_of_array(const JobSpec& spec, const SubmissionToken& token);

/// Likewise for all tasks of an array. Pure.
std::string array_batch_script(const std::string& runner,
                               const Path& tasks,
                               const SubmissionToken& array,
                               const std::map<std::string, std::string>& exports);

/// What batch.sh holds. Pure.
std::string batch_script(const std::string& runner,
                         const Path& job_folder,
                         const SubmissionToken& token,
                         const std::map<std::string, std::string>& exports);

} // namespace ckpt::daemon
