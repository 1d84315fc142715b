// Invariant: the manifest gets its name only after every byte that it lists, and every folder on
// the way there, is on the disk. Order: images and saved files (fsync'ed), folders, draft, hashes
// (of files unchanged since), manifest. From the draft on the set outlives its writer: whoever
// comes next can do the rest.

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

std::int64_t modified_ns(const struct stat& info) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return info.st_mtim.tv_sec * kSecond + info.st_mtim.tv_nsec;
}

/// fsync, and what the file is then. Opened again for that: a network filesystem's client has the
/// server's own time of the file only after it has opened it anew.
Status settle(const Path& path, StoredFile& file, std::int64_t& modified) {
  {
    const auto written = open_regular(path);
    if (!written) {
      return tl::unexpected(written.error());
    }
    if (::fsync(written->get()) != 0) {
      return tl::unexpected(errno_error(errno, "cannot sync", path));
    }
  }
  const auto fd = open_regular(path);
  if (!fd) {
    return tl::unexpected(fd.error());
  }
  struct stat info {};
  if (::fstat(fd->get(), &info) != 0) {
    return tl::unexpected(errno_error(errno, "cannot look at", path));
  }
  file.raw_bytes = file.stored_bytes = static_cast<std::uint64_t>(info.st_size);
  modified = modified_ns(info);
  return {};
}

/// Hashes a file that must be, and stay, what it was when it was settled.
Status hash_settled(const Path& path, StoredFile& file, std::int64_t modified, Meter& meter) {
  const auto fd = open_regular(path);
  if (!fd) {
    return tl::unexpected(fd.error());
  }
  struct stat before {};
  struct stat after {};
  if (::fstat(fd->get(), &before) != 0) {
    return tl::unexpected(errno_error(errno, "cannot look at", path));
  }
  if (static_cast<std::uint64_t>(before.st_size) != file.raw_bytes ||
      modified_ns(before) != modified) {
    return changed(path);
  }
  std::uint64_t seen = 0; // a file that grows as fast as we read must not hold us for ever
  const auto hash = hash_open_file(fd->get(), path, meter, [&](std::string_view bytes) -> Status {
    seen += bytes.size();
    return seen > file.raw_bytes ? changed(path) : Status{};
  });
  if (!hash) {
    return tl::unexpected(hash.error());
  }
  if (::stat(path.c_str(), &after) != 0) {
    return tl::unexpected(errno_error(errno, "cannot look at", path));
  }
  if (!same_file(before, after) || hash->bytes != file.raw_bytes) {
    return changed(path);
  }
  file.raw_hash = hash->hash;
  return {};
}

/// Starts writing back everything: the disk has all of it to do while we wait for the first.
Status start_writing_back(const Path& job, Manifest& draft) {
  return for_each_file(draft, [&](StoredFile& file) -> Status {
    const auto fd = open_regular(raw_path(job, file));
    if (!fd) {
      return tl::unexpected(fd.error());
    }
    ::sync_file_range(fd->get(), 0, 0, SYNC_FILE_RANGE_WRITE);
    return {};
  });
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
Status check_draft(const Path& job, Manifest& draft) {
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
  const auto readable = manifest_from_json(to_json(draft));
  return readable ? check_places(job, draft) : invalid(readable.error().message);
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
  if (const Status fine = check_draft(job_folder_, draft); !fine) {
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
  SealDraft settled;
  const Status done = in_turn(
      [&] { return check_free(*this, draft); },
      [&] { return start_writing_back(job_folder_, draft); },
      [&] {
        return for_each_file(draft, [&](StoredFile& file) {
          kill_point("seal.sync");
          return settle(raw_path(job_folder_, file), file, settled.modified_ns.emplace_back());
        });
      },
      [&] {
        kill_point("seal.folders");
        return sync_folders(job_folder_, draft);
      },
      [&] {
        settled.manifest = draft;
        if (draft.sealed_at == TimePoint{}) {
          settled.manifest.sealed_at = system_clock().now();
        }
        kill_point("seal.draft");
        return write_draft(dir(draft.id), settled);
      });
  if (!done) {
    return tl::unexpected(done.error());
  }
  kill_point("seal.drafted");
  return finish_seal(std::move(draft), settled.modified_ns, progress);
}

Result<std::optional<Manifest>> Generations::left_over(GenerationId id) const {
  const auto manifest = read_manifest(id);
  const auto failed = is_there(failure_file(dir(id)));
  if (!failed || (!manifest && manifest.error().code != "not_sealed" &&
                  manifest.error().code != "generation_removed")) {
    return tl::unexpected(failed ? manifest.error() : failed.error());
  }
  if (*failed || manifest || manifest.error().code == "generation_removed") {
    return std::optional<Manifest>();
  }
  auto draft = read_draft(dir(id));
  if (!draft) {
    return tl::unexpected(draft.error());
  }
  return *draft ? std::optional((*draft)->manifest) : std::nullopt;
}

Result<Manifest> Generations::seal_left_over(GenerationId id, const Progress& progress) const {
  auto there = read_manifest(id);
  if (there || there.error().code != "not_sealed") {
    return there;
  }
  auto draft = read_draft(dir(id));
  if (!draft) {
    return tl::unexpected(draft.error());
  }
  if (!*draft || (*draft)->manifest.id != id) {
    return fail(ErrorClass::not_found, "not_left_over", id.str() + " has no draft of a seal");
  }
  Manifest& manifest = (*draft)->manifest;
  const Status free = in_turn([&] { return check_places(job_folder_, manifest); },
                              [&] { return check_free(*this, manifest); });
  if (!free) {
    return tl::unexpected(free.error());
  }
  return finish_seal(std::move(manifest), (*draft)->modified_ns, progress);
}

Result<Manifest> Generations::finish_seal(Manifest draft,
                                          const std::vector<std::int64_t>& modified,
                                          const Progress& progress) const {
  Meter meter(progress, draft.raw_bytes());
  auto at = modified.begin();
  const Status done = in_turn(
      [&] {
        return for_each_file(draft, [&](StoredFile& file) {
          kill_point("seal.hash");
          return hash_settled(raw_path(job_folder_, file), file, *at++, meter);
        });
      },
      [&] {
        if (draft.sealed_at == TimePoint{}) {
          draft.sealed_at = system_clock().now();
        }
        kill_point("seal.manifest");
        return write_manifest(dir(draft.id), draft);
      });
  kill_point("seal.done");
  if (!done) {
    return tl::unexpected(done.error());
  }
  std::ignore = remove_file(draft_file(dir(draft.id))); // beside a manifest it says nothing
  return draft;
}

} // namespace ckpt::store
