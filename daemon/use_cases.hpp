#pragma once

#include "api/server/use_cases.hpp"
#include "daemon/commands.hpp"
#include "daemon/loop_gate.hpp"

namespace ckpt::daemon {

/// The API's use cases: each call goes through the gate to the loop, and waits here, on the HTTP
/// thread.
class DaemonUseCases final : public api::UseCases {
public:
  /// `status` is called on the loop.
  DaemonUseCases(LoopGate& gate,
                 Commands& commands,
                 std::function<Result<api::StatusView>()> status,
                 Duration submit_patience = seconds{20});

  Result<api::StatusView> status() override;
  Result<api::JobView> submit(const api::SubmitRequest& request) override;
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
  Result<api::JobView> cancel(const std::string& selector,
                              const api::CancelRequest& request) override;
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
  Result<api::JobView> view_when(JobId id, const std::vector<JobState>& states, Duration wait);

  LoopGate& gate_;
  Commands& commands_;
  std::function<Result<api::StatusView>()> status_;
  Duration submit_patience_;
};

} // namespace ckpt::daemon
