#pragma once

#include "core/base/clock.hpp"
#include "core/base/files.hpp"

#include <optional>
#include <string>

namespace ckpt::daemon {

/// owner.json: which daemon owns the state folder.
struct Owner {
  std::int64_t epoch = 0; ///< grows with every take-over
  std::string host;
  std::string boot_id;
  std::int64_t pid = 0;
  std::uint64_t start_ticks = 0;
  std::int64_t heartbeat = 0; ///< renewals
  bool operator==(const Owner&) const = default;
};

/// Who we are; a test may be several.
struct OwnerIdentity {
  std::string host;
  std::string boot_id;
  std::int64_t pid = 0;
  std::uint64_t start_ticks = 0;
};
OwnerIdentity this_process();

/// Who owns the state folder, if that one surely lives: a process of this host.
std::optional<Owner> living_owner(const Path& state_dir, const OwnerIdentity& self);

/// The state folder is ours while this exists. One daemon a folder, on whatever host: taken by
/// link(2) of the file of the next epoch. Loop thread only.
class Ownership {
public:
  /// `already_running` (conflict, names the other) when somebody lives there. A dead pid of this
  /// host and boot, or an earlier boot of this host, is taken over at once; another host after its
  /// heartbeat stood still for `silence` on our clock: `owner_silent` (conflict, retryable) with
  /// `patience` zero, else it is waited for.
  static Result<Ownership>
  take(const Path& state_dir, const OwnerIdentity& self, Clock& clock, Duration silence);

  std::int64_t epoch() const { return owner_.epoch; }
  /// Its owner before was silent on another host, and may only be frozen.
  bool from_silent_host() const { return from_silent_host_; }
  /// Renews the heartbeat; false when another one has taken over.
  bool renew();
  /// Reads again whether it is still ours.
  bool still_ours() const;
  /// Lets the next one in at once.
  void release();

private:
  Ownership(Path state_dir, Owner owner) : state_dir_(std::move(state_dir)), owner_(owner) {}
  Path state_dir_;
  Owner owner_;
  bool from_silent_host_ = false;
};

} // namespace ckpt::daemon
