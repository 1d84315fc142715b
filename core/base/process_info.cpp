// The proc filesystem, as one process sees another. Everything here may be gone in the next
// instant: absence is an answer.
#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/base/strings.hpp"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace ckpt {
namespace {

std::optional<pid_t> pid_from(const char* name) {
  pid_t pid = 0;
  const char* end = name + std::strlen(name);
  const auto [stopped, error] = std::from_chars(name, end, pid);
  return error == std::errc{} && stopped == end ? std::optional(pid) : std::nullopt;
}

std::vector<pid_t> all_pids() {
  std::vector<pid_t> pids;
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) {
    return pids;
  }
  while (const dirent* entry = ::readdir(folder)) {
    if (const auto pid = pid_from(entry->d_name)) {
      pids.push_back(*pid);
    }
  }
  ::closedir(folder);
  return pids;
}

std::string proc_file(pid_t pid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

bool looks_stopped(pid_t pid) {
  std::uint64_t pending = 0;
  const auto text = read_file(proc_file(pid, "status"), 16384);
  for (const std::string& line : split(text ? *text : "", '\n')) {
    if (line.starts_with("State:\tT")) {
      return true;
    }
    if (line.starts_with("SigPnd:") || line.starts_with("ShdPnd:")) {
      pending |= std::strtoull(line.c_str() + std::strlen("SigPnd:"), nullptr, 16);
    }
  }
  return (pending >> (SIGSTOP - 1) & 1U) != 0;
}

} // namespace

std::optional<ProcessInfo> process_info(pid_t pid) {
  const auto text = read_file(proc_file(pid, "stat"));
  if (!text) {
    return std::nullopt;
  }
  // The name stands in parentheses and may itself hold parentheses and blanks: the last one closes
  // it.
  const std::size_t open = text->find('(');
  const std::size_t close = text->rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 2 > text->size()) {
    return std::nullopt;
  }
  const std::vector<std::string> fields =
      split(trim(std::string_view(*text).substr(close + 2)), ' ');
  constexpr std::size_t kState = 0;
  constexpr std::size_t kParent = 1;
  constexpr std::size_t kUserTicks = 11;
  constexpr std::size_t kSystemTicks = 12;
  constexpr std::size_t kStartTicks =
      19; // field 22 of proc(5); the first after the name is field 3
  if (fields.size() <= kStartTicks) {
    return std::nullopt;
  }
  ProcessInfo info;
  info.pid = pid;
  info.comm = text->substr(open + 1, close - open - 1);
  info.state = fields[kState].empty() ? '?' : fields[kState].front();
  info.ppid = std::stoi(fields[kParent]);
  info.cpu_ticks = std::stoull(fields[kUserTicks]) + std::stoull(fields[kSystemTicks]);
  info.start_ticks = std::stoull(fields[kStartTicks]);
  return info;
}

std::vector<ProcessInfo> process_tree(pid_t root) {
  std::multimap<pid_t, ProcessInfo> by_parent;
  std::vector<ProcessInfo> tree;
  for (const pid_t pid : all_pids()) {
    if (auto info = process_info(pid); info && info->state != 'Z' && info->state != 'X') {
      if (pid == root) {
        tree.push_back(*info);
      }
      by_parent.emplace(info->ppid, std::move(*info));
    }
  }
  if (tree.empty()) {
    tree.emplace_back().pid = root; // gone itself; its orphans may still name it
  }
  for (std::size_t i = 0; i < tree.size(); ++i) {
    const auto [first, last] = by_parent.equal_range(tree[i].pid);
    for (auto child = first; child != last; ++child) {
      tree.push_back(child->second);
    }
  }
  if (tree.front().start_ticks == 0) {
    tree.erase(tree.begin());
  }
  return tree;
}

std::vector<pid_t> zombie_children() {
  std::vector<pid_t> zombies;
  for (const pid_t pid : all_pids()) {
    const auto info = process_info(pid);
    if (info && info->ppid == ::getpid() && info->state == 'Z') {
      zombies.push_back(pid);
    }
  }
  return zombies;
}

bool is_stopped(const ProcessInfo& process) {
  // The kernel writes the state first and what is pending after it: a signal that was delivered in
  // between shows in neither, and in the next look.
  return looks_stopped(process.pid) || looks_stopped(process.pid);
}

pid_t tracer_of(pid_t pid) {
  constexpr std::string_view kLabel = "\nTracerPid:";
  const auto text = read_file(proc_file(pid, "status"), 16384);
  const std::size_t at = text ? text->find(kLabel) : std::string::npos;
  return at == std::string::npos ? 0 : std::atoi(text->c_str() + at + kLabel.size());
}

std::uint64_t resident_bytes(pid_t pid) {
  const auto text = read_file(proc_file(pid, "statm"));
  if (!text) {
    return 0;
  }
  const std::vector<std::string> fields = split(*text, ' ');
  return fields.size() < 2 ? 0
                           : std::stoull(fields[1]) * static_cast<std::uint64_t>(::getpagesize());
}

std::uint64_t memory_bytes(pid_t pid) {
  constexpr std::uint64_t kKilobyte = 1024;
  constexpr std::string_view kSwap = "\nVmSwap:";
  std::uint64_t swapped = 0;
  if (const auto text = read_file(proc_file(pid, "status"))) {
    if (const std::size_t at = text->find(kSwap); at != std::string::npos) {
      swapped = std::strtoull(text->c_str() + at + kSwap.size(), nullptr, 10) * kKilobyte;
    }
  }
  return resident_bytes(pid) + swapped;
}

std::vector<ProcessInfo> processes_with_environment(const std::string& entry) {
  std::vector<ProcessInfo> found;
  const std::string wanted = '\0' + entry + '\0';
  for (const pid_t pid : all_pids()) {
    struct stat owner {};
    if (pid == ::getpid() || ::stat(proc_file(pid, "").c_str(), &owner) != 0 ||
        owner.st_uid != ::geteuid()) {
      continue;
    }
    const auto environment = read_file(proc_file(pid, "environ"));
    if (!environment || ('\0' + *environment + '\0').find(wanted) == std::string::npos) {
      continue;
    }
    if (auto info = process_info(pid); info && info->state != 'Z') {
      found.push_back(std::move(*info));
    }
  }
  return found;
}

bool signal_process(const ProcessInfo& process, int signal) {
  const auto same = [&] {
    const auto now = process_info(process.pid);
    return now && now->start_ticks == process.start_ticks && now->state != 'Z';
  };
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!same()) {
    return false;
  }
  // Looked at after the pidfd was opened: the descriptor then holds that very process.
  if (pidfd) {
    return ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0;
  }
  return ::kill(process.pid, signal) == 0;
}

std::string boot_id() {
  const auto text = read_file("/proc/sys/kernel/random/boot_id");
  return text ? std::string(trim(*text)) : std::string{};
}

std::string host_name() {
  std::string name(256, '\0');
  if (::gethostname(name.data(), name.size()) != 0) {
    return "localhost";
  }
  return name.c_str();
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? name : std::to_string(signal);
}

std::optional<int> parse_signal(std::string_view text) {
  if (text.substr(0, 3) == "SIG") {
    text.remove_prefix(3);
  }
  for (int signal = 1; signal < NSIG; ++signal) {
    if (text == std::to_string(signal) || text == signal_name(signal)) {
      return signal;
    }
  }
  return std::nullopt;
}

} // namespace ckpt
