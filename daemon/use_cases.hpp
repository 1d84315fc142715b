#pragma once

#include "api/server/use_cases.hpp"
#include "daemon/commands.hpp"
#include "daemon/loop_gate.hpp"

#include <mutex>

namespace ckpt::daemon {

class Verifier;

/// What is around the loop. Called on HTTP threads.
struct Around {
  /// nullptr: the daemon ends.
  std::function<Verifier*()> verifier = [] { return nullptr; };
  /// Adds what the server and the loop's timer count.
  std::function<void(Figures&)> figures = [](Figures&) {};
};

/// The API's use cases: each call goes through the gate to the loop, and waits here, on the HTTP
/// thread.
class DaemonUseCases final : public api::UseCases {
public:
  /// `status` is called on the loop.
  DaemonUseCases(LoopGate& gate,
                 Commands& commands,
                 std::function<Result<api::StatusView>()> status,
                 Around around = {},
                 Duration submit_patience = seconds{20});

  Result<api::StatusView> status() override;
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
  Result<api::JobView> restart(const std::string& selector,
                               const api::RestartRequest& request) override;
  Result<api::JobView> fork(const std::string& selector, const api::ForkRequest& request) override;
  Result<api::JobView> cancel(const std::string& selector,
                              const api::CancelRequest& request) override;
  Result<api::JobView> hold(const std::string& selector,
                            const api::ActionRequest& request) override;
  Result<api::JobView> release(const std::string& selector,
                               const api::ActionRequest& request) override;
  Result<api::JobView> requeue(const std::string& selector,
                               const api::ActionRequest& request) override;
  Result<api::JobView> change_policy(const std::string& selector,
                                     const api::PolicyRequest& request) override;
  Status remove_job(const std::string& selector) override;
  Result<api::GenerationView>
  pin(const std::string& selector, GenerationId generation, bool pinned) override;
  Result<api::GenerationView>
  verify(const std::string& selector, GenerationId generation, Duration wait) override;
  Result<api::GenerationView> remove_generation(const std::string& selector,
                                                GenerationId generation) override;
  Result<std::vector<api::PrunedView>> prune(const api::PruneRequest& request) override;
  Result<std::vector<api::NodeView>> nodes() override;
  Result<api::StatsView> stats() override;
  Result<std::string> metrics() override;
  Result<api::EventPage> events(const api::EventFilter& filter) override;
  Result<api::OutputChunk> output(const std::string& selector,
                                  const api::OutputRequest& request) override;

private:
  /// `use` with the job that the selector means, on the loop.
  template <class Use>
  auto with_job(const std::string& selector, Use use) -> decltype(use(JobId{})) {
    return gate_.call([this, selector, use]() -> decltype(use(JobId{})) {
      const auto id = commands_.resolve(selector);
      if (!id) {
        return tl::unexpected<Error>(id.error());
      }
      return use(*id);
    });
  }
  Result<api::JobView> act_on_job(const std::string& selector,
                                  const std::function<Status(JobId)>& act);
  Result<JobId> make_array(const std::shared_ptr<ArrayPlan>& plan);
  /// Once the scheduler has been heard, or after a while.
  Result<api::JobView> view_of_new(JobId id);
  Result<api::JobView> view_when(JobId id, const std::vector<JobState>& states, Duration wait);

  LoopGate& gate_;
  Commands& commands_;
  std::function<Result<api::StatusView>()> status_;
  Around around_;
  Duration submit_patience_;
  std::mutex making_array_;
};

} // namespace ckpt::daemon
