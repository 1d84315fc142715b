#include "core/engine/evidence.hpp"

#include "core/base/clock.hpp"
#include "core/base/log.hpp"
#include "core/base/strings.hpp"

#include <algorithm>
#include <map>
#include <string_view>

namespace ckpt::engine {
namespace {

constexpr Duration kBetweenSamples = milliseconds{200};
constexpr std::size_t kLogEnd = std::size_t{16} << 10U;
constexpr std::size_t kMostProcesses = 200;

Path proc(const ProcessInfo& process) {
  return Path("/proc") / std::to_string(process.pid);
}

std::string first_line(const Path& path) {
  return std::string(trim(read_file(path, 4096).value_or("")));
}

std::string wait_channel(const ProcessInfo& process) {
  const std::string name = first_line(proc(process) / "wchan");
  return name == "0" ? std::string{} : name;
}

std::string words_of(const ProcessInfo& process) {
  const std::string channel = wait_channel(process);
  const std::string in = channel.empty() ? "" : " in " + channel;
  switch (process.state) {
  case 'T':
    return "stopped by a signal";
  case 't':
    return "stopped by a debugger";
  case 'D':
    return "waits for the kernel" + in;
  case 'R':
    return "runs";
  case 'S':
    return "sleeps" + in;
  default:
    return std::string("state ") + process.state;
  }
}

/// What explains most comes first.
int rank(const ProcessInfo& process) {
  constexpr std::string_view kOrder = "TtDRS";
  const std::size_t at = kOrder.find(process.state);
  return static_cast<int>(at == std::string_view::npos ? kOrder.size() : at);
}

std::string chosen_lines(const std::string& status) {
  std::string text;
  for (const std::string& line : split_lines(status)) {
    if (line.starts_with("Sig") || line.starts_with("Shd") || line.starts_with("Threads") ||
        line.starts_with("VmRSS") || line.starts_with("TracerPid")) {
      text += "  " + line + "\n";
    }
  }
  return text;
}

std::string descriptors_of(const ProcessInfo& process) {
  std::string text;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator(proc(process) / "fd", gone)) {
    text += "  fd " + entry.path().filename().string() + " " +
            std::filesystem::read_symlink(entry.path(), gone).string() + "\n";
  }
  return text;
}

// Not maps, cmdline and environ: they wait for a lock that a process that hangs may hold.
std::string describe(const ProcessInfo& process, const std::optional<ProcessInfo>& later) {
  std::string text = process.comm + ", pid " + std::to_string(process.pid) + ", parent " +
                     std::to_string(process.ppid) + ": " + words_of(process) + ", CPU ticks " +
                     std::to_string(process.cpu_ticks) + " then " +
                     (later ? std::to_string(later->cpu_ticks) : std::string("gone")) + "\n";
  text += chosen_lines(read_file(proc(process) / "status", 65536).value_or(""));
  for (const char* name : {"syscall", "stack"}) {
    if (const std::string content = first_line(proc(process) / name); !content.empty()) {
      text += std::string("  ") + name + ": " + content + "\n";
    }
  }
  return text + descriptors_of(process);
}

} // namespace

std::string describe_stall(const std::vector<ProcessInfo>& processes) {
  constexpr std::size_t kShown = 3;
  std::vector<ProcessInfo> sorted = processes;
  std::stable_sort(sorted.begin(), sorted.end(), [](const ProcessInfo& a, const ProcessInfo& b) {
    return rank(a) < rank(b);
  });
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, sorted.size()); ++i) {
    text += (i == 0 ? "" : "; ") + sorted[i].comm + " (" + std::to_string(sorted[i].pid) + ") " +
            words_of(sorted[i]);
  }
  return sorted.size() < 2 ? text : std::to_string(sorted.size()) + " processes: " + text;
}

void keep_evidence(const Path& file,
                   const std::string& why,
                   const Processes& processes,
                   const std::vector<Path>& logs,
                   const std::string& more) {
  const std::vector<ProcessInfo> before = processes();
  system_clock().sleep_for(kBetweenSamples);
  std::map<pid_t, ProcessInfo> later;
  for (const ProcessInfo& process : processes()) {
    later.emplace(process.pid, process);
  }
  std::string text = format_rfc3339(system_clock().now()) + " " + why + "\n" + more + "\n";
  std::size_t shown = 0;
  for (const ProcessInfo& process : before) {
    if (++shown > kMostProcesses) {
      text += "and " + std::to_string(before.size() - kMostProcesses) + " more\n";
      break;
    }
    const auto found = later.find(process.pid);
    text += describe(process, found == later.end() ? std::nullopt : std::optional(found->second));
  }
  for (const Path& log : logs) {
    if (const std::string end = read_end_of_file(log, kLogEnd); !end.empty()) {
      text += "\nthe end of " + log.string() + ":\n" + end;
    }
  }
  if (auto written = write_file_atomically(file, text); !written) {
    log::warning("evidence not kept: " + written.error().message);
  }
}

bool tells_of_a_stall(const Error& error) {
  return error.code == "checkpoint_stalled" || error.code == "restart_stalled" ||
         error.code == "restart_timed_out" || error.code == "launch_timed_out" ||
         error.code == "launch_stalled";
}

} // namespace ckpt::engine
