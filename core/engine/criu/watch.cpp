#include "core/engine/criu/watch.hpp"

#include "core/base/strings.hpp"

#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

namespace ckpt::engine::criu {

Tree look_below(pid_t outer, int helper) {
  Tree tree;
  std::set<pid_t> helpers;
  for (ProcessInfo& process : process_tree(outer)) {
    if (process.pid == outer) {
      continue;
    }
    if (process.ppid == outer) {
      tree.init = std::move(process);
      continue;
    }
    const bool is_helper = helpers.contains(process.ppid) ||
                           (helper != 0 && tree.init && process.ppid == tree.init->pid &&
                            inner_pid(process.pid) == helper);
    if (is_helper) {
      helpers.insert(process.pid);
    }
    (is_helper ? tree.helpers : tree.program).push_back(std::move(process));
  }
  return tree;
}

int inner_pid(pid_t pid) {
  constexpr std::string_view kLabel = "NSpid:";
  const auto status = read_file("/proc/" + std::to_string(pid) + "/status", 65536);
  for (const std::string& line : status ? split_lines(*status) : std::vector<std::string>{}) {
    if (line.starts_with(kLabel)) {
      return std::atoi(line.c_str() + line.find_last_of(" \t"));
    }
  }
  return 0;
}

std::uint64_t bytes_in(const Path& folder) {
  std::uint64_t sum = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    sum += entry.file_size(error);
  }
  return sum;
}

} // namespace ckpt::engine::criu
