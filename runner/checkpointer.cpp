// Invariant: a generation is either sealed, or marked failed with its images gone, or, at the very
// end of an attempt, complete and left to the next one (left_over.hpp). What the engine
// said is not believed: the seal reads every byte.
#include "runner/checkpointer.hpp"

#include "core/base/clock.hpp"
#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "core/base/process_facts.hpp"
#include "core/base/strings.hpp"
#include "core/domain/restart_folder.hpp"
#include "runner/left_over.hpp"
#include "runner/local_files.hpp"
#include "runner/names_aside.hpp"
#include "runner/room.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

namespace ckpt::runner {
namespace {

constexpr int kTriesForFreezeWindow = 5;

std::set<FileIdentity> identities(const std::vector<Path>& paths) {
  std::set<FileIdentity> found;
  for (const Path& path : paths) {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0) {
      found.emplace(info.st_dev, info.st_ino);
    }
  }
  return found;
}

} // namespace

bool is_saved_whole(const Manifest& manifest, const Path& folder) {
  return std::find(manifest.folders.begin(), manifest.folders.end(), folder.string()) !=
         manifest.folders.end();
}

Checkpointer::Checkpointer(CheckpointSetting setting, Report report)
    : setting_(std::move(setting)), report_(std::move(report)),
      generations_(setting_.folder.path()) {
  if (setting_.parent) {
    sizes_.push_back(setting_.parent_bytes);
  }
}

CheckpointOutcome Checkpointer::take(engine::Session& session,
                                     const CheckpointWish& wish,
                                     const std::atomic<Trigger>& trigger) {
  std::uint64_t memory = 0;
  if (setting_.engine.engine != EngineKind::app) {
    for (const ProcessInfo& process : session.program_processes()) {
      memory += memory_bytes(process.pid);
    }
  }
  const auto room = check_room(wish, memory); // kept until it is filled
  if (!room) {
    return refuse(wish, trigger.load(), room.error());
  }
  std::optional<GenerationId> ordered = wish.generation;
  if (ordered && *ordered < newest_begun_) { // everywhere a higher number is a newer state
    refuse(wish,
           trigger.load(),
           Error{ErrorClass::refused,
                 Outcome::permanent,
                 "renumbered",
                 newest_begun_.str() + " was begun before its turn came: it gets a newer number"});
    ordered.reset();
  }
  for (int tries = 1;; ++tries) {
    CheckpointOutcome outcome = take_once(session, wish, ordered, trigger);
    if (outcome.manifest) {
      sizes_.push_back(outcome.manifest->raw_bytes());
      memory_then_ = memory;
    }
    const bool missed = outcome.error && (outcome.error->code == "freeze_window_missed" ||
                                          outcome.error->code == "child_not_waited_for");
    if (!missed || tries == kTriesForFreezeWindow) {
      return outcome;
    }
    ordered.reset();
  }
}

CheckpointOutcome
Checkpointer::refuse(const CheckpointWish& wish, Trigger trigger, const Error& why) {
  report_({.kind = store::AttemptEventKind::checkpoint_refused,
           .code = why.code,
           .reason = why.message,
           .generation = wish.generation,
           .trigger = trigger});
  if (wish.generation) {
    std::ignore = generations_.mark_failed(*wish.generation, why.message);
  }
  return {wish.generation.value_or(GenerationId{}), std::nullopt, why};
}

// Before anything is begun: under some engines a disk that fills up while they write ends the
// program.
Result<store::Reservation> Checkpointer::check_room(const CheckpointWish& wish,
                                                    std::uint64_t memory) const {
  RoomFacts facts{sizes_, memory, memory_then_, wish.local_bytes};
  for (const Path& path : expand_globs(wish.policy.ckpt_files, setting_.cwd)) {
    struct stat info {};
    facts.files += ::stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
  }
  const Path images = setting_.folder.attempt(setting_.attempt).images();
  const auto refused = [](const std::string& why) {
    return fail(ErrorClass::refused,
                "disk_full",
                "no checkpoint taken: " + why,
                "free space there; the program runs on, and the next try comes by itself",
                Outcome::retryable);
  };
  const auto space = space_of(images);
  if (!space) {
    return refused(space.error().message);
  }
  const std::uint64_t needed = room_for_checkpoint(facts);
  auto reserved = store::Reservation::make(
      setting_.folder.store_root(), setting_.folder.path().filename().string(), needed);
  if (!reserved) {
    return refused(reserved.error().message);
  }
  const std::uint64_t promised = reserved->older_bytes();
  const std::uint64_t left = space->available_bytes - std::min(space->available_bytes, promised);
  if (const auto obstacle =
          room_obstacle(needed, {left, space->available_files, space->read_only})) {
    return refused(*obstacle + (promised == 0 ? ""
                                              : "; " + human_bytes(promised) +
                                                    " of what is free are for checkpoints of "
                                                    "other jobs that are being written"));
  }
  if (const auto granted = probe_room(images, needed); !granted) {
    return refused("it needs about " + human_bytes(needed) +
                   ", and the filesystem says: " + granted.error().message);
  }
  return reserved;
}

