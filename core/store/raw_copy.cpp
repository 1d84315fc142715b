// A generation for somebody else: outside of the store, in the form that the engine wrote.

#include "core/base/strings.hpp"
#include "core/store/content.hpp"
#include "core/store/generation_files.hpp"

namespace ckpt::store {

namespace {

/// What the engine named it, below its own folder of images: attempts/3/images/X/y → X/y.
Path name_below_images(const StoredFile& image) {
  const Path path(image.path);
  Path name;
  int depth = 0;
  for (const Path& part : path) {
    constexpr int kAttemptAndImages = 3; // attempts, its number, images
    if (depth++ >= kAttemptAndImages) {
      name /= part;
    }
  }
  return name.empty() ? path.filename() : name;
}

Status copy_one(const Path& job, const StoredFile& image, const Path& target, Meter& meter) {
  const auto there = is_there(target);
  if (!there || *there) {
    return there ? fail(ErrorClass::conflict,
                        "file_exists",
                        target.string() + " is there already",
                        "name an empty folder")
                 : tl::unexpected<Error>(there.error());
  }
  if (const Status made = make_directories(target.parent_path(), 0700); !made) {
    return made;
  }
  auto output = OutputFile::create(target.string() + ".tmp", 0600);
  if (!output) {
    return tl::unexpected(output.error());
  }
  const auto problem = check_content(
      job, image, meter, [&](std::string_view bytes) { return output->write(bytes); });
  if (!problem) {
    return tl::unexpected(problem.error());
  }
  if (!problem->empty()) {
    return fail(ErrorClass::failed,
                "generation_corrupt",
                *problem,
                "`ckpt verify` marks it; an older generation may be good");
  }
  return in_turn([&] { return output->sync(); }, [&] { return output->publish(target); });
}

} // namespace

Result<std::vector<Path>>
Generations::copy_raw(const Manifest& given, const Path& folder, const Progress& progress) const {
  const Manifest manifest = newest_form(*this, given);
  if (const Status places = check_places(job_folder_, manifest); !places) {
    return tl::unexpected(places.error());
  }
  if (const Status made = make_directories(folder, 0700); !made) {
    return tl::unexpected(made.error());
  }
  const auto space = space_of(folder);
  if (space && space->available_bytes < manifest.raw_bytes()) {
    return fail(ErrorClass::refused,
                "disk_full",
                manifest.id.str() + " is " + human_bytes(manifest.raw_bytes()) + " raw, and " +
                    folder.string() + " has " + human_bytes(space->available_bytes) + " free",
                "name a folder on another filesystem");
  }
  std::vector<std::pair<StoredFile, Path>> wanted;
  for (const StoredFile& image : manifest.images) {
    wanted.emplace_back(image, folder / name_below_images(image));
  }
  for (const SavedFile& saved : manifest.saved) {
    const Path original = Path(saved.original).lexically_normal().relative_path();
    wanted.emplace_back(saved.stored, folder / "saved" / original);
  }
  Meter meter(progress, manifest.stored_bytes());
  std::vector<Path> copies;
  for (const auto& [file, target] : wanted) {
    if (const Status copied = copy_one(job_folder_, file, target, meter); !copied) {
      return tl::unexpected(copied.error());
    }
    copies.push_back(target);
  }
  return copies;
}

} // namespace ckpt::store
