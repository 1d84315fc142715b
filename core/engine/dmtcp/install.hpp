#pragma once

#include "core/base/files.hpp"
#include "core/domain/result.hpp"

#include <map>
#include <string>

namespace ckpt::engine::dmtcp {

/// One DMTCP on this machine. Its tools belong together: versions refuse each other.
struct Install {
  Path bin;            ///< the folder of dmtcp_launch, dmtcp_restart, …
  std::string version; ///< "4.2.0", "5.0"
  int major = 0;
  int minor = 0;
  Path unique_plugin; ///< libdmtcp_unique-ckpt.so, needed before 5.0; else empty

  std::string tool(const std::string& name) const { return (bin / name).string(); }
};

/// Finds it below `root`, or by PATH when root is empty. `engine_missing`, `engine_unusable`.
Result<Install> find_install(const std::string& root, const std::string& path_list);

} // namespace ckpt::engine::dmtcp
