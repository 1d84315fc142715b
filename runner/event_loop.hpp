#pragma once

#include "core/base/files.hpp"
#include "core/domain/time.hpp"

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace ckpt::runner {

/// The runner's main thread waits here for signals, for the root process's end (SIGCHLD), and for
/// results of its workers.
class EventLoop {
public:
  /// Blocks the signals that it is going to read, in the calling thread (before any other thread is
  /// made), and sets PR_SET_CHILD_SUBREAPER.
  EventLoop();

  /// Runs `task` on the main thread, soon. Any thread.
  void post(std::function<void()> task);

  /// Waits at most so long, runs what was posted, and returns the signals that came (each once).
  std::vector<int> wait(Duration at_most);

private:
  std::vector<std::function<void()>> take();
  Fd signals_;
  Fd wake_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
};

/// One thread that does one thing after the other; results come back through EventLoop::post.
class Worker {
public:
  explicit Worker(EventLoop& loop, bool low_priority = false);
  ~Worker(); ///< finishes the task that runs; drops those that wait
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// `work` runs on the worker, and then `done` with its result on the main thread.
  template <class Work, class Done> void run(Work work, Done done) {
    enqueue([this, work = std::move(work), done = std::move(done)]() mutable {
      // std::function copies: what a task returns may be movable only.
      auto result = std::make_shared<decltype(work())>(work());
      loop_.post([result, done = std::move(done)]() mutable { done(std::move(*result)); });
    });
  }
  bool idle() const;

private:
  void enqueue(std::function<void()> task);
  void loop(bool low_priority);

  EventLoop& loop_;
  mutable std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;
  bool busy_ = false;
  bool stop_ = false;
  Fd wake_;
  std::thread thread_;
};

} // namespace ckpt::runner
