#pragma once

#include "core/base/process.hpp"
#include "core/domain/process_facts.hpp"

#include <vector>

namespace ckpt {

/// Looks at what each of the processes has open, mapped and connected. Ends of connections that
/// belong to one of them, or to one of `helpers` (a coordinator), are inside and not told;
/// `helpers` are not looked at otherwise. One that ends meanwhile is left out. Descriptors from 821
/// on are DMTCP's own and left out. Reads the proc filesystem and stats files: it can hang with a
/// filesystem that hangs, so not on a thread that must not. Any thread.
std::vector<ProcessFacts> look_at_processes(const std::vector<ProcessInfo>& processes,
                                            const std::vector<pid_t>& helpers);

} // namespace ckpt
