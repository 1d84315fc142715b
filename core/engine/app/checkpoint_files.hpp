#pragma once

#include "core/base/files.hpp"

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

// The files that a program writes as its own checkpoint: found, compared, copied, put back.

namespace ckpt::engine::app {

/// What tells one state of a file from another. Compared with itself only, never with a clock: a
/// file server has its own.
struct FileState {
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0; ///< since the epoch
  ino_t inode = 0;
  mode_t mode = 0600;
  bool operator==(const FileState&) const = default;
};
using Snapshot = std::map<std::string, FileState>; ///< by canonical path

/// Regular files that match the globs, relative to `cwd`; of a folder that matches, all below it.
Snapshot look(const std::vector<std::string>& globs, const std::string& cwd);

/// True if anything in `now` is new or other than in `before`.
bool has_news(const Snapshot& before, const Snapshot& now);

/// By how much the newest change of one of the `outputs` (regular files) is later than that of the
/// files: what was written in between is not in the checkpoint and comes again after a restart.
/// Zero if not later, and where output and files are on different filesystems, whose clocks differ.
Duration written_later(const Snapshot& files, const std::vector<std::string>& outputs);

/// One file of a generation: its copy's name in the generation's folder, and where it came from.
struct IndexEntry {
  std::string copy;
  std::string original;
  std::int64_t modified_ns = 0;
  mode_t mode = 0600;
  bool operator==(const IndexEntry&) const = default;
};
std::string encode_index(const std::vector<IndexEntry>& entries);
Result<std::vector<IndexEntry>> decode_index(const std::string& text);

/// Copies all of them into `folder` and writes the index last; returns what it made.
Result<std::vector<Path>> save(const Snapshot& files, const Path& folder);

/// Puts the generation in `folder` back, each file at once or not at all, with mode and time. Files
/// that match the globs and were not there then (a later checkpoint, or half of one) are moved to
/// `aside`: the program must not take them for its newest.
Status put_back(const Path& folder,
                const std::vector<std::string>& globs,
                const std::string& cwd,
                const Path& aside);

} // namespace ckpt::engine::app
