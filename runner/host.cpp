#include "runner/host.hpp"

#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/base/strings.hpp"

#include <gnu/libc-version.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdlib>

namespace ckpt::runner {

HostFingerprint this_host() {
  HostFingerprint host;
  host.host = host_name();
  host.glibc = ::gnu_get_libc_version();
  utsname kernel{};
  if (::uname(&kernel) == 0) {
    host.kernel = kernel.release;
  }
  const auto cpuinfo = read_file("/proc/cpuinfo");
  for (const std::string& line : cpuinfo ? split_lines(*cpuinfo) : std::vector<std::string>{}) {
    // x86 says "flags", ARM "Features"; all cores of a node have the same.
    if (line.starts_with("flags") || line.starts_with("Features")) {
      for (std::string& flag : split(trim(line.substr(line.find(':') + 1)), ' ')) {
        host.cpu_flags.push_back(std::move(flag));
      }
      break;
    }
  }
  std::sort(host.cpu_flags.begin(), host.cpu_flags.end());
  return host;
}

std::int64_t memory_kills() {
  // "0::/slurm/uid_1000/job_7" (v2) or "4:memory:/slurm/uid_1000/job_7" (v1)
  const auto groups = read_file("/proc/self/cgroup");
  for (const std::string& line : groups ? split_lines(*groups) : std::vector<std::string>{}) {
    const std::vector<std::string> parts = split(line, ':');
    if (parts.size() < 3) {
      continue;
    }
    const bool unified = parts[1].empty();
    const Path path = unified ? "/sys/fs/cgroup" + parts[2] + "/memory.events"
                              : "/sys/fs/cgroup/memory" + parts[2] + "/memory.oom_control";
    const auto counters = unified || parts[1] == "memory" ? read_file(path) : Result<std::string>{};
    for (const std::string& counter :
         counters ? split_lines(*counters) : std::vector<std::string>{}) {
      if (counter.starts_with("oom_kill ")) {
        return std::strtoll(counter.c_str() + counter.find(' '), nullptr, 10);
      }
    }
  }
  return 0;
}

} // namespace ckpt::runner
