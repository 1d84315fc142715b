// Invariants: from the tombstone on the generation is gone, whatever files are still there; the
// tombstone knows which files those are; a file that another sealed generation lists is never
// removed.

#include "core/base/kill_point.hpp"
#include "core/store/content.hpp"
#include "core/store/generation_files.hpp"

#include <unistd.h>

namespace ckpt::store {

namespace {

Status remove_image(const Path& job, const StoredFile& image) {
  const std::string raw = raw_path(job, image).string();
  for (const char* suffix : {"", ".zst", ".zst.tmp", ".unpacked"}) {
    if (const Status removed = remove_file(raw + suffix); !removed) {
      return removed;
    }
  }
  return {};
}

/// Folders that became empty, up to attempts/<n>/images, which stays.
void remove_empty_folders(const Path& job, const StoredFile& image) {
  constexpr int kStays = 3; // attempts, <n>, images
  for (Path at = Path(image.path).parent_path(); std::distance(at.begin(), at.end()) > kStays;
       at = at.parent_path()) {
    if (::rmdir((job / at).c_str()) != 0) {
      return;
    }
  }
}

} // namespace

bool Generations::removal_unfinished(GenerationId id) const {
  std::error_code error; // the manifest is what goes last
  return std::filesystem::exists(tombstone_file(dir(id)), error) &&
         std::filesystem::exists(manifest_file(dir(id)), error);
}

Status Generations::remove(GenerationId id, const std::string& reason) const {
  auto tombstone = read_tombstone(dir(id));
  if (!tombstone) {
    return tl::unexpected(tombstone.error());
  }
  if (!*tombstone) {
    auto manifest = read_manifest(id);
    if (!manifest && manifest.error().code != "not_sealed" &&
        manifest.error().code != "damaged_file") {
      return tl::unexpected(manifest.error());
    }
    *tombstone = Tombstone{reason.empty() ? "no reason was given" : reason, std::nullopt};
    if (manifest) {
      (*tombstone)->manifest = *std::move(manifest);
    }
    if (const Status written = write_tombstone(dir(id), **tombstone); !written) {
      return written;
    }
  }
  kill_point("remove.tombstone");
  const auto others = images_of_others(*this, id);
  if (!others) {
    return tl::unexpected(others.error());
  }
  std::optional<Manifest>& manifest = (*tombstone)->manifest;
  if (manifest && !check_places(job_folder_, *manifest)) {
    manifest.reset(); // what lies elsewhere is not ours to remove, whatever the tombstone says
  }
  for (const StoredFile& image : manifest ? manifest->images : std::vector<StoredFile>()) {
    if (others->contains(image.path)) {
      continue;
    }
    if (const Status removed = remove_image(job_folder_, image); !removed) {
      return removed;
    }
    kill_point("remove.image");
    remove_empty_folders(job_folder_, image);
  }
  return in_turn([&] { return remove_tree(saved_dir(id)); },
                 [&] {
                   kill_point("remove.saved");
                   return remove_file(manifest_file(dir(id)));
                 },
                 [&] { return remove_file(draft_file(dir(id))); },
                 [&] {
                   kill_point("remove.manifest");
                   return sync_directory(dir(id));
                 });
}

Status Generations::remove_unsealed_images(AttemptId attempt, bool drafts_too) const {
  const auto known = list();
  if (!known) {
    return tl::unexpected(known.error());
  }
  const Path images = attempts_dir(job_folder_) / attempt.str() / "images";
  std::set<Path> looked_at;
  if (!check_way(job_folder_, images.lexically_relative(job_folder_) / "any", looked_at)) {
    return {}; // a link: what lies at its end is not ours
  }
  std::set<Path> sealed;
  for (const GenerationOnDisk& generation : *known) {
    if (!generation.manifest && generation.tombstone.empty() && !generation.corruption.empty()) {
      return {}; // nobody knows which images it had
    }
    std::optional<Manifest> listed = generation.manifest;
    if (!listed && !drafts_too) {
      const auto left = left_over(generation.id); // the next attempt may seal it yet
      if (!left) {
        return tl::unexpected(left.error());
      }
      listed = *left;
    }
    for (const StoredFile& file : listed ? listed->images : std::vector<StoredFile>{}) {
      const Path below = (job_folder_ / file.path).lexically_relative(images);
      if (!below.empty() && *below.begin() != "..") {
        sealed.insert(images / *below.begin());
      }
    }
  }
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator(images, gone)) {
    // A set of one file is sealed by its own name, and lies there as .zst once it is packed.
    const Path raw =
        entry.path().extension() == ".zst" ? Path(entry.path()).replace_extension() : entry.path();
    if (sealed.contains(entry.path()) || sealed.contains(raw)) {
      continue;
    }
    if (const Status removed = remove_tree(entry.path()); !removed) {
      return removed;
    }
  }
  return {};
}

} // namespace ckpt::store
