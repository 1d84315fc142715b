#pragma once

#include "core/base/clock.hpp"

namespace ckpt::test {

/// Time that passes when a test says so. Waiting is passing. One thread.
class FakeClock final : public Clock {
public:
  TimePoint now() const override { return now_; }
  MonoTime monotonic() const override { return monotonic_; }
  void sleep_for(Duration duration) override { pass(duration); }

  void pass(Duration duration) {
    now_ += duration;
    monotonic_ += duration;
  }
  void step(Duration duration) { now_ += duration; } ///< somebody sets the clock

private:
  TimePoint now_{seconds{1'800'000'000}};
  MonoTime monotonic_{seconds{1000}};
};

} // namespace ckpt::test
