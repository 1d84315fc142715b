#pragma once

#include "core/base/files.hpp"
#include "core/domain/job.hpp"
#include "core/store/job_folder.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ckpt::runner {

/// What `ckpt-runner run` was told, and where it stands: read once, never changed.
struct Context {
  Path job_path;
  SubmissionToken token;
  SchedulerKind scheduler = SchedulerKind::local;
  SchedulerJobId scheduler_job_id;
  int restart_count = 0;
  Path local_state_dir;                   ///< scheduler local: where its records are
  std::map<std::string, std::string> env; ///< of this process
  Duration lease = seconds{60};           ///< L of the protocol
  Duration look_every = seconds{2};       ///< at orders and at the clock
  Duration ask_scheduler_every = minutes{10};

  store::JobFolder folder() const { return store::JobFolder(job_path); }
};

/// From the command line after "run" and the environment (SLURM_JOB_ID, SLURM_RESTART_COUNT,
/// CKPT_LOCAL_JOB_ID, CKPT_LOCAL_STATE, CKPT_LOCAL_RESTART_COUNT; CKPT_LEASE and CKPT_LOOK_EVERY
/// shorten the times). Error `bad_arguments` (usage).
Result<Context> read_context(const std::vector<std::string>& arguments,
                             const std::map<std::string, std::string>& env);

std::map<std::string, std::string> current_environment();

} // namespace ckpt::runner
