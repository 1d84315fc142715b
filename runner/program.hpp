#pragma once

#include "core/domain/job.hpp"
#include "core/engine/engine.hpp"
#include "runner/context.hpp"

#include <string>
#include <vector>

namespace ckpt::runner {

/// `%j` (first Slurm id), `%J`, `%x` (name), `%u` (user), `%N` (node), `%A` and `%a` (of an array),
/// `%%`, with sbatch's padding (`%4j`); relative to `cwd`. Unknown ones stay as they are, as sbatch
/// leaves them.
struct OutputNames {
  std::string scheduler_job_id;
  std::string job_name;
  std::string user;
  std::string node;
  std::string cwd;
  std::string array_job_id{}; ///< empty: as scheduler_job_id
  std::string task{};         ///< the index of an array's task; empty: it is none
};
std::string expand_output_path(const std::string& pattern, const OutputNames& names);

/// Where the job's output goes; the first attempt fixes it for all.
struct OutputPaths {
  Path out;
  Path err; ///< equal to `out` when the user named none
};
Result<OutputPaths> fix_output_paths(const Context& context, const JobSpec& spec);

/// A folder below /tmp at a path that every attempt of the job has again; 0700. `wanted`: that of a
/// fork's origin, which the images name; empty: one of its own.
Result<Path> make_stable_tmpdir(const Context& context, const Path& wanted = {});

/// The program as the engine gets it: the user's environment, overlaid with this allocation's
/// SLURM_*; TMPDIR; CKPT_JOB and CKPT_ATTEMPT for programs that want to know, and CKPT_RUN, by
/// which left-overs are found. `--setup` and `--module` become a shell that execs the program. A
/// batch script also gets what Slurm's batch step sets (HOSTNAME, ENVIRONMENT), the
/// SLURM_SUBMIT_DIR of its submission, and `inside` (see make_inside_folder) first on PATH.
engine::ProgramInfo make_program(const Context& context,
                                 const JobSpec& spec,
                                 const Policy& policy,
                                 AttemptId attempt,
                                 const Path& tmpdir,
                                 const Path& inside = {});

/// The folder beside this executable in which it is called `srun`, and the file that keeps it first
/// on PATH in login shells. Made when it is missing; safe to repeat, also at the same time.
Result<Path> make_inside_folder(const Path& runner_executable);

/// The environment entry that every process of an attempt carries.
std::string run_mark(const Context& context, AttemptId attempt);

/// Absolute paths of the files that the globs name now, relative ones below `cwd`. `complete` (may
/// be nullptr) is set to false when a folder could not be looked into.
std::vector<Path> expand_globs(const std::vector<std::string>& globs,
                               const std::string& cwd,
                               bool* complete = nullptr);

} // namespace ckpt::runner
