#include "runner/host.hpp"

#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/base/strings.hpp"

#include <gnu/libc-version.h>
#include <sys/utsname.h>

#include <algorithm>

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

} // namespace ckpt::runner
