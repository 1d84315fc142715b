#pragma once

#include "core/base/files.hpp"

namespace ckpt::engine::dmtcp {

/// Makes sure that the library which mends DMTCP's names of open files (inside/file_ids.c says why)
/// is in `folder`, which is made if need be; its path, whose name changes with its content. Written
/// only where it is not there as a whole: others may run with it.
Result<Path> place_inside(const Path& folder);

} // namespace ckpt::engine::dmtcp
