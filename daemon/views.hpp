#pragma once

#include "api/views.hpp"
#include "core/domain/allocation.hpp"
#include "daemon/model.hpp"
#include "daemon/registry/registry.hpp"

namespace ckpt::daemon {

/// What the daemon knows beside the rows.
struct ViewContext {
  TimePoint now{};
  std::string waits_for;                  ///< why nothing is done, of a live job
  const Allocation* allocation = nullptr; ///< of the open submission, as last seen
  bool scheduler_silent = false;          ///< the newest question had no answer
  std::string stdout_path;
  std::string stderr_path;
  std::optional<GenerationRef> fork_of;   ///< another job's generation that it started from
  std::vector<api::WarningView> warnings; ///< beside those of its row
};

api::JobView job_view(const JobModel& model, const ViewContext& context);
/// Claimed ones, and the one that waits for its claim under the next number.
std::vector<api::AttemptView> attempt_views(const JobModel& model, const ViewContext& context);
api::GenerationView generation_view(const JobModel& model, const GenerationRow& row);
api::EventView event_view(const StoredEvent& event);

} // namespace ckpt::daemon
