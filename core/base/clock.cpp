#include "core/base/clock.hpp"

#include <thread>

namespace ckpt {
namespace {

class SystemClock final : public Clock {
public:
  TimePoint now() const override {
    return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  }
  MonoTime monotonic() const override {
    return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
  }
  void sleep_for(Duration duration) override { std::this_thread::sleep_for(duration); }
};

} // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

} // namespace ckpt
