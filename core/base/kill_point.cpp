#include "core/base/kill_point.hpp"

#if defined(CKPT_KILL_POINTS) && CKPT_KILL_POINTS

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>

namespace ckpt {

namespace {

void list_pass(const char* file, std::string_view name) {
  const int fd = ::open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return;
  }
  const std::string line = std::string(name) + "\n";
  if (::write(fd, line.data(), line.size()) < 0) {
    ::_exit(138); // a list with holes would make a test pass that has seen too little
  }
  ::close(fd);
}

} // namespace

void kill_point(const char* name) {
  static std::atomic<int> passes{0};
  // Read each time: tests set it in forked children.
  if (const char* list = std::getenv("CKPT_KILL_LIST")) {
    list_pass(list, name);
  }
  const char* wanted = std::getenv("CKPT_KILL_AT");
  if (wanted == nullptr) {
    return;
  }
  std::string_view at = wanted;
  const std::size_t colon = at.find(':');
  const int pass = colon == std::string_view::npos ? 1 : std::atoi(wanted + colon + 1);
  if (at.substr(0, colon) == name && ++passes == pass) {
    ::_exit(137);
  }
}

} // namespace ckpt

#endif
