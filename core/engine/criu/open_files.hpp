#pragma once

#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/engine/criu/text.hpp"

#include <string>
#include <vector>

// CRIU refuses to restore a file whose size has changed. What a frozen program has open or mapped
// for writing is noted with its size, and cut back to it before a restore: the same rollback that
// DMTCP does.

namespace ckpt::engine::criu {

/// Regular files that any of the processes can write to, `except` some paths (the program's output,
/// which the runner looks after). Deleted files are inside the images and left out.
std::vector<OpenFile> writable_files(const std::vector<ProcessInfo>& processes,
                                     const std::vector<std::string>& except);

/// Whether the dump in `images` carries a deleted file of a user or group that an ordinary user's
/// namespace does not know: its restore would fail. To be asked when the images are written.
bool has_foreign_deleted_file(const Path& images);

/// Cuts those that have grown. One that is shorter or gone is left for CRIU to complain about.
Status roll_back(const std::vector<OpenFile>& files);

} // namespace ckpt::engine::criu
