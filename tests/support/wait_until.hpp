#pragma once

#include <chrono>
#include <thread>

namespace ckpt::test {

/// Polls `condition` every few milliseconds until it holds or `deadline` has passed; returns
/// whether it held. The only place in the tests that sleeps.
template <class Condition>
bool wait_until(Condition condition,
                std::chrono::milliseconds deadline = std::chrono::seconds{10}) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) {
      return condition();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return true;
}

} // namespace ckpt::test
