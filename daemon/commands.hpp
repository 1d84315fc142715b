#pragma once

#include "api/views.hpp"
#include "core/engine/engine.hpp"
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
  Result<std::vector<api::ProcessView>> processes(JobId id);
  Result<std::vector<api::CoordinatorView>> coordinators();
  Result<api::EventPage> events(const api::EventFilter& filter, std::optional<JobId> job);
  Result<api::OutputChunk> output(JobId id, const api::OutputRequest& request);

  Result<JobId> submit(const api::SubmitRequest& request);
  /// Nothing while the scheduler has not been heard; the job or its refusal after.
  Result<bool> submission_settled(JobId id);

  Result<PendingCheckpoint> checkpoint(JobId id, const api::CheckpointRequest& request);
  /// Nothing while it is under way; sealed, or why not.
  Result<std::optional<api::GenerationView>> checkpoint_result(const PendingCheckpoint& pending);

  Status stop(JobId id, const api::StopRequest& request);
  Status restart(JobId id, const api::RestartRequest& request);
  Status cancel(JobId id, const api::CancelRequest& request);

private:
  Result<JobModel> model(JobId id);
  ViewContext context(const JobModel& model);
  Status check_submit(const api::SubmitRequest& request);
  Status check_restart(const JobModel& model, const api::RestartRequest& request);
  /// True: this key was seen with the same request, and nothing is to be done.
  Result<std::optional<std::string>> seen_before(const std::string& call,
                                                 std::int64_t job,
                                                 const std::string& key,
                                                 const std::string& request);

  Reconciler& reconciler_;
  CommandsConfig config_;
};

} // namespace ckpt::daemon
