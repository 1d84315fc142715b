#pragma once

#include "core/base/files.hpp"

#include <string>
#include <utility>
#include <vector>

// Files that a program has open though they are deleted. To bring one back DMTCP makes it anew
// under the name that it had, and deletes that name again (fileconnection.cpp of 4.2.0 and head). A
// file that has the name by now (an editor has saved the job's script anew) would make the restart
// fail, or would be lost itself.

namespace ckpt::runner {

/// Whether this user could make a file of that name, and the folders that lead to it.
bool can_be_made_again(const Path& name);

/// While one of these lives, whatever regular files have the names have other ones, in the same
/// folders. What a killed attempt of the same job left so is put back with the rest.
class NamesAside {
public:
  NamesAside() = default;
  /// `mark`: of the job. An error has changed nothing.
  static Result<NamesAside> take(const std::vector<std::string>& names, const std::string& mark);
  ~NamesAside();
  NamesAside(NamesAside&& other) noexcept : aside_(std::exchange(other.aside_, {})) {}
  NamesAside& operator=(NamesAside&& other) noexcept {
    aside_.swap(other.aside_);
    return *this;
  }

private:
  struct Moved {
    Path name;
    Path aside;
  };
  std::vector<Moved> aside_;
};

} // namespace ckpt::runner
