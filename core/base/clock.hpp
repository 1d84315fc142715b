#pragma once

#include "core/domain/time.hpp"

namespace ckpt {

/// Where time comes from. Code that decides takes `now` as a value; code that waits takes a Clock,
/// so that tests need no sleeping.
class Clock {
public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;      ///< CLOCK_REALTIME
  virtual MonoTime monotonic() const = 0; ///< CLOCK_MONOTONIC
  virtual void sleep_for(Duration) = 0;   ///< of the calling thread
};

/// The machine's own clocks. Thread-safe.
Clock& system_clock();

} // namespace ckpt
