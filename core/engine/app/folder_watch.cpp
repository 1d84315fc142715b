#include "core/engine/app/folder_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>

namespace ckpt::engine::app {

FolderWatch::FolderWatch(const std::vector<std::string>& globs, const std::string& cwd)
    : fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  for (const std::string& glob : globs) {
    const Path folder = (Path(cwd) / glob).parent_path();
    ::inotify_add_watch(fd_.get(), folder.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE);
  }
}

void FolderWatch::clear() const {
  std::array<char, 4096> events{};
  while (fd_ && ::read(fd_.get(), events.data(), events.size()) > 0) {
    // what it was does not matter: the caller looks at the files
  }
}

} // namespace ckpt::engine::app
