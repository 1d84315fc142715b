#pragma once

#include "core/base/files.hpp"

#include <string>
#include <vector>

namespace ckpt::engine::app {

/// Wakes a poll() when a file appears or is closed in the folders that globs name: a program that
/// has just written its checkpoint is stopped at once. Only a hint: folders that are themselves
/// wildcards, and network filesystems, give none.
class FolderWatch {
public:
  FolderWatch() = default; ///< never wakes
  FolderWatch(const std::vector<std::string>& globs, const std::string& cwd);
  int fd() const { return fd_.get(); } ///< -1: nothing to watch
  void clear() const;                  ///< what has been reported so far

private:
  Fd fd_;
};

} // namespace ckpt::engine::app
