#pragma once

#include "core/domain/allocation.hpp"

#include <vector>

// The answer to a question for some allocations, put together of what Slurm tells in several
// places. Of a task that is cancelled before it begins Slurm keeps no record, neither in its queue
// nor in its accounting (22.05, measured; docs/decisions/007): it is only missing among the others
// of its array.

namespace ckpt::scheduler::slurm {

/// The ids to ask squeue for: `wanted`, and the arrays of those that are tasks.
std::vector<SchedulerJobId> with_arrays(const std::vector<SchedulerJobId>& wanted);

/// Of `shown`, squeue's answer for with_arrays(wanted), what was wanted; and, as `left_array`, each
/// task that is missing while something of its array is shown.
std::vector<Allocation> wanted_among(const std::vector<Allocation>& shown,
                                     const std::vector<SchedulerJobId>& wanted);

/// Adds what accounting tells of those that the controller has forgotten, and by whom one was
/// cancelled.
void add_remembered(std::vector<Allocation>& found, const std::vector<Allocation>& remembered);

} // namespace ckpt::scheduler::slurm
