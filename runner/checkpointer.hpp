#pragma once

#include "core/engine/engine.hpp"
#include "core/store/generations.hpp"
#include "core/store/job_folder.hpp"
#include "runner/program.hpp"

#include <atomic>
#include <functional>
#include <optional>

namespace ckpt::runner {

/// What stays the same over all checkpoints of an attempt.
struct CheckpointSetting {
  store::JobFolder folder;
  AttemptId attempt;
  std::string cwd;
  OutputPaths output;
  EngineVersion engine;
  HostFingerprint host;
  std::optional<GenerationId> parent; ///< what this attempt started from
};

/// One checkpoint to take.
struct CheckpointWish {
  std::optional<GenerationId> generation; ///< allocated by the daemon, or nothing
  Policy policy;
  Duration run_before{0};           ///< run time of the job up to now
  std::uint64_t expected_bytes = 0; ///< size of the newest generation; 0: unknown
};

/// How it went. Exactly one of the two is set.
struct CheckpointOutcome {
  GenerationId generation; ///< 0 if none was allocated
  std::optional<Manifest> manifest;
  std::optional<Error> error;
};

/// Takes and seals checkpoints. Runs on the engine's thread; events go out through `report`.
class Checkpointer {
public:
  using Report = std::function<void(store::AttemptEvent)>;
  Checkpointer(CheckpointSetting setting, Report report);

  /// Space, number, freeze, images, lengths and copies, seal. A missed freeze window is a failed
  /// generation and is tried again with a new number. `trigger` is read when it is sealed: why TERM
  /// came may be learnt while it is written.
  CheckpointOutcome
  take(engine::Session& session, const CheckpointWish& wish, const std::atomic<Trigger>& trigger);

private:
  CheckpointOutcome take_once(engine::Session& session,
                              const CheckpointWish& wish,
                              std::optional<GenerationId> ordered,
                              const std::atomic<Trigger>& trigger);
  Status check_space(engine::Session& session, const CheckpointWish& wish) const;
  Status capture(const CheckpointWish& wish, Manifest& draft) const;
  Result<Manifest> seal(const engine::CheckpointImages& images, Manifest draft) const;

  CheckpointSetting setting_;
  Report report_;
  store::Generations generations_;
};

} // namespace ckpt::runner
