#pragma once

#include "core/domain/generation.hpp"

namespace ckpt::runner {

/// This machine: CPU flags, kernel, glibc.
HostFingerprint this_host();

} // namespace ckpt::runner
