#pragma once

#include "core/engine/engine.hpp"
#include "core/store/generations.hpp"
#include "core/store/job_folder.hpp"
#include "core/store/reservation.hpp"
#include "runner/hazard_look.hpp"
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
  std::uint64_t parent_bytes = 0;     ///< its raw size
  LookSetting look;
};

/// One checkpoint to take.
struct CheckpointWish {
  std::optional<GenerationId> generation; ///< allocated by the daemon, or nothing
  Policy policy;
  Duration run_before{0};        ///< run time of the job up to now
  std::uint64_t local_bytes = 0; ///< of node-local files that will be copied
  /// Becomes true when there is no time left for the seal of a complete set: it is then left as it
  /// is, to the next attempt. May be null.
  const std::atomic<bool>* leave_unsealed = nullptr;
};

/// How it went. Exactly one of the two is set.
struct CheckpointOutcome {
  GenerationId generation; ///< 0 if none was allocated
  std::optional<Manifest> manifest;
  std::optional<Error> error;
};

/// Whether all that was in this folder is saved with the generation.
bool is_saved_whole(const Manifest& manifest, const Path& folder);

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
  Result<store::Reservation> check_room(const CheckpointWish& wish, std::uint64_t memory) const;
  CheckpointOutcome refuse(const CheckpointWish& wish, Trigger trigger, const Error& why);
  Status capture(engine::Session& session, const CheckpointWish& wish, Manifest& draft) const;
  Status capture_local(engine::Session& session, const CheckpointWish& wish, Manifest& draft) const;
  Status note_folder(const std::vector<ProcessFacts>& facts, Manifest& draft) const;
  Result<Manifest>
  seal(const engine::CheckpointImages& images, Manifest draft, const CheckpointWish& wish) const;

  CheckpointSetting setting_;
  Report report_;
  store::Generations generations_;
  GenerationId newest_begun_;                ///< by this attempt
  std::set<FileIdentity> only_read_;         ///< of the newest one, see files_mapped_to_read
  std::vector<std::uint64_t> sizes_;         ///< see RoomFacts
  std::optional<std::uint64_t> memory_then_; ///< likewise
};

} // namespace ckpt::runner
