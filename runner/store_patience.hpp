#pragma once

#include "core/base/clock.hpp"
#include "core/base/files.hpp"

#include <algorithm>
#include <functional>
#include <string>

namespace ckpt::runner {

/// What a full, read-only or failing store says is true of this moment only, and nothing about a
/// generation or a job: it is tried again for a while.
struct StorePatience {
  Clock& clock;
  Duration patience;             ///< from the first failure on
  std::function<bool()> give_up; ///< asked ten times a second while waiting
  /// Told once, when the waiting begins, and what for. May be empty.
  std::function<void(const Error&)> report;
};

/// The error that ends the waiting: `store_unusable` (retryable), with what the storage said last.
Error store_unusable(const Error& last, Duration waited);

/// SIGTERM has come, is blocked (EventLoop), and nobody has read it yet: `give_up` of the main
/// thread before its loop.
bool term_is_pending();

/// True after `duration`; false as soon as `give_up` says so.
bool sleep_unless_given_up(const StorePatience& how, Duration duration);

/// Calls `work` (returns a Result or Status; safe to repeat) until it succeeds or fails for another
/// reason than the storage (is_storage_trouble). After `patience`: `store_unusable`; given up:
/// `interrupted`. Blocking; any thread.
template <class Work> auto with_patience(const StorePatience& how, Work work) -> decltype(work()) {
  const MonoTime began = how.clock.monotonic();
  constexpr int kLooks = 16; // in all, at least: a disk that has room again is seen soon
  const Duration longest =
      std::clamp<Duration>(how.patience / kLooks, milliseconds{50}, seconds{4});
  Duration pause = std::min<Duration>(longest, milliseconds{200});
  for (bool told = false;; told = true) {
    auto done = work();
    if (done || !is_storage_trouble(done.error())) {
      return done;
    }
    if (const Duration waited = how.clock.monotonic() - began; waited >= how.patience) {
      return tl::unexpected<Error>(store_unusable(done.error(), waited));
    }
    if (!told && how.report) {
      how.report(done.error());
    }
    if (!sleep_unless_given_up(how, pause)) {
      return fail(ErrorClass::failed,
                  "interrupted",
                  "ended while it waited for the store: " + done.error().message);
    }
    pause = std::min<Duration>(longest, pause * 2);
  }
}

} // namespace ckpt::runner
