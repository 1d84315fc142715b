#pragma once

#include "core/domain/generation.hpp"

#include <cstdint>

namespace ckpt::runner {

/// This machine: CPU flags, kernel, glibc.
HostFingerprint this_host();

/// How many processes of our cgroup (the allocation's, where the site confines memory) the kernel
/// has killed for memory until now; 0 where that cannot be seen.
std::int64_t memory_kills();

} // namespace ckpt::runner
