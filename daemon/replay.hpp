#pragma once

#include "core/store/job_folder.hpp"
#include "daemon/model.hpp"

#include <string>
#include <vector>

namespace ckpt::daemon {

/// Everything that a job's files tell, through apply() in the order in which it came about: as the
/// daemon saw it while it happened. `model` is one of model_of(); generations' folders are not
/// looked at. `damaged`: what of it cannot be read (a line of a journal in its middle, a claim);
/// the rest is there all the same. Blocking; errors: those of reading job.jsonl.
struct Replayed {
  std::vector<store::Claim> claims;
  std::vector<std::string> damaged;
};
Result<Replayed> replay(JobModel& model, const store::JobFolder& folder, Change& change);

} // namespace ckpt::daemon
