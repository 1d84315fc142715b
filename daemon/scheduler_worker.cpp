#include "daemon/scheduler_worker.hpp"

#include <utility>

namespace ckpt::daemon {

SchedulerWorker::SchedulerWorker(std::function<void(std::function<void()>)> post)
    : post_(std::move(post)), thread_([this] { work(); }) {}

SchedulerWorker::~SchedulerWorker() {
  stop();
}

void SchedulerWorker::run(std::function<void()> blocking, std::function<void()> then) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back({std::move(blocking), std::move(then)});
  }
  wake_.notify_one();
}

void SchedulerWorker::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    tasks_.clear();
  }
  wake_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void SchedulerWorker::work() {
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (stopping_) {
        return;
      }
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task.blocking();
    post_(std::move(task.then));
  }
}

} // namespace ckpt::daemon
