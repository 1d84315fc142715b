#pragma once

#include "core/base/process.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace ckpt::engine::dmtcp {

/// Live processes whose session is `sid`: children whose parent ended are still in it.
std::vector<ProcessInfo> session_members(pid_t sid);

/// What is known of a child of ours; the pid alone if it is gone already.
ProcessInfo process_or_pid(pid_t child);

/// True while the process that was meant exists and is no zombie.
bool is_live(const ProcessInfo& process);

/// How our child ended, without reaping it; nothing while it lives, or when somebody reaped it.
std::optional<ExitStatus> peek_exit(pid_t child);

/// What a process has done so far. CPU time is apart: one that spins makes no progress by it.
struct Work {
  std::uint64_t cpu_ticks = 0;
  std::uint64_t bytes = 0; ///< read, written and resident
  bool operator==(const Work&) const = default;
};
Work work_of(const std::vector<ProcessInfo>& processes);

/// Stops a process as long as it lives, and lets it go on at the end.
class Stopped {
public:
  explicit Stopped(const ProcessInfo& process);
  ~Stopped();
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;
  /// Whether it was seen to stand still.
  bool held() const { return held_; }

private:
  ProcessInfo process_;
  bool held_ = false;
};

} // namespace ckpt::engine::dmtcp
