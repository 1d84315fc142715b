// Invariant: a generation is either sealed, or marked failed with its images gone, or, at the very
// end of an attempt, complete and left to the next one (left_over.hpp). What the engine
// said is not believed: the seal reads every byte.
#include "runner/checkpointer.hpp"

#include "core/base/clock.hpp"
#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "core/base/strings.hpp"
#include "runner/left_over.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <set>

namespace ckpt::runner {
namespace {

constexpr int kTriesForFreezeWindow = 5;

} // namespace

Checkpointer::Checkpointer(CheckpointSetting setting, Report report)
    : setting_(std::move(setting)), report_(std::move(report)),
      generations_(setting_.folder.path()) {}

CheckpointOutcome Checkpointer::take(engine::Session& session,
                                     const CheckpointWish& wish,
                                     const std::atomic<Trigger>& trigger) {
  if (auto room = check_space(session, wish); !room) {
    report_({.kind = store::AttemptEventKind::checkpoint_refused,
             .code = room.error().code,
             .reason = room.error().message,
             .generation = wish.generation,
             .trigger = trigger.load()});
    if (wish.generation) {
      std::ignore = generations_.mark_failed(*wish.generation, room.error().message);
    }
    return {wish.generation.value_or(GenerationId{}), std::nullopt, room.error()};
  }
  std::optional<GenerationId> ordered = wish.generation;
  for (int tries = 1;; ++tries) {
    CheckpointOutcome outcome = take_once(session, wish, ordered, trigger);
    const bool missed = outcome.error && (outcome.error->code == "freeze_window_missed" ||
                                          outcome.error->code == "child_not_waited_for");
    if (!missed || tries == kTriesForFreezeWindow) {
      return outcome;
    }
    ordered.reset();
  }
}

Status Checkpointer::check_space(engine::Session& session, const CheckpointWish& wish) const {
  const auto space = space_of(setting_.folder.attempt(setting_.attempt).images());
  if (!space) {
    return tl::unexpected<Error>(space.error());
  }
  std::uint64_t needed = wish.expected_bytes;
  std::uint64_t resident = 0;
  for (const ProcessInfo& process : session.program_processes()) {
    resident += resident_bytes(process.pid);
  }
  needed = std::max(needed, resident);
  // A tenth more, and a little: the program grows while it runs on.
  constexpr std::uint64_t kSlack = 4'000'000;
  needed += needed / 10 + kSlack;
  if (space->available_bytes >= needed) {
    return {};
  }
  return fail(ErrorClass::refused,
              "disk_full",
              "no checkpoint taken: it needs about " + human_bytes(needed) + ", the store has " +
                  human_bytes(space->available_bytes) + " free",
              "free space there; the program runs on, and the next try comes by itself",
              Outcome::retryable);
}

CheckpointOutcome Checkpointer::take_once(engine::Session& session,
                                          const CheckpointWish& wish,
                                          std::optional<GenerationId> ordered,
                                          const std::atomic<Trigger>& trigger) {
  const auto number = ordered ? Result<GenerationId>(*ordered) : generations_.allocate();
  if (!number) {
    return {GenerationId{}, std::nullopt, number.error()};
  }
  report_({.kind = store::AttemptEventKind::checkpoint_started,
           .generation = *number,
           .trigger = trigger.load()});
  kill_point("checkpoint.begin");
  Manifest draft;
  draft.job = JobId{};
  draft.id = *number;
  draft.attempt = setting_.attempt;
  draft.parent = setting_.parent;
  draft.engine = setting_.engine;
  draft.host = setting_.host;
  draft.run_before = wish.run_before;
  engine::CheckpointRequest request;
  request.while_frozen = [&] { return capture(wish, draft); };
  const auto images = session.checkpoint(request);
  kill_point("checkpoint.imaged");
  Result<Manifest> sealed = tl::unexpected<Error>(Error{});
  if (images) {
    draft.trigger = trigger.load();
    report_({.kind = store::AttemptEventKind::checkpoint_frozen,
             .generation = *number,
             .time = images->frozen_at,
             .blocked = images->blocked});
    sealed = seal(*images, std::move(draft), wish);
  } else {
    sealed = tl::unexpected<Error>(images.error());
  }
  if (sealed) {
    report_({.kind = store::AttemptEventKind::checkpoint_sealed,
             .generation = *number,
             .trigger = sealed->trigger,
             .time = sealed->frozen_at,
             .bytes = sealed->raw_bytes(),
             .blocked = sealed->blocked});
    return {*number, *sealed, std::nullopt};
  }
  const Error& error = sealed.error();
  if (const auto left = generations_.left_over(*number);
      error.code == "interrupted" && left && *left) {
    report_({.kind = store::AttemptEventKind::checkpoint_failed,
             .code = "left_over",
             .reason = "complete and on the disk, but there was no time for the seal: the next "
                       "attempt puts it there",
             .generation = *number});
    return {*number, std::nullopt, error};
  }
  report_({.kind = store::AttemptEventKind::checkpoint_failed,
           .code = error.code,
           .reason = error.message,
           .generation = *number});
  if (auto marked = generations_.mark_failed(*number, error.message); !marked) {
    log::warning("failed generation not marked: " + marked.error().message);
  }
  // Only between checkpoints, on the engine's thread: nothing is being written.
  std::ignore = generations_.remove_unsealed_images(setting_.attempt);
  return {*number, std::nullopt, error};
}

Status Checkpointer::capture(const CheckpointWish& wish, Manifest& draft) const {
  kill_point("checkpoint.frozen");
  std::set<Path> paths{setting_.output.out, setting_.output.err};
  for (const Path& path : expand_globs(wish.policy.append_files, setting_.cwd)) {
    paths.insert(path);
  }
  draft.lengths.clear();
  draft.saved.clear();
  for (const Path& path : paths) {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      draft.lengths.push_back({path.string(), static_cast<std::uint64_t>(info.st_size)});
    }
  }
  // The app engine's images ARE the program's files.
  if (setting_.engine.engine == EngineKind::app) {
    return {};
  }
  for (const Path& path : expand_globs(wish.policy.ckpt_files, setting_.cwd)) {
    auto saved = generations_.save_file(draft.id, path);
    if (!saved) {
      return tl::unexpected<Error>(saved.error());
    }
    draft.saved.push_back(std::move(*saved));
    kill_point("checkpoint.saved_file");
  }
  kill_point("checkpoint.captured");
  return {};
}

Result<Manifest> Checkpointer::seal(const engine::CheckpointImages& images,
                                    Manifest draft,
                                    const CheckpointWish& wish) const {
  const auto spec = setting_.folder.read_spec();
  if (!spec) {
    return tl::unexpected<Error>(spec.error());
  }
  draft.job = spec->id;
  draft.frozen_at = images.frozen_at;
  draft.blocked = images.blocked;
  for (const Path& image : images.images) {
    StoredFile file;
    file.path = image.lexically_relative(setting_.folder.path()).string();
    draft.images.push_back(std::move(file));
  }
  return generations_.seal(std::move(draft), [&](std::uint64_t, std::uint64_t) {
    return wish.leave_unsealed == nullptr || !*wish.leave_unsealed;
  });
}

} // namespace ckpt::runner
