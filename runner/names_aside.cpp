#include "runner/names_aside.hpp"

#include "core/base/log.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace ckpt::runner {
namespace {

bool is_regular(const Path& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

} // namespace

bool can_be_made_again(const Path& name) {
  Path folder = name.parent_path();
  while (::access(folder.c_str(), F_OK) != 0 && folder.has_relative_path()) {
    folder = folder.parent_path();
  }
  return ::access(folder.c_str(), W_OK | X_OK) == 0;
}

Result<NamesAside> NamesAside::take(const std::vector<std::string>& names,
                                    const std::string& mark) {
  NamesAside all;
  for (const std::string& text : names) {
    const Path name = text;
    const Path aside =
        name.parent_path() / (".ckpt-" + mark + "-" + name.filename().string() + ".aside");
    if (is_regular(
            aside)) { // what has the name beside it is what DMTCP had made when it was killed
      all.aside_.push_back({name, aside});
    } else if (is_regular(name)) {
      if (std::rename(name.c_str(), aside.c_str()) != 0) {
        return tl::unexpected(
            errno_error(errno, "cannot rename for the time of the restart", name));
      }
      all.aside_.push_back({name, aside});
    }
  }
  return all;
}

NamesAside::~NamesAside() {
  for (const Moved& moved : aside_) {
    if (std::rename(moved.aside.c_str(), moved.name.c_str()) != 0) {
      log::error(errno_error(errno, "cannot put back", moved.aside).message);
    }
  }
}

} // namespace ckpt::runner
