#pragma once

#include "core/domain/result.hpp"
#include "core/domain/time.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>

namespace ckpt::daemon {

/// The way of HTTP threads to the loop and back. Thread-safe.
class LoopGate {
public:
  explicit LoopGate(std::function<void(std::function<void()>)> post) : post_(std::move(post)) {}

  /// Runs `body` on the loop thread and returns its Result; `daemon_busy` when the loop does not
  /// come to it within `patience` (it may still run later), `daemon_stopping` after close().
  template <class Body> auto call(Body body, Duration patience = seconds{10}) -> decltype(body()) {
    if (closed_) {
      return stopping();
    }
    using Answer = decltype(body());
    auto promise = std::make_shared<std::promise<Answer>>();
    auto answer = promise->get_future();
    post_([promise, body = std::move(body)]() mutable { promise->set_value(body()); });
    const auto end = std::chrono::steady_clock::now() + patience;
    while (answer.wait_for(milliseconds{100}) != std::future_status::ready) {
      if (closed_) {
        return stopping();
      }
      if (std::chrono::steady_clock::now() >= end) {
        return fail(ErrorClass::timed_out,
                    "daemon_busy",
                    "the daemon did not come to it in time",
                    "`ckpt daemon status`; a store that hangs is the usual cause",
                    Outcome::unknown);
      }
    }
    return answer.get();
  }

  /// Calls `check` on the loop now and after every change until it says true, fails, or `wait` has
  /// passed (false).
  Result<bool> wait_until(const std::function<Result<bool>()>& check, Duration wait) {
    const auto end = std::chrono::steady_clock::now() + wait;
    for (;;) {
      const std::uint64_t seen = changes_;
      const Result<bool> done = call(check);
      if (!done || *done || closed_ || std::chrono::steady_clock::now() >= end) {
        return done;
      }
      std::unique_lock lock(mutex_);
      const auto next = std::min(end, std::chrono::steady_clock::now() + milliseconds{500});
      changed_.wait_until(lock, next, [&] { return changes_ != seen || closed_; });
    }
  }

  /// Something changed (loop thread).
  void notify() {
    {
      const std::lock_guard lock(mutex_);
      ++changes_;
    }
    changed_.notify_all();
  }
  /// Releases whoever waits; no call goes through any more.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }

private:
  static tl::unexpected<Error> stopping() {
    return fail(ErrorClass::no_daemon,
                "daemon_stopping",
                "the daemon is shutting down",
                "try again; the next command starts it",
                Outcome::unknown);
  }

  std::function<void(std::function<void()>)> post_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<std::uint64_t> changes_{0};
  std::atomic<bool> closed_{false};
};

} // namespace ckpt::daemon
