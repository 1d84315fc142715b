#pragma once

#include "core/base/process.hpp"
#include "core/domain/result.hpp"

#include <string>
#include <vector>

// What a failed client of Slurm's means, from its exit status and its own words. Pure.

namespace ckpt::scheduler::slurm {

enum class Trouble {
  controller_down,  ///< it was never asked: nothing happened
  maybe_done,       ///< a time-out, or an answer that got lost: it may have been executed
  no_such_job,      ///< "Invalid job id specified"
  already_over,     ///< "Job has already finished", "already completing"
  not_pending,      ///< "Job is no longer pending execution"
  still_pending,    ///< "Job is pending execution", "can not be altered now"
  no_accounting,    ///< "Slurm accounting storage is disabled"
  accounting_down,  ///< slurmdbd does not answer
  not_permitted,    ///< not our job
  requeue_disabled, ///< `--no-requeue`
  busy,             ///< a limit of the moment: nothing happened, later it may
  refused,          ///< everything else: the request itself was refused
};

Trouble classify(const CommandResult& result);

/// The tool's own words: standard error without the "sbatch: error: " in front, one line.
std::string words_of(const CommandResult& result);

/// The Error of a failed command. `doing`: "cancel job 4711". Codes: scheduler_down (retryable),
/// outcome_unknown, no_such_allocation, allocation_over, requeue_refused, scheduler_busy
/// (retryable), accounting_down (retryable), scheduler_refused.
Error command_error(const std::string& doing, const CommandResult& result);

/// The Error of a failed sbatch: codes of Scheduler::submit. The advice of a refusal names the
/// option among `args` that caused it, where sbatch's words tell.
Error submit_error(const CommandResult& result, const std::vector<std::string>& args);

} // namespace ckpt::scheduler::slurm
