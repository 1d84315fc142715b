#include "client/engine_path.hpp"

#include "client/daemon_control.hpp"
#include "core/base/strings.hpp"

#include <unistd.h>

#include <algorithm>
#include <vector>

namespace ckpt::client {
namespace {

std::string value_of(const api::Environment& env, const std::string& name) {
  const auto found = env.find(name);
  return found == env.end() ? std::string() : found->second;
}

} // namespace

std::string engine_path(const api::Environment& env) {
  std::vector<std::string> folders;
  const auto add = [&](const Path& tool) {
    const std::string folder = tool.parent_path().string();
    if (tool.is_absolute() && ::access(tool.c_str(), X_OK) == 0 &&
        folder.find(':') == std::string::npos &&
        std::find(folders.begin(), folders.end(), folder) == folders.end()) {
      folders.push_back(folder);
    }
  };
  if (const std::string root = value_of(env, "CKPT_DMTCP_ROOT"); !root.empty()) {
    add(Path(root) / "bin" / "dmtcp_launch");
  }
  add(value_of(env, "CKPT_CRIU"));
  add(find_program("dmtcp_launch", env));
  add(find_program("criu", env));
  return join(folders, ":");
}

} // namespace ckpt::client
