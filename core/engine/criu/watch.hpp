#pragma once

#include "core/base/clock.hpp"
#include "core/base/files.hpp"
#include "core/base/process.hpp"

#include <cstdint>
#include <optional>
#include <vector>

// What the runner sees of a namespace from outside.

namespace ckpt::engine::criu {

/// The processes below the outer process, parents first, by their part.
struct Tree {
  std::optional<ProcessInfo> init;
  std::vector<ProcessInfo> program;
  std::vector<ProcessInfo> helpers; ///< criu and what it started
};
/// `helper`: criu's pid in the namespace; 0 when it does not run.
Tree look_below(pid_t outer, int helper);

/// The pid that a process has in its own, innermost namespace; 0 when it is gone.
int inner_pid(pid_t pid);

std::uint64_t bytes_in(const Path& folder); ///< of the files directly in it

/// Whether something still moves.
class Progress {
public:
  explicit Progress(std::optional<Duration> limit) : limit_(limit) {}
  bool stalled(std::uint64_t measure) {
    if (measure != last_) {
      last_ = measure;
      since_ = system_clock().monotonic();
    }
    return limit_ && system_clock().monotonic() - since_ > *limit_;
  }

private:
  std::optional<Duration> limit_;
  std::uint64_t last_ = 0;
  MonoTime since_ = system_clock().monotonic();
};

} // namespace ckpt::engine::criu
