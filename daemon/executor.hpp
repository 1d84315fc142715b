#pragma once

#include <functional>

namespace ckpt::daemon {

/// Runs what blocks somewhere else. `then` comes back on the loop thread (never from within run(),
/// but with the inline executor of tests). In order, one at a time.
class Executor {
public:
  virtual ~Executor() = default;
  virtual void run(std::function<void()> blocking, std::function<void()> then) = 0;
};

} // namespace ckpt::daemon
