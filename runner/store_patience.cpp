#include "runner/store_patience.hpp"

#include <signal.h>

namespace ckpt::runner {

Error store_unusable(const Error& last, Duration waited) {
  Error error;
  error.cls = ErrorClass::refused;
  error.outcome = Outcome::retryable;
  error.code = "store_unusable";
  error.advice = last.code == "disk_full" ? "free space or quota there"
                                          : "look after that filesystem, or ask who runs it";
  error.message = "the storage failed for " + format_duration(std::chrono::floor<seconds>(waited)) +
                  ": " + last.message + "; " + error.advice + " (the generations are untouched)";
  return error;
}

bool term_is_pending() {
  sigset_t pending;
  return ::sigpending(&pending) == 0 && ::sigismember(&pending, SIGTERM) == 1;
}

bool sleep_unless_given_up(const StorePatience& how, Duration duration) {
  constexpr Duration kSlice = milliseconds{100};
  const MonoTime end = how.clock.monotonic() + duration;
  while (how.clock.monotonic() < end) {
    if (how.give_up()) {
      return false;
    }
    how.clock.sleep_for(std::min<Duration>(kSlice, end - how.clock.monotonic()));
  }
  return !how.give_up();
}

} // namespace ckpt::runner
