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
  Duration restart_delay = seconds{5};    ///< after one that broke at once; then it grows
  Duration look_every = seconds{2};       ///< at orders and at the clock
  Duration store_patience = minutes{2};   ///< with a store that is full or fails, see StorePatience
  Duration ask_scheduler_every = minutes{10};

  store::JobFolder folder() const { return store::JobFolder(job_path); }
};

/// From the command line after "run" and the environment (SLURM_JOB_ID, SLURM_RESTART_COUNT,
/// CKPT_LOCAL_JOB_ID, CKPT_LOCAL_STATE, CKPT_LOCAL_RESTART_COUNT; CKPT_LEASE, CKPT_LOOK_EVERY,
/// CKPT_RESTART_DELAY and CKPT_STORE_PATIENCE change the times). Error `bad_arguments` (usage).
Result<Context> read_context(const std::vector<std::string>& arguments,
                             const std::map<std::string, std::string>& env);

/// What Slurm's own commands call the allocation that this is the environment of: "24", and "24_7"
/// in a task of an array. (SLURM_JOB_ID of the array's last task is the number of the whole array:
/// to requeue that would requeue all.)
SchedulerJobId slurm_job_id(const std::map<std::string, std::string>& env);

/// In a task of an array the batch script names a link; puts the job's own folder in its place,
/// once that is seen to be of this task. Else does nothing. Errors: those of the storage,
/// `no_such_file` when the job was removed, `not_this_task`.
Status find_own_folder(Context& context);

std::map<std::string, std::string> current_environment();

} // namespace ckpt::runner
