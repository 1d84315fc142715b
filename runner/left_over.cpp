// Invariant: a set that might be torn is never sealed. The proof of completeness is the draft,
// which its writer put down after the engine had reported success and every byte was on the disk;
// the engine's own marks, and sizes and times of all files, must still agree with it.
#include "runner/left_over.hpp"

#include "core/base/log.hpp"
#include "core/engine/engine.hpp"

#include <algorithm>

namespace ckpt::runner {
namespace {

using Kind = store::AttemptEventKind;

Result<Manifest> seal_one(const store::JobFolder& folder,
                          const store::Generations& generations,
                          const Manifest& draft,
                          const std::function<bool()>& give_up) {
  std::vector<Path> files;
  for (const StoredFile& image : draft.images) {
    files.push_back(folder.path() / image.path);
  }
  if (auto complete = engine::check_set(draft.engine.engine, files); !complete) {
    return tl::unexpected<Error>(complete.error());
  }
  return generations.seal_left_over(draft.id,
                                    [&](std::uint64_t, std::uint64_t) { return !give_up(); });
}

/// What another look, at another time, would find as well.
bool is_final(const Error& error) {
  return error.code == "set_incomplete" || error.code == "image_changed" ||
         error.code == "no_such_file" || error.code == "not_a_regular_file" ||
         error.code == "image_in_use" || error.code == "invalid_manifest";
}

} // namespace

std::vector<store::AttemptEvent> seal_left_overs(const store::JobFolder& folder,
                                                 const std::vector<EarlierAttempt>& earlier,
                                                 AttemptId ours,
                                                 const std::function<bool()>& give_up) {
  const store::Generations generations(folder.path());
  std::vector<store::AttemptEvent> events;
  const auto ran = std::find_if(
      earlier.rbegin(), earlier.rend(), [](const EarlierAttempt& a) { return a.program_ran; });
  const auto all = generations.list();
  if (!all || ran == earlier.rend()) {
    return events;
  }
  for (const store::GenerationOnDisk& generation : *all) {
    const auto draft = generations.left_over(generation.id);
    if (!draft || !*draft || (*draft)->attempt != ran->id) {
      continue;
    }
    const auto sealed = seal_one(folder, generations, **draft, give_up);
    if (sealed) {
      events.push_back(
          {.kind = Kind::checkpoint_sealed,
           .code = "left_over",
           .reason = "written by attempt " + ran->id.str() + ", sealed by attempt " + ours.str(),
           .generation = sealed->id,
           .trigger = sealed->trigger,
           .time = sealed->frozen_at,
           .bytes = sealed->raw_bytes(),
           .blocked = sealed->blocked});
      continue;
    }
    log::warning(generation.id.str() + ", left unsealed: " + sealed.error().message);
    if (is_final(sealed.error()) &&
        generations.mark_failed(generation.id, sealed.error().message)) {
      events.push_back({.kind = Kind::checkpoint_failed,
                        .code = sealed.error().code,
                        .reason = sealed.error().message,
                        .generation = generation.id});
    }
  }
  return events;
}

void remove_dead_images(const store::JobFolder& folder, AttemptId ours) {
  for (AttemptId older{1}; older < ours; ++older.value) {
    std::ignore = store::Generations(folder.path()).remove_unsealed_images(older, true);
  }
}

} // namespace ckpt::runner
