#pragma once

#include "core/base/files.hpp"
#include "core/domain/generation.hpp"

#include <vector>

// initial.json in the job folder: how long the output and the --append-files were before the
// program first ran, for a start from the beginning after an attempt that never sealed a
// generation.

namespace ckpt::store {

struct InitialLengths {
  std::vector<FileLength> lengths;
  /// The --append-files that `lengths` is complete for (none in files of older versions).
  std::vector<std::string> append_files;
};

/// `no_such_file` before the first attempt has written it.
Result<InitialLengths> read_initial_lengths(const Path& file);
Status write_initial_lengths(const Path& file, const InitialLengths& initial);

} // namespace ckpt::store
