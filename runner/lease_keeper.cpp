// Invariant: the program does not run while the lease may look expired to another runner. A lease
// counts as renewed from the instant BEFORE the write began: another one may have seen it unchanged
// for as long as the write took.
#include "runner/lease_keeper.hpp"

#include "core/base/clock.hpp"
#include "core/base/log.hpp"
#include "core/base/process.hpp"
#include "core/domain/protocol.hpp"

#include <unistd.h>

namespace ckpt::runner {
namespace {

std::int64_t steady_ms() {
  return system_clock().monotonic().time_since_epoch().count();
}

} // namespace

LeaseKeeper::LeaseKeeper(store::JobFolder folder, AttemptId attempt, Duration lease, Hooks hooks)
    : folder_(std::move(folder)), attempt_(folder_.attempt(attempt)), lease_(lease),
      hooks_(std::move(hooks)) {}

Result<std::unique_ptr<LeaseKeeper>>
LeaseKeeper::start(const store::JobFolder& folder, AttemptId attempt, Duration lease, Hooks hooks) {
  std::unique_ptr<LeaseKeeper> keeper(new LeaseKeeper(folder, attempt, lease, std::move(hooks)));
  if (auto renewed = keeper->renew(); !renewed) {
    return tl::unexpected<Error>(renewed.error());
  }
  keeper->renewer_ = std::thread([raw = keeper.get()] { raw->renew_loop(); });
  keeper->watcher_ = std::thread([raw = keeper.get()] { raw->watch_loop(); });
  return keeper;
}

LeaseKeeper::~LeaseKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stop_changed_.notify_all();
  for (std::thread* thread : {&renewer_, &watcher_}) {
    if (thread->joinable()) {
      thread->join();
    }
  }
}

Status LeaseKeeper::renew() {
  const std::int64_t began = steady_ms();
  // Folders are made anew by whoever writes in them; a lease in another filesystem that has taken
  // the store's place holds nobody up.
  const auto claimed = attempt_.is_claimed();
  if (!claimed || !*claimed) {
    return !claimed ? tl::unexpected<Error>(claimed.error())
                    : fail(ErrorClass::failed,
                           "store_gone",
                           "the attempt's claim is not there any more: " + folder_.path().string() +
                               " is not the store");
  }
  store::Lease lease;
  lease.renewals = ++renewals_;
  lease.boot_id = boot_id();
  lease.pid = ::getpid();
  lease.at = system_clock().now();
  auto written = attempt_.renew_lease(lease);
  if (written) {
    last_renewed_ms_ = began;
  }
  return written;
}

Duration LeaseKeeper::since_renewal_began() const {
  return Duration{steady_ms() - last_renewed_ms_};
}

bool LeaseKeeper::newer_claim_exists() const {
  const auto claims = folder_.read_claims();
  return claims && !claims->empty() && claims->back().attempt > attempt_.id();
}

bool LeaseKeeper::sleep_unless_stopped(Duration duration) {
  std::unique_lock lock(mutex_);
  return !stop_changed_.wait_for(lock, duration, [this] { return stop_; });
}

void LeaseKeeper::renew_loop() {
  while (sleep_unless_stopped(frozen_ ? lease_ / 16 : protocol::renew_every(lease_))) {
    const bool was_frozen = frozen_;
    if (auto renewed = renew(); !renewed) {
      log::warning("lease not renewed: " + renewed.error().message);
      continue;
    }
    switch (protocol::after_freeze(newer_claim_exists(), since_renewal_began(), lease_)) {
    case protocol::ThawVerdict::leave:
      hooks_.fenced();
      return;
    case protocol::ThawVerdict::renew_again:
      break;
    case protocol::ThawVerdict::thaw:
      // Only what was frozen before this renewal: else the watcher has frozen it just now, for one
      // that came too late.
      if (was_frozen) {
        frozen_ = false;
        hooks_.thaw();
      }
      break;
    }
  }
}

void LeaseKeeper::watch_loop() {
  while (sleep_unless_stopped(lease_ / 32)) {
    if (protocol::must_freeze(since_renewal_began(), lease_)) {
      frozen_ = true;
      hooks_.freeze();
    }
  }
}

} // namespace ckpt::runner
