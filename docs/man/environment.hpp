#pragma once

#include "docs/man/roff.hpp"

namespace ckpt::man {

/// The section of the variables that ckpt and ckptd both honour.
void add_environment(Page& page);

} // namespace ckpt::man
