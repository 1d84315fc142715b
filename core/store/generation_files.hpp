#pragma once

#include "core/store/generations.hpp"
#include "core/store/layout.hpp"

#include <optional>
#include <set>
#include <string>

// The small files of a generation's folder. Private to the store.

namespace ckpt::store {

inline Path manifest_file(const Path& dir) {
  return dir / "manifest.json";
}
inline Path draft_file(const Path& dir) {
  return dir / "draft.json";
}
inline Path tombstone_file(const Path& dir) {
  return dir / "removed.json";
}
inline Path failure_file(const Path& dir) {
  return dir / "failed";
}
inline Path corruption_file(const Path& dir) {
  return dir / "corrupt";
}

/// Why a generation was removed, and what it was: its images can still be found after a crash, and
/// its place in the lineage for good.
struct Tombstone {
  std::string reason;
  std::optional<Manifest> manifest;
};

Status write_tombstone(const Path& dir, const Tombstone& tombstone);
Result<std::optional<Tombstone>> read_tombstone(const Path& dir);

/// The proof that a set is complete. It gets its name after the engine had reported success and
/// closed every file, after each of them and each folder on the way was fsync'ed: so what it lists
/// was whole and on the disk, and survives a crash of the node that wrote the draft. A file that
/// has another size or time now was written to since, and proves nothing any more.
struct SealDraft {
  Manifest manifest; ///< sizes, no hashes; `sealed_at`: when the draft was written
  std::vector<std::int64_t> modified_ns; ///< of images and saved files, in the manifest's order
};
Status write_draft(const Path& dir, const SealDraft& draft);
Result<std::optional<SealDraft>> read_draft(const Path& dir);

/// Replaces the manifest atomically.
Status write_manifest(const Path& dir, const Manifest& manifest);

/// No folder between the job's and the file (its path relative to that) is a link: what is listed
/// is then really below the job's folder. The file itself is opened without following one. `seen`:
/// folders that were looked at. `invalid_manifest`.
Status check_way(const Path& job, const Path& file, std::set<Path>& seen);

/// Images lie below attempts/, saved files below the generation's own folder, and no folder on the
/// way is a link. `invalid_manifest`.
Status check_places(const Path& job, const Manifest& manifest);

/// Paths of the images that other sealed generations of the job list.
Result<std::set<std::string>> images_of_others(const Generations& generations, GenerationId id);

/// `given`, or what the store has of it by now if its form has changed since.
Manifest newest_form(const Generations& generations, const Manifest& given);

} // namespace ckpt::store
