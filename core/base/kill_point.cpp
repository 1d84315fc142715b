#include "core/base/kill_point.hpp"

#if defined(CKPT_KILL_POINTS) && CKPT_KILL_POINTS

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>

namespace ckpt {

namespace {

constexpr int kBlind = 138; ///< a list with holes would make a test pass that has seen too little

int append_to(const std::string& file, int more_flags) {
  return ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | more_flags, 0600);
}

void list_pass(std::string file, std::string_view name) {
  if (const std::size_t mark = file.find("%p"); mark != std::string::npos) {
    // A runner that starts itself again keeps its pid, and counts its passes anew.
    static const auto since = std::chrono::steady_clock::now().time_since_epoch().count();
    file.replace(mark,
                 2,
                 std::string(program_invocation_short_name) + "." + std::to_string(::getpid()) +
                     "." + std::to_string(since));
  }
  const int fd = append_to(file, 0);
  if (fd < 0) {
    return;
  }
  const std::string line = std::string(name) + "\n";
  if (::write(fd, line.data(), line.size()) < 0) {
    ::_exit(kBlind);
  }
  ::close(fd);
}

bool meant_for_us() {
  const char* program = std::getenv("CKPT_KILL_PROGRAM");
  return program == nullptr || std::string_view(program) == program_invocation_short_name;
}

bool first_time() {
  const char* once = std::getenv("CKPT_KILL_ONCE");
  return once == nullptr || append_to(once, O_EXCL) >= 0;
}

} // namespace

void kill_point(const char* name) {
  static std::atomic<int> passes{0};
  // Read each time: tests set it in forked children.
  if (const char* list = std::getenv("CKPT_KILL_LIST")) {
    list_pass(list, name);
  }
  if (const char* stop = std::getenv("CKPT_STOP_AT");
      stop != nullptr && std::string_view(stop) == name) {
    ::kill(::getpid(), SIGSTOP);
  }
  const char* wanted = std::getenv("CKPT_KILL_AT");
  if (wanted == nullptr) {
    return;
  }
  std::string_view at = wanted;
  const std::size_t colon = at.find(':');
  const int pass = colon == std::string_view::npos ? 1 : std::atoi(wanted + colon + 1);
  if (at.substr(0, colon) == name && meant_for_us() && ++passes == pass && first_time()) {
    ::_exit(137);
  }
}

std::map<std::string, std::string> kill_point_environment() {
  std::map<std::string, std::string> set;
  for (const char* name :
       {"CKPT_KILL_AT", "CKPT_KILL_PROGRAM", "CKPT_KILL_ONCE", "CKPT_KILL_LIST"}) {
    if (const char* value = std::getenv(name)) {
      set[name] = value;
    }
  }
  return set;
}

} // namespace ckpt

#endif
