#pragma once

#include "api/views.hpp"
#include "core/engine/engine.hpp"
#include "core/store/origin.hpp"
#include "daemon/reconciler.hpp"
#include "daemon/views.hpp"

namespace ckpt::daemon {

struct CommandsConfig {
  engine::EngineConfig engine;
  std::uint64_t min_free_bytes = std::uint64_t{64} << 20U; ///< in the store, for a new job
};

/// A checkpoint that was asked for and is looked after.
struct PendingCheckpoint {
  JobId job;
  AttemptId attempt;
  std::int64_t order = 0;
  GenerationId generation;
};

struct ForkPlan {
  GenerationId generation;
  std::optional<JobId> made; ///< by an earlier call with the same key
};

/// A request for a job, checked, and with what the daemon itself says of it, but for its name.
struct PreparedRequest {
  api::SubmitRequest full;
  std::size_t script_at = 0; ///< where the script's copy stands in argv, if there is one
};

/// A job array that is being made.
struct ArrayPlan {
  PreparedRequest wanted;
  Policy policy; ///< of all; a task's own has its index in the patterns of its files
  std::string digest;
  std::vector<ArrayTask> tasks;
  std::vector<JobId> made; ///< of the first tasks
  std::optional<JobId> of; ///< made by an earlier call with the same key
};

/// The tag that all tasks of an array have; its value is the id of the first.
inline constexpr const char* kArrayTag = "array";

/// What the API asks for, without the waiting: every call returns at once. Loop thread only.
class Commands {
public:
  Commands(Reconciler& reconciler, CommandsConfig config);

  Result<JobId> resolve(const std::string& selector);
  Result<api::JobView> view(JobId id);
  Result<api::Page<api::JobView>> list(const api::JobFilter& filter);
  Result<std::vector<api::AttemptView>> attempts(JobId id);
  Result<std::vector<api::GenerationView>> generations(JobId id);
  Result<api::GenerationView> generation(JobId id, GenerationId generation);
  /// Raw size of the newest sealed one before it; nothing where there is none.
  std::optional<std::uint64_t> bytes_before(JobId id, GenerationId generation);
  Result<std::vector<api::ProcessView>> processes(JobId id);
  Result<std::vector<api::CoordinatorView>> coordinators();
  Result<api::EventPage> events(const api::EventFilter& filter, std::optional<JobId> job);
  Result<api::OutputChunk> output(JobId id, const api::OutputRequest& request);

  Result<JobId> submit(const api::SubmitRequest& request);
  /// Nothing while the scheduler has not been heard; the job or its refusal after.
  Result<bool> submission_settled(JobId id);

  // arrays.cpp
  /// What is to be made, or the array that this key has made already. Nothing is there yet.
  Result<ArrayPlan> plan_array(const api::ArrayRequest& request);
  /// The folders of up to `most` tasks more: each takes the disk a while. True: all are there.
  Result<bool> make_tasks(ArrayPlan& plan, std::size_t most);
  /// All of them are jobs when this returns; after a failure none is, or all will be (`unknown`).
  Status accept_array(ArrayPlan& plan);
  /// What make_tasks() has made. Not after accept_array().
  void drop_array(const ArrayPlan& plan);
  Result<api::ArrayView> array_view(JobId of);

  // fork.cpp
  /// The generation to start from, or the job that this key has made already.
  Result<ForkPlan> plan_fork(JobId id, const api::ForkRequest& request);
  /// With a copy of that generation, which is used up if a job is made.
  Result<JobId> fork(JobId id, const api::ForkRequest& request, store::StagedOrigin& staged);

  Result<PendingCheckpoint> checkpoint(JobId id, const api::CheckpointRequest& request);
  /// Nothing while it is under way; sealed, or why not.
  Result<std::optional<api::GenerationView>> checkpoint_result(const PendingCheckpoint& pending);

  Status stop(JobId id, const api::StopRequest& request);
  Status restart(JobId id, const api::RestartRequest& request);
  Status cancel(JobId id, const api::CancelRequest& request);

