#pragma once

#include <httplib.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <utility>

namespace ckpt::api {

/// A pool whose queue has an end: what comes beyond it is turned away by the accepting thread.
inline thread_local bool turned_away = false;

class BoundedPool : public httplib::TaskQueue {
public:
  BoundedPool(std::size_t threads, std::size_t limit) : pool_(threads), limit_(limit) {}
  void enqueue(std::function<void()> task) override {
    if (pending_.load() >= limit_) {
      turned_away = true;
      task();
      turned_away = false;
      return;
    }
    ++pending_;
    pool_.enqueue([this, task = std::move(task)] {
      task();
      --pending_;
    });
  }
  void shutdown() override { pool_.shutdown(); }

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
