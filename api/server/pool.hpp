#pragma once

#include <httplib.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <utility>

namespace ckpt::api {

/// What the library wants done with a new connection is done at once, by the thread that accepts:
/// it only shows the connection into the waiting room.
class AtOnce : public httplib::TaskQueue {
public:
  void enqueue(std::function<void()> task) override { task(); }
  void shutdown() override {}
};

/// A pool whose queue has an end.
class BoundedPool {
public:
  BoundedPool(std::size_t threads, std::size_t limit) : pool_(threads), limit_(limit) {}
  /// False: there is no room, and the task is dropped.
  bool enqueue(std::function<void()> task) {
    if (pending_.load() >= limit_) {
      return false;
    }
    ++pending_;
    pool_.enqueue([this, task = std::move(task)] {
      task();
      --pending_;
    });
    return true;
  }
  void shutdown() { pool_.shutdown(); } ///< after what waits in it

private:
  httplib::ThreadPool pool_;
  std::atomic<std::size_t> pending_{0};
  std::size_t limit_;
};

/// Counts a waiting request as long as it lives.
class WaitSlot {
public:
  WaitSlot(std::atomic<std::size_t>& count, std::size_t limit) : count_(count) {
    taken_ = count_.fetch_add(1) < limit;
  }
  ~WaitSlot() { --count_; }
  WaitSlot(const WaitSlot&) = delete;
  WaitSlot& operator=(const WaitSlot&) = delete;
  bool taken() const { return taken_; }

private:
  std::atomic<std::size_t>& count_;
  bool taken_ = false;
};

} // namespace ckpt::api
