#pragma once

#include "core/base/files.hpp"
#include "core/domain/generation.hpp"

#include <vector>

// initial.json in the job folder: how long the output and the --append-files were before the
// program first ran, for a start from the beginning after an attempt that never sealed a
// generation.

namespace ckpt::store {

using InitialLengths = std::vector<FileLength>;

/// `no_such_file` before the first attempt has written it.
Result<InitialLengths> read_initial_lengths(const Path& file);
Status write_initial_lengths(const Path& file, const InitialLengths& lengths);

} // namespace ckpt::store
