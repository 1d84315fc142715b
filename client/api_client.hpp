#pragma once

#include "api/endpoint.hpp"
#include "api/overview.hpp"
#include "core/domain/result.hpp"

#include <memory>
#include <string>

namespace ckpt::client {

/// Typed calls to a daemon; blocking; one thread. A POST carries an idempotency key of its own, so
/// a connection that broke is tried once more without doing anything twice.
class ApiClient {
public:
  /// Over the socket, or, when that is gone, over TCP with the token. Does not connect yet.
  explicit ApiClient(api::Endpoint endpoint);
  ~ApiClient();
  ApiClient(ApiClient&&) noexcept;
  ApiClient& operator=(ApiClient&&) noexcept;

  const api::Endpoint& endpoint() const;
  /// Whether a daemon answers (`no_daemon` if not), within `patience` if that is given.
  Status ping(std::optional<Duration> patience = std::nullopt);

  Result<api::StatusView> status();
  Result<api::JobView> submit(const api::SubmitRequest& request);
  Result<api::ArrayView> submit_array(const api::ArrayRequest& request);
  Result<api::Page<api::JobView>> list_jobs(const api::JobFilter& filter);
  /// All pages.
  Result<std::vector<api::JobView>> all_jobs(api::JobFilter filter);
  Result<api::JobView> job(const std::string& selector);
  Result<std::vector<api::AttemptView>> attempts(const std::string& selector);
  Result<std::vector<api::GenerationView>> generations(const std::string& selector);
  Result<api::GenerationView> generation(const std::string& selector, GenerationId id);
  Result<std::vector<api::ProcessView>> processes(const std::string& selector);
  Result<std::vector<api::CoordinatorView>> coordinators();
  Result<api::GenerationView> checkpoint(const std::string& selector, Duration wait);
  Result<api::JobView> stop(const std::string& selector, Duration wait);
  Result<api::JobView> restart(const std::string& selector, const api::RestartRequest& request);
  Result<api::JobView> fork(const std::string& selector, const api::ForkRequest& request);
  Result<api::JobView> cancel(const std::string& selector, Duration wait);
  Result<api::JobView> hold(const std::string& selector);
  Result<api::JobView> release(const std::string& selector);
  Result<api::JobView> requeue(const std::string& selector);
  /// `patch`: a JSON object of policy fields.
  Result<api::JobView> change_policy(const std::string& selector, const std::string& patch);
  Status remove_job(const std::string& selector);
  Result<api::GenerationView> pin(const std::string& selector, GenerationId id, bool pinned);
  /// With `progress` while it is under way.
  Result<api::GenerationView> verify(const std::string& selector, GenerationId id, Duration wait);
  Result<api::GenerationView> remove_generation(const std::string& selector, GenerationId id);
  Result<std::vector<api::PrunedView>> prune(const api::PruneRequest& request);
  Result<std::vector<api::NodeView>> nodes();
  Result<api::StatsView> stats();
  Result<api::EventPage> events(const api::EventFilter& filter);
  Result<api::OutputChunk> output(const std::string& selector, const api::OutputRequest& request);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace ckpt::client
