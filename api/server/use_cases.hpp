#pragma once

#include "api/views.hpp"
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

  /// Ascending by seq, those after `filter.after`; waits for the first one if there is none.
  virtual Result<EventPage> events(const EventFilter& filter) = 0;
  /// No file yet is an empty chunk, not an error.
  virtual Result<OutputChunk> output(const std::string& selector, const OutputRequest& request) = 0;
};

} // namespace ckpt::api