CheckpointOutcome Checkpointer::take_once(engine::Session& session,
                                          const CheckpointWish& wish,
                                          std::optional<GenerationId> ordered,
                                          const std::atomic<Trigger>& trigger) {
  const auto number = ordered ? Result<GenerationId>(*ordered) : generations_.allocate();
  if (!number) {
    return {GenerationId{}, std::nullopt, number.error()};
  }
  newest_begun_ = *number;
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
  only_read_ = setting_.engine.engine == EngineKind::dmtcp
                   ? files_mapped_to_read(look_at_processes(session.program_processes(), {}))
                   : std::set<FileIdentity>{};
  engine::CheckpointRequest request;
  request.while_frozen = [&] { return capture(session, wish, draft); };
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

Status
Checkpointer::capture(engine::Session& session, const CheckpointWish& wish, Manifest& draft) const {
  kill_point("checkpoint.frozen");
  std::set<Path> paths{setting_.output.out, setting_.output.err};
  bool complete = true;
  for (const Path& path : expand_globs(wish.policy.append_files, setting_.cwd, &complete)) {
    paths.insert(path);
  }
  draft.lengths.clear();
  draft.append_files.clear();
  draft.saved.clear();
  draft.folders.clear();
  draft.written.reset();
  for (const Path& path : paths) {
    struct stat info {};
    const bool there = ::stat(path.c_str(), &info) == 0;
    complete = complete && (there || errno == ENOENT);
    if (there && S_ISREG(info.st_mode)) {
      draft.lengths.push_back({path.string(), static_cast<std::uint64_t>(info.st_size)});
    }
  }
  if (complete) {
    draft.append_files = wish.policy.append_files;
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
  if (auto local = capture_local(session, wish, draft); !local) {
    return local;
  }
  kill_point("checkpoint.captured");
  return {};
}

// What is on this node only. Others than the program could remove it in this moment: what is gone
// is gone for the program too.
Status Checkpointer::capture_local(engine::Session& session,
                                   const CheckpointWish& wish,
                                   Manifest& draft) const {
  const Surroundings around = surroundings_of(setting_.look, wish.policy);
  const std::vector<ProcessFacts> facts = look_at_processes(session.program_processes(), {});
  draft.deleted = deleted_files(facts, false);
  std::set<FileIdentity> others = identities({setting_.output.out, setting_.output.err});
  others.insert(only_read_.begin(), only_read_.end());
  draft.written = written_files(facts, around, others);
  if (auto noted = note_folder(facts, draft); !noted) {
    return noted;
  }
  for (const std::string& name : deleted_files(facts, setting_.engine.engine == EngineKind::criu)) {
    if (!can_be_made_again(name)) {
      return fail(ErrorClass::failed,
                  "checkpoint_failed",
                  "the program has " + name +
                      " open, which was deleted (or replaced) in a folder that you cannot write "
                      "to: no restart could put it back",
                  "start the job again when it matters, or close that file");
    }
  }
  LocalFilesToSave local = choose_local_files(facts, look_at_tmpdir(around.tmpdir), around);
  for (const std::string& path : local.files) {
    if (wish.leave_unsealed != nullptr && *wish.leave_unsealed) {
      return fail(ErrorClass::failed, "interrupted", "no time is left to copy files of this node");
    }
    auto saved = generations_.save_file(draft.id, path);
    if (!saved && saved.error().code == "no_such_file") {
      continue;
    }
    if (!saved) {
      return tl::unexpected<Error>(saved.error());
    }
    draft.saved.push_back(std::move(*saved));
    kill_point("checkpoint.saved_local_file");
  }
  draft.folders = std::move(local.folders);
  return {};
}

// A program that came back in another folder would go on all the same, with the wrong files.
Status Checkpointer::note_folder(const std::vector<ProcessFacts>& facts, Manifest& draft) const {
  draft.restart_in.clear();
  if (setting_.engine.engine != EngineKind::dmtcp) {
    return {};
  }
  std::vector<std::string> folders;
  for (const ProcessFacts& process : facts) {
    if (!process.cwd.empty()) {
      folders.push_back(process.cwd);
    }
  }
  std::error_code error;
  const Path own = std::filesystem::canonical(setting_.cwd, error);
  const auto found =
      restart_folder((error ? Path(setting_.cwd) : own).string(),
                     folders,
                     [](const std::string& path) { return ::access(path.c_str(), F_OK) == 0; });
  if (!found.obstacle.empty()) {
    return fail(ErrorClass::failed,
                "checkpoint_failed",
                found.obstacle + "; start the job with --chdir in a folder above them all, or use "
                                 "--engine criu");
  }
  draft.restart_in = found.folder;
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
