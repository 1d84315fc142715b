#pragma once

// `ckpt-runner --ns-init FILE FD`: the process between runner and program under CRIU. It makes the
// namespaces, starts or restores the program inside, runs `criu dump` when the runner asks over the
// socket FD, and ends as the program ended.

namespace ckpt::engine {

/// argv as main got it, `--ns-init` at argv[1]. Returns the exit status for main, or does not
/// return.
int run_ns_init(int argc, char** argv);

} // namespace ckpt::engine
