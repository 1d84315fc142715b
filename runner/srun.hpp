#pragma once

#include <map>
#include <string>
#include <vector>

// Our srun: what stands first on PATH inside the batch scripts that we carry. Slurm's own talks to
// its controller over connections that no engine can save; this one starts the tasks itself, on
// this node, as plain children (or in its own place when there is one task). A process of its own,
// one thread.

namespace ckpt::runner {

/// `argv` with the program's own name first. Returns the exit status (the highest of the tasks',
/// 128+n for signal n; 1 what is refused, 255 wrong usage, as srun's); does not return when the
/// only task took its place.
int run_srun(const std::vector<std::string>& argv, const std::map<std::string, std::string>& env);

} // namespace ckpt::runner
