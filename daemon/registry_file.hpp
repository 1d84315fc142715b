#pragma once

#include "api/views.hpp"
#include "daemon/registry/registry.hpp"

#include <memory>
#include <optional>

namespace ckpt::daemon {

struct RegistryWish {
  bool rebuild = false;         ///< somebody asked for it
  bool store_has_jobs = false;  ///< one that is missing or empty is a loss then
  bool owner_may_sleep = false; ///< who holds its lock may be frozen on another host
};

struct OpenedRegistry {
  std::unique_ptr<Registry> registry;
  bool is_new = false; ///< empty: to be filled from the store
  /// It was missing, empty, damaged or locked by a sleeper: why, with the name of the old file.
  std::optional<api::DegradedView> rebuilt;
};

/// Opens the registry. One that is not usable is put aside, with the time in its name, and an empty
/// one takes its place; nothing is ever deleted. Refused all the same, and untouched: one of a
/// newer version, one that a living process holds, one that the disk will not let us open.
Result<OpenedRegistry> open_registry(const Path& file, const RegistryWish& wish);

} // namespace ckpt::daemon
