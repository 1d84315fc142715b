#pragma once

#include "core/base/files.hpp"
#include "core/base/process.hpp"

#include <functional>
#include <string>
#include <vector>

// What is kept of a launch, checkpoint or restart that hangs, before anything of it is ended.

namespace ckpt::engine {

using Processes = std::function<std::vector<ProcessInfo>()>;

/// One line for a message: "2 processes: simulate (7) stopped by a signal; sh (6) sleeps in wait4".
/// At most three processes, those that explain most first. Empty without processes.
std::string describe_stall(const std::vector<ProcessInfo>& processes);

/// Writes to `file` (0600): `why`; of each process state, CPU time at two looks a fifth of a second
/// apart, wait channel, kernel stack where it may be read, signals blocked and pending, open
/// descriptors; the end of each log; `more`. What cannot be read or written is left out: evidence
/// must not add to the trouble. Blocks for a quarter of a second.
void keep_evidence(const Path& file,
                   const std::string& why,
                   const Processes& processes,
                   const std::vector<Path>& logs,
                   const std::string& more = {});

/// Whether an error says that something hangs.
bool tells_of_a_stall(const Error& error);

} // namespace ckpt::engine
