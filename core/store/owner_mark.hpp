#pragma once

#include "core/base/files.hpp"
#include "core/domain/time.hpp"

#include <optional>
#include <string>

// Whose store this is: each daemon takes all jobs in a store for its own, so one state folder owns
// it, and the others keep away.

namespace ckpt::store {

/// <store>/owner.json.
struct StoreOwner {
  std::string store_id;   ///< random, for the store's life
  std::int64_t epoch = 1; ///< grows with every change of owner
  std::string state_id;   ///< random, of the state folder that owns it
  std::string state_dir;
  std::string cluster; ///< "local", Slurm's name, or "unknown"
  std::int64_t uid = 0;
  std::string host; ///< where the state folder was seen last
  TimePoint since{};
  bool operator==(const StoreOwner&) const = default;
};

/// Nothing: the store has no owner yet. Any thread and process.
Result<std::optional<StoreOwner>> read_owner(const Path& store_root);

/// Takes a store that has no owner (link(2): one of several wins), or takes it from `previous`.
/// `wish.epoch` and, with a previous owner, `wish.store_id` are set here. Returns the owner after
/// that: somebody else's mark if they were faster.
Result<StoreOwner>
take_store(const Path& store_root, const std::optional<StoreOwner>& previous, StoreOwner wish);

/// Writes down that the owner's folder or host has another name now; the epoch stays. For the
/// owner.
Status rewrite_owner(const Path& store_root, const StoreOwner& owner);

} // namespace ckpt::store
