#pragma once

#include "runner/context.hpp"

namespace ckpt::runner {

/// After a requeue Slurm lets the job wait for `cred_expire` (two minutes by default). A StartTime
/// that is set while the job is still COMPLETING is accepted and then overwritten
/// (measured, 22.05), and it is COMPLETING until the runner has left. So the runner starts a small
/// process of its own session before it leaves, which waits until the job is pending and then asks.
/// Where the site's proctrack ends that process too (cgroup), the daemon does it; with neither the
/// job waits the two minutes. `exclude_node` (or empty) is kept from the next attempt, which can
/// only be asked for while the job is pending.
Status leave_start_now_behind(const Context& context, const std::string& exclude_node);

/// That process: `ckpt-runner start-now`. Ends after a minute at the latest.
int run_start_now(const std::map<std::string, std::string>& env);

} // namespace ckpt::runner
