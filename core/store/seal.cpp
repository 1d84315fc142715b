// Invariant: the manifest gets its name only after every byte that it lists, and every folder on
// the way there, is on the disk. Order: images (written back, hashed, fsync'ed, unchanged
// meanwhile), folders, manifest.

#include "core/base/clock.hpp"
#include "core/base/kill_point.hpp"
#include "core/store/content.hpp"
#include "core/store/generation_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace ckpt::store {

namespace {

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec && a.st_ino == b.st_ino;
}

tl::unexpected<Error> changed(const Path& path) {
  return fail(ErrorClass::failed,
              "image_changed",
              path.string() + " changed while it was being sealed",
              "",
              Outcome::retryable);
}

/// fsync and hash in one pass over the file.
Status settle(const Path& path, StoredFile& file, Meter& meter) {
  const auto fd = open_regular(path);
  if (!fd) {
    return tl::unexpected(fd.error());
  }
  struct stat before {};
  struct stat after {};
  if (::fstat(fd->get(), &before) != 0) {
    return tl::unexpected(errno_error(errno, "cannot look at", path));
  }
  std::uint64_t seen = 0; // a file that grows as fast as we read must not hold us for ever
  const auto hash = hash_open_file(fd->get(), path, meter, [&](std::string_view bytes) -> Status {
    seen += bytes.size();
    return seen > static_cast<std::uint64_t>(before.st_size) ? changed(path) : Status{};
  });
  if (!hash) {
    return tl::unexpected(hash.error());
  }
  if (::fsync(fd->get()) != 0 || ::stat(path.c_str(), &after) != 0) {
    return tl::unexpected(errno_error(errno, "cannot sync", path));
  }
  if (!same_file(before, after) || hash->bytes != static_cast<std::uint64_t>(after.st_size)) {
    return changed(path);
  }
  file.raw_hash = hash->hash;
  file.raw_bytes = file.stored_bytes = hash->bytes;
  return {};
}

/// Starts writing back everything and tells how much it is: the disk works while we hash.
Result<std::uint64_t> start_writing_back(const Path& job, Manifest& draft) {
  std::uint64_t total = 0;
  const Status started = for_each_file(draft, [&](StoredFile& file) -> Status {
    const Path path = raw_path(job, file);
    const auto fd = open_regular(path);
    struct stat info {};
    if (!fd) {
      return tl::unexpected(fd.error());
    }
    if (::fstat(fd->get(), &info) != 0) {
      return tl::unexpected(errno_error(errno, "cannot look at", path));
    }
    ::sync_file_range(fd->get(), 0, 0, SYNC_FILE_RANGE_WRITE);
    total += static_cast<std::uint64_t>(info.st_size);
    return {};
  });
  return started ? Result<std::uint64_t>(total) : tl::unexpected(started.error());
}

/// All folders between the files and the job folder, the deepest first.
Status sync_folders(const Path& job, const Manifest& manifest) {
  std::set<Path> folders;
  (void)for_each_file(manifest, [&](const StoredFile& file) -> Status {
    for (Path at = Path(file.path).parent_path(); !at.empty(); at = at.parent_path()) {
      folders.insert(at);
    }
    return {};
  });
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    if (const Status synced = sync_directory(job / *folder); !synced) {
      return synced;
    }
  }
  return {};
}

Status invalid(const std::string& why) {
  return fail(ErrorClass::usage, "invalid_manifest", why);
}

/// Everything that reading the manifest back would refuse, before any work is done.
Status check_draft(Manifest& draft) {
  if (draft.images.empty() && draft.saved.empty()) {
    return invalid("a generation without a single image cannot be sealed");
  }
  (void)for_each_file(draft, [](StoredFile& file) -> Status {
    file.form = StoredForm::raw;
    file.raw_bytes = file.stored_bytes = 0;
    file.raw_hash = std::string(32, '0');
    return {};
  });
  draft.revision = 1;
  if (draft.sealed_at == TimePoint{}) {
    draft.sealed_at = system_clock().now();
  }
  const auto readable = manifest_from_json(to_json(draft));
  return readable ? check_places(draft) : invalid(readable.error().message);
}

bool same_set(const Manifest& a, const Manifest& b) {
  const auto same_path = [](const StoredFile& x, const StoredFile& y) { return x.path == y.path; };
  return a.job == b.job && a.attempt == b.attempt &&
         std::equal(a.images.begin(), a.images.end(), b.images.begin(), b.images.end(), same_path);
}

Status check_free(const Generations& generations, const Manifest& draft) {
  const auto failed = is_there(failure_file(generations.dir(draft.id)));
  if (!failed || *failed) {
    return failed ? fail(ErrorClass::conflict,
                         "generation_failed",
                         draft.id.str() + " is marked as failed")
                  : tl::unexpected<Error>(failed.error());
  }
  const auto others = images_of_others(generations, draft.id);
  if (!others) {
    return tl::unexpected(others.error());
  }
  for (const StoredFile& image : draft.images) {
    if (others->contains(image.path)) {
      return fail(ErrorClass::conflict,
                  "image_in_use",
                  image.path + " belongs to another sealed generation");
    }
  }
  return {};
}

} // namespace

Result<Manifest> Generations::seal(Manifest draft, const Progress& progress) const {
  if (const Status fine = check_draft(draft); !fine) {
    return tl::unexpected(fine.error());
  }
  auto there = read_manifest(draft.id);
  if (there) {
    const bool repeated = same_set(*there, draft);
    const Status synced = sync_directory(dir(draft.id));
    return repeated && synced ? there
                              : fail(ErrorClass::conflict,
                                     "already_sealed",
                                     draft.id.str() + " is sealed already");
  }
  if (there.error().code != "not_sealed") {
    return there;
  }
  if (const Status free = check_free(*this, draft); !free) {
    return tl::unexpected(free.error());
  }
  const auto total = start_writing_back(job_folder_, draft);
  if (!total) {
    return tl::unexpected(total.error());
  }
  Meter meter(progress, *total);
  const Status done = in_turn(
      [&] {
        return for_each_file(draft, [&](StoredFile& file) {
          kill_point("seal.image");
          return settle(raw_path(job_folder_, file), file, meter);
        });
      },
      [&] {
        kill_point("seal.folders");
        return sync_folders(job_folder_, draft);
      },
      [&] {
        kill_point("seal.manifest");
        return write_manifest(dir(draft.id), draft);
      });
  kill_point("seal.done");
  if (!done) {
    return tl::unexpected(done.error());
  }
  return draft;
}

} // namespace ckpt::store
