#pragma once

#include "core/engine/dmtcp/coordinator.hpp"
#include "core/engine/engine.hpp"

#include <functional>

namespace ckpt::engine::dmtcp {

/// What a checkpoint is taken of.
struct CheckpointSubject {
  const Install& install;
  const Coordinator& coordinator;
  ProcessInfo root;
  Path images_dir;
  std::function<std::vector<ProcessInfo>()> processes;
  std::function<bool()> interrupted;
  int wake_fd = -1; ///< readable when interrupted
};

/// The outcome, and whether the engine is broken by it: an incomplete set of a program that cannot
/// go on, because a part of it is dead and the rest stands still for ever.
struct CheckpointOutcome {
  Result<CheckpointImages> result;
  bool broken = false;
};

/// Takes one checkpoint. Codes as Session::checkpoint.
CheckpointOutcome take_checkpoint(const CheckpointSubject& subject,
                                  const CheckpointRequest& request);

} // namespace ckpt::engine::dmtcp
