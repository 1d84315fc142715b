#pragma once

#include "core/domain/allocation.hpp"
#include "core/domain/result.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ckpt::daemon {

/// What the scheduler said last. An answer is as old as its question.
struct Sightings {
  std::optional<MonoTime> asked_at;     ///< of the newest answer
  std::optional<TimePoint> answered_at; ///< likewise, for people
  std::optional<Error> outage;          ///< the newest question had no answer
  std::optional<TimePoint> outage_since;
  int failures_in_a_row = 0;
  std::map<SchedulerJobId, Allocation> by_id; ///< of the newest restart count
  std::map<std::string, std::vector<SchedulerJobId>> by_token;
  std::map<std::string, std::string> leaving_nodes; ///< with why; of nodes that run our jobs
  std::set<SchedulerJobId> not_looked_up; ///< not in the snapshot, and accounting did not answer
};

/// The maps of an answer.
void put_allocations(Sightings& sightings, const std::vector<Allocation>& allocations);

} // namespace ckpt::daemon
