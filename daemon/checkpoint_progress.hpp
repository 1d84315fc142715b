#pragma once

#include "api/views.hpp"
#include "core/base/files.hpp"

#include <optional>

namespace ckpt::daemon {

/// A checkpoint that is being written, as far as it can be told from outside.
struct CheckpointInWork {
  Path images;                           ///< folder of the attempt that writes it
  TimePoint since;                       ///< what is older there belongs to others
  std::optional<std::uint64_t> estimate; ///< bytes of the newest sealed one before it
  Path job;                              ///< its folder, and
  GenerationId generation;               ///< under which number it is sealed there
};

/// How far it is: the sizes of the new files so far. Looks at the store, and waits when that hangs:
/// not on the loop. Any thread.
api::ProgressView progress_of(const CheckpointInWork& work);

} // namespace ckpt::daemon
