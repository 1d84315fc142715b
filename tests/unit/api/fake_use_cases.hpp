#pragma once

#include "api/server/use_cases.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>

namespace ckpt::test {

api::JobView sample_job();
api::AttemptView sample_attempt();
api::GenerationView sample_generation();
api::EventView sample_event();
api::StatusView sample_status();
api::CoordinatorView sample_coordinator();
api::ProcessView sample_process();
api::NodeView sample_node();
api::StatsView sample_stats();

/// Knows one job, j-7, and remembers what it was asked. Thread-safe.
class FakeUseCases : public api::UseCases {
public:
  Result<api::StatusView> status() override { return told; }
  Result<api::JobView> submit(const api::SubmitRequest& request) override;
  Result<api::ArrayView> submit_array(const api::ArrayRequest& request) override;
  Result<api::Page<api::JobView>> list_jobs(const api::JobFilter& filter) override;
  Result<api::JobView> get_job(const std::string& selector) override;
  Result<std::vector<api::AttemptView>> attempts(const std::string& selector) override;
  Result<std::vector<api::GenerationView>> generations(const std::string& selector) override;
  Result<api::GenerationView> generation(const std::string& selector, GenerationId id) override;
  Result<std::vector<api::ProcessView>> processes(const std::string& selector) override;
  Result<std::vector<api::CoordinatorView>> coordinators() override;
  Result<api::GenerationView> checkpoint(const std::string& selector,
                                         const api::CheckpointRequest& request) override;
  Result<api::JobView> stop(const std::string& selector, const api::StopRequest& request) override;
  Result<api::JobView> fork(const std::string& selector, const api::ForkRequest& request) override;
  Result<api::JobView> restart(const std::string& selector,
                               const api::RestartRequest& request) override;
  Result<api::JobView> cancel(const std::string& selector,
                              const api::CancelRequest& request) override;
  Result<api::JobView> hold(const std::string& asked, const api::ActionRequest&) override {
    return get_job(asked);
  }
  Result<api::JobView> release(const std::string& asked, const api::ActionRequest&) override {
    return get_job(asked);
  }
  Result<api::JobView> requeue(const std::string& asked, const api::ActionRequest&) override {
    return get_job(asked);
  }
  Result<api::JobView> change_policy(const std::string& selector,
                                     const api::PolicyRequest& request) override;
  Status remove_job(const std::string& asked) override { return seen(asked); }
  Result<api::GenerationView>
  pin(const std::string& selector, GenerationId id, bool pinned) override;
  Result<api::GenerationView>
  verify(const std::string& selector, GenerationId id, Duration wait) override;
  Result<api::GenerationView> remove_generation(const std::string& asked,
                                                GenerationId id) override {
    return generation(asked, id);
  }
  Result<std::vector<api::PrunedView>> prune(const api::PruneRequest& request) override;
  Result<std::vector<api::NodeView>> nodes() override { return std::vector{sample_node()}; }
  Result<api::StatsView> stats() override { return sample_stats(); }
  Result<std::string> metrics() override { return std::string("ckptd_info 1\n"); }
  Result<api::EventPage> events(const api::EventFilter& filter) override;
  Result<api::OutputChunk> output(const std::string& selector,
                                  const api::OutputRequest& request) override;

  /// A new event; `seq` above 17 and those before.
  void happens(std::int64_t seq, JobId job);
  /// Lets everybody who waits in events() go.
  void release();

  // What it tells; to be set before anybody asks.
  api::StatusView told = sample_status();
  api::JobView the_job = sample_job();
  std::string known_as; ///< by this name, too
  std::vector<api::GenerationView> kept{sample_generation()};
  std::vector<api::JobView> listed{sample_job()};
  bool heeds_states = false;        ///< lists only those that the filter asks for
  std::atomic<int> silent_turns{0}; ///< so often the output is empty, and not all there is

  std::mutex mutex;
  api::SubmitRequest submitted;
  std::string indexes; ///< of submit_array
  api::JobFilter filter;
  api::RestartRequest restarted;
  api::ForkRequest forked;
  api::PolicyRequest policy;
  api::PruneRequest pruned;
  std::vector<api::EventView> history; ///< after sample_event(), guarded by mutex
  api::CheckpointRequest checkpointed;
  api::EventFilter event_filter;
  api::OutputRequest output_request;
  std::string idempotency_key;
  std::string selector;
  std::atomic<int> waiting{0};
  std::atomic<int> calls{0};

private:
  Status seen(const std::string& selector);
  std::condition_variable released_changed_;
  bool released_ = false;
};

} // namespace ckpt::test
