#pragma once

#include "core/base/files.hpp"
#include "core/script/srun_options.hpp"

#include <map>
#include <string>
#include <vector>

// The parts of our srun: what a task gets, and where its streams go. Not for others.

namespace ckpt::runner {

/// A step as it is about to start.
struct Step {
  script::SrunCall call;
  std::vector<std::string> argv;
  std::map<std::string, std::string> env; ///< of srun itself
  int tasks = 1;
  std::string id = "0"; ///< number of the step in the job
  std::string node;
};

/// The environment of one task, without SLURM_TASK_PID.
std::map<std::string, std::string> environment_of_task(const Step& step, int task);

/// Puts this process's streams where -i, -o and -e want them for that task; `out` and `err` are
/// descriptors that take the place of "all" (-1: this process's own).
Status redirect_streams(const Step& step, int task, int out, int err);

/// Empties the files that tasks share, once, before any task appends to them.
Status prepare_files(const Step& step);

/// The libraries among those that the ELF file names which belong to MPI; empty for other files.
std::string mpi_library_of(const Path& program);

} // namespace ckpt::runner
