#include "client/resume.hpp"

namespace ckpt::client {

Resumption resumption_of(const std::optional<api::JobView>& job) {
  if (!job) {
    return Resumption::submit;
  }
  switch (job->state) {
  case JobState::queued:
  case JobState::running:
  case JobState::stopping:
    return Resumption::goes_on;
  case JobState::parked:
    return Resumption::restart;
  case JobState::completed:
    return Resumption::done;
  case JobState::failed: // without a generation a restart would be a new start anyway
    return job->latest_generation ? Resumption::restart : Resumption::submit;
  case JobState::cancelled:
    return Resumption::cancelled;
  }
  return Resumption::submit;
}

Result<std::optional<api::JobView>> job_named(ApiClient& client, const std::string& name) {
  auto job = client.job(name);
  if (!job && job.error().cls == ErrorClass::not_found) {
    return std::nullopt;
  }
  if (!job) {
    return tl::unexpected(job.error());
  }
  // An id or a number of the scheduler's finds a job, too.
  return job->name == name ? std::optional(*std::move(job)) : std::nullopt;
}

} // namespace ckpt::client
