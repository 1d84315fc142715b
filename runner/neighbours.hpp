#pragma once

#include "core/base/files.hpp"

#include <sys/types.h>

#include <vector>

// Other jobs of this user whose runners live on this host. A fork and its origin share what their
// images name: the environment, and so $TMPDIR. Reads the proc filesystem. Any thread.

namespace ckpt::runner {

/// The folders of the jobs whose runners live here, but `ours`.
std::vector<Path> jobs_running_here(const Path& ours);

/// Whether the process is below the living runner of another job than `ours`.
bool is_of_another_job(pid_t pid, const Path& ours);

/// Whether another job that runs here has this folder for its $TMPDIR.
bool is_tmpdir_of_others(const Path& tmpdir, const Path& ours);

} // namespace ckpt::runner
