#pragma once

#include "api/overview.hpp"
#include "core/domain/result.hpp"

namespace ckpt::api {

/// What the API can ask of the daemon. Called from HTTP threads, several at a time; every call
/// returns within its `wait` plus a few seconds (else error `daemon_busy`, class timed_out), and at
/// once when the daemon shuts down. Waiting is done here, the server holds no state of its own.
///
/// `selector` names a job: id ("j-7"), name, the Slurm id of any of its attempts, or "last" (the
/// newest job). Codes: `no_such_job` (not_found), `ambiguous_job` (usage; advice lists the ids).
///
/// `idempotency_key`: a key that was seen with this call and job gives the first call's result
/// again and does nothing, also across a crash; with another request it is `idempotency_conflict`
/// (conflict).
class UseCases {
public:
  virtual ~UseCases() = default;

  virtual Result<StatusView> status() = 0;

  /// The job is durable when this returns; whether the scheduler took it shows in its events.
  virtual Result<JobView> submit(const SubmitRequest& request) = 0;
  /// All of its tasks are durable when this returns, or none is there.
  virtual Result<ArrayView> submit_array(const ArrayRequest& request) = 0;
  virtual Result<Page<JobView>> list_jobs(const JobFilter& filter) = 0;
  virtual Result<JobView> get_job(const std::string& selector) = 0;

  virtual Result<std::vector<AttemptView>> attempts(const std::string& selector) = 0;
  virtual Result<std::vector<GenerationView>> generations(const std::string& selector) = 0;
  virtual Result<GenerationView> generation(const std::string& selector, GenerationId id) = 0;
  virtual Result<std::vector<ProcessView>> processes(const std::string& selector) = 0;
  virtual Result<std::vector<CoordinatorView>> coordinators() = 0;

  /// The generation that serves this request, `sealed` if that happened within `wait`. One that
  /// failed within it is an error (`checkpoint_failed` or the cause's own code).
  virtual Result<GenerationView> checkpoint(const std::string& selector,
                                            const CheckpointRequest& request) = 0;
  /// Checkpoint, free the allocation, park.
  virtual Result<JobView> stop(const std::string& selector, const StopRequest& request) = 0;
  virtual Result<JobView> restart(const std::string& selector, const RestartRequest& request) = 0;
  virtual Result<JobView> cancel(const std::string& selector, const CancelRequest& request) = 0;
  /// No further attempt is started, and one that waits is held back; what runs goes on.
  virtual Result<JobView> hold(const std::string& selector, const ActionRequest& request) = 0;
  virtual Result<JobView> release(const std::string& selector, const ActionRequest& request) = 0;
  /// Checkpoint, leave the allocation, and go on in another one.
  virtual Result<JobView> requeue(const std::string& selector, const ActionRequest& request) = 0;
  /// The runner of a job that runs takes it up within seconds.
  virtual Result<JobView> change_policy(const std::string& selector,
                                        const PolicyRequest& request) = 0;
  /// Of a job that is over: its folder and its place in the lists. Its id is not used again.
  virtual Status remove_job(const std::string& selector) = 0;

  virtual Result<GenerationView> pin(const std::string& selector, GenerationId id, bool pinned) = 0;
  /// Reads every byte again; with `progress` when that was not done within `wait`.
  virtual Result<GenerationView>
  verify(const std::string& selector, GenerationId id, Duration wait) = 0;
  virtual Result<GenerationView> remove_generation(const std::string& selector,
                                                   GenerationId id) = 0;
  /// What retention removes now of jobs that nothing runs of; a runner does so for its own.
  virtual Result<std::vector<PrunedView>> prune(const PruneRequest& request) = 0;

  virtual Result<std::vector<NodeView>> nodes() = 0;
  virtual Result<StatsView> stats() = 0;
  virtual Result<std::string> metrics() = 0; ///< Prometheus' text format

  /// Ascending by seq, those after `filter.after`; waits for the first one if there is none.
  virtual Result<EventPage> events(const EventFilter& filter) = 0;
  /// No file yet is an empty chunk, not an error.
  virtual Result<OutputChunk> output(const std::string& selector, const OutputRequest& request) = 0;
  /// A new job that starts from a generation of this one, which is left as it is.
  virtual Result<JobView> fork(const std::string& selector, const ForkRequest& request) = 0;
};

} // namespace ckpt::api
