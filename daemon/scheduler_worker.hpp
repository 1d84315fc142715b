#pragma once

#include "daemon/executor.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace ckpt::daemon {

/// A thread of blocking calls: those of the scheduler, and another one of the messages to people.
class SchedulerWorker final : public Executor {
public:
  /// `post` brings a function to the loop; it must work until stop() has returned.
  explicit SchedulerWorker(std::function<void(std::function<void()>)> post);
  ~SchedulerWorker() override; ///< stops
  void run(std::function<void()> blocking, std::function<void()> then) override;
  /// Finishes the call under way and drops the others.
  void stop();

private:
  void work();
  struct Task {
    std::function<void()> blocking;
    std::function<void()> then;
  };
  std::function<void(std::function<void()>)> post_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace ckpt::daemon
