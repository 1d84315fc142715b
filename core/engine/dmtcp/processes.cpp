#include "core/engine/dmtcp/processes.hpp"

#include "core/base/files.hpp"

#include <dirent.h>
#include <sys/wait.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <thread>

namespace ckpt::engine::dmtcp {
namespace {

std::optional<pid_t> session_of(pid_t pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!stat) {
    return std::nullopt;
  }
  const std::size_t after_name = stat->rfind(')'); // the name may hold blanks and brackets
  if (after_name == std::string::npos) {
    return std::nullopt;
  }
  std::istringstream fields(stat->substr(after_name + 1));
  char state = '?';
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  fields >> state >> parent >> group >> session;
  return fields ? std::optional(session) : std::nullopt;
}

std::uint64_t io_bytes(pid_t pid) {
  const auto io = read_file("/proc/" + std::to_string(pid) + "/io", 4096);
  if (!io) {
    return 0;
  }
  std::uint64_t sum = 0;
  std::istringstream fields(*io);
  std::string key;
  std::uint64_t value = 0;
  while (fields >> key >> value) {
    if (key == "rchar:" || key == "wchar:") {
      sum += value;
    }
  }
  return sum;
}

} // namespace

std::vector<ProcessInfo> session_members(pid_t sid) {
  std::vector<ProcessInfo> members;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), &::closedir);
  while (const dirent* entry = proc ? ::readdir(proc.get()) : nullptr) {
    if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) == 0) {
      continue;
    }
    const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (session_of(pid) != sid) {
      continue;
    }
    const auto info = process_info(pid);
    if (info && info->state != 'Z' && info->state != 'X') {
      members.push_back(*info);
    }
  }
  return members;
}

ProcessInfo process_or_pid(pid_t child) {
  ProcessInfo info;
  info.pid = child;
  return process_info(child).value_or(info);
}

bool is_live(const ProcessInfo& process) {
  const auto now = process_info(process.pid);
  return now && now->start_ticks == process.start_ticks && now->state != 'Z' && now->state != 'X';
}

std::optional<ExitStatus> peek_exit(pid_t child) {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      info.si_pid != child) {
    return std::nullopt;
  }
  ExitStatus status;
  if (info.si_code == CLD_EXITED) {
    status.code = info.si_status;
  } else {
    status.signal = info.si_status;
  }
  return status;
}

Work work_of(const std::vector<ProcessInfo>& processes) {
  Work work;
  for (const auto& process : processes) {
    work.cpu_ticks += process.cpu_ticks;
    work.bytes += io_bytes(process.pid) + resident_bytes(process.pid);
  }
  return work;
}

Stopped::Stopped(const ProcessInfo& process) : process_(process) {
  if (!signal_process(process_, SIGSTOP)) {
    return;
  }
  // The signal is asynchronous: on another CPU the process may run on for a moment.
  const auto end = std::chrono::steady_clock::now() + seconds{2};
  while (std::chrono::steady_clock::now() < end) {
    const auto now = process_info(process_.pid);
    if (!now || now->state == 'Z') {
      return;
    }
    if (now->state == 'T' || now->state == 't') {
      held_ = true;
      return;
    }
    std::this_thread::sleep_for(std::chrono::microseconds{50});
  }
}

Stopped::~Stopped() {
  signal_process(process_, SIGCONT);
}

} // namespace ckpt::engine::dmtcp
