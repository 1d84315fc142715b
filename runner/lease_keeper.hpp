#pragma once

#include "core/store/job_folder.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace ckpt::runner {

/// Keeps an attempt's lease alive and fences the program when it cannot. Two threads: one that
/// renews (and may hang with the store), and one that watches it on the monotonic clock and never
/// touches the store.
class LeaseKeeper {
public:
  struct Hooks {
    std::function<void()> freeze; ///< SIGSTOP the whole tree; called again and again until the
                                  ///< store answers (children are born)
    std::function<void()> thaw;   ///< the store answered, no newer claim: SIGCONT
    std::function<void()> fenced; ///< a newer claim exists: the program must be killed and we leave
  };

  /// Writes the lease once before it returns, so that nobody can take us for dead from here on.
  static Result<std::unique_ptr<LeaseKeeper>>
  start(const store::JobFolder& folder, AttemptId attempt, Duration lease, Hooks hooks);
  ~LeaseKeeper();
  /// Since the newest completed renewal BEGAN: what the protocol's rules ask for. Any thread.
  Duration since_renewal_began() const;
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;

private:
  LeaseKeeper(store::JobFolder folder, AttemptId attempt, Duration lease, Hooks hooks);
  Status renew();
  void renew_loop();
  void watch_loop();
  bool sleep_unless_stopped(Duration duration);
  bool newer_claim_exists() const;

  store::JobFolder folder_;
  store::AttemptFolder attempt_;
  Duration lease_;
  Hooks hooks_;
  std::int64_t renewals_ = 0;
  std::atomic<std::int64_t> last_renewed_ms_{0}; ///< steady clock
  std::atomic<bool> frozen_{false};
  std::mutex mutex_;
  std::condition_variable stop_changed_;
  bool stop_ = false;
  std::thread renewer_;
  std::thread watcher_;
};

} // namespace ckpt::runner
