#pragma once

#include "core/scheduler/scheduler.hpp"

#include <map>
#include <string>
#include <vector>

// Every command line that we give to Slurm's clients. Pure.

namespace ckpt::scheduler::slurm {

using Words = std::vector<std::string>;
using Environment = std::map<std::string, std::string>;

/// `sbatch` for one submission. The user's options come first and ours last, since the last one of
/// a kind wins; what would break ours is taken out or merged:
///  * --comment and --exclude: the user's value, then ours
///  * --signal: with `warn_before` ours; the user's is then the runner's business (user_signal)
///  * --requeue --open-mode=append --output --error --chdir --job-name: ours
///  * --mail-type, --mail-user: taken out, since mails are for the job and not for each attempt
///  * --array, --output: of the tasks, if the submission has any (`%a` for the index)
///  * --wait, --quiet, --parsable, --wrap: taken out (sbatch would block, or keep the id to itself)
/// Errors (usage): those of parse_options, and `option_not_supported` for --array among the
/// options, heterogeneous jobs, other clusters and --test-only.
Result<Words> sbatch_command(const Submission& submission);

/// What sbatch runs with: the submission's environment without what Slurm set for the job that we
/// may be inside of (a stale SLURM_RESTART_COUNT would be believed by the runner) and without
/// SBATCH_WAIT, SBATCH_ARRAY_INX, SBATCH_CLUSTERS. Other SBATCH_* variables are the user's wishes.
Environment sbatch_environment(const Environment& submission, const Environment& client);

/// For all other clients: no variable that changes what they print or do; times as seconds since
/// 1970.
Environment query_environment(const Environment& client);

/// `separator` ends each field. It has to be unpredictable: names and comments hold any text, line
/// breaks too. `ids` empty: all of this user.
Words squeue_command(const std::string& separator, const std::vector<SchedulerJobId>& ids);
Words sacct_command(const std::string& separator, const std::vector<SchedulerJobId>& ids);
Words nodes_command(const std::string& separator, const std::vector<std::string>& nodes);
Words all_nodes_command(const std::string& separator);
Words partitions_command();
Words excluded_nodes_command(const SchedulerJobId& id);

Words cancel_command(const SchedulerJobId& id);
Words ring_command(const SchedulerJobId& id);
Words requeue_command(const SchedulerJobId& id);
Words start_now_command(const SchedulerJobId& id);
Words hold_command(const SchedulerJobId& id);
Words release_command(const SchedulerJobId& id);
Words exclude_command(const SchedulerJobId& id, const std::string& nodes);
Words dependency_command(const SchedulerJobId& id, const std::string& dependency);
Words ping_command();
Words config_command();
Words version_command();

/// "1-02:04:00", rounded up to whole seconds.
std::string slurm_duration(Duration duration);

/// `--output` for exactly this path: Slurm's `%j` and its kin are escaped.
std::string literal_path(const std::string& path);

} // namespace ckpt::scheduler::slurm