  // care.cpp
  Status change_policy(JobId id, const api::PolicyRequest& request);
  Status hold(JobId id, bool held, const api::ActionRequest& request);
  Status requeue(JobId id, const api::ActionRequest& request);
  Status pin(JobId id, GenerationId generation, bool pinned);

  // housekeeping.cpp
  /// Nothing of it runs or may: its folder may go.
  Status may_be_removed(JobId id);
  /// After may_be_removed(). Its folder is gone, or could not be removed.
  Status forget(JobId id, bool folder_is_gone);
  /// What retention would remove of it now. Nothing of a job that a runner may look after. `all`:
  /// what its folder holds.
  Result<std::vector<api::PrunedView>> prunable(JobId id,
                                                const std::vector<store::GenerationOnDisk>& all);
  /// Removes those.
  Status prune(JobId id, const std::vector<store::GenerationOnDisk>& all);
  Status remove_generation(JobId id,
                           GenerationId generation,
                           const std::vector<store::GenerationOnDisk>& all);
  Path folder(JobId id) { return reconciler_.ports().store.job(id).path(); }
  const store::Store& store() { return reconciler_.ports().store; }
  Result<std::vector<JobId>> all_jobs() { return reconciler_.ports().registry.all_jobs(); }

  // overview.cpp
  /// The scheduler is asked for its nodes, unless that was done just now.
  void ask_for_nodes();
  bool nodes_are_fresh(); ///< asked, and answered or not
  Result<std::vector<api::NodeView>> nodes();
  Result<api::StatsView> stats();
  Result<MetricsInput> metrics_input(); ///< all but what the daemon itself knows

private:
  Result<JobModel> model(JobId id);
  Result<LiveJob*> unfinished(JobId id, const std::string& what);
  ViewContext context(const JobModel& model);
  Status check_submit(const api::SubmitRequest& request);
  Result<PreparedRequest> prepare_request(const api::SubmitRequest& request);
  static std::string request_digest(const api::SubmitRequest& request);
  static std::string default_name(const JobSpec& spec);
  /// Under the lowest number that is free, which the spec has then. `first_task`: the array has it,
  /// too.
  Status make_folder(api::SubmitRequest& full, std::size_t script_at, bool first_task);
  Result<std::optional<JobId>> unfinished_fork_of(JobId id);
  Status check_name(const std::string& name);
  /// The one that was asked for, else the origin's or one made of it that is free.
  Result<std::string> name_of_fork(const std::string& asked, const std::string& origin);
  std::string engines_of_fork(const api::ForkRequest& request, JobId origin) const;
  /// `script_at`: where the script's copy stands in argv, if there is one. `prepare`: what else the
  /// job's folder needs before the job is durable.
  Result<JobId> make_job(api::SubmitRequest full,
                         const std::string& digest,
                         std::size_t script_at,
                         const std::function<Status(const Path& folder)>& prepare);
  /// What is a job of ours among the dependencies gets its number, which stays when Slurm's change.
  Result<std::vector<std::string>> name_dependencies(const std::vector<std::string>& sbatch_args);
  Status check_restart(const JobModel& model, const api::RestartRequest& request);
  Status check_budget(const JobModel& model, const Policy& policy);
  std::string
  end_of_limits(const JobModel& model, const api::RestartRequest& request, Policy& policy);
  /// True: this key was seen with the same request, and nothing is to be done.
  Result<std::optional<std::string>> seen_before(const std::string& call,
                                                 std::int64_t job,
                                                 const std::string& key,
                                                 const std::string& request);

  Reconciler& reconciler_;
  CommandsConfig config_;
  std::set<JobId> removing_; ///< their folders are going; they are not shown any more
  std::vector<scheduler::NodeFacts> nodes_;
  std::optional<MonoTime> nodes_at_;
  bool asking_nodes_ = false;
};

} // namespace ckpt::daemon
