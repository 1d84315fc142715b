// Invariant: at every instant the manifest's form of each file lies complete on the disk. Order:
// packed file beside the raw one, fsync, read back from the disk and compared, renamed; manifest
// revision; only then are the raw files removed.

#include "core/base/kill_point.hpp"
#include "core/store/content.hpp"
#include "core/store/generation_files.hpp"
#include "core/store/packing_names.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <set>

namespace ckpt::store {

namespace {

tl::unexpected<Error> corrupt(const std::string& why) {
  return fail(ErrorClass::failed,
              "generation_corrupt",
              why,
              "the raw file is kept as it is; verify the generation");
}

/// Packs one file beside its raw form. The file in its new form, or as it was when it does not
/// shrink.
Result<StoredFile> pack_file(const Path& job, const StoredFile& file, int level, Meter& meter) {
  const Path raw = raw_path(job, file);
  const Path packed = packed_path(job, file);
  struct stat info {};
  const mode_t mode = ::stat(raw.c_str(), &info) == 0 ? info.st_mode & 0777U : 0600;
  auto output = OutputFile::create(packed.string() + ".tmp", mode);
  if (!output) {
    return tl::unexpected(output.error());
  }
  const auto hash = pack(raw, *output, level, meter);
  if (!hash) {
    return tl::unexpected(hash.error());
  }
  if (hash->hash != file.raw_hash || hash->bytes != file.raw_bytes) {
    return corrupt(file.path + ": the content is not what was sealed");
  }
  const auto size = std::filesystem::file_size(output->path());
  if (size >= file.raw_bytes) {
    return file;
  }
  kill_point("compress.packed");
  if (const Status synced = output->sync(); !synced) {
    return tl::unexpected(synced.error());
  }
  const auto back = read_content(output->path(), StoredForm::zstd, file.raw_bytes, meter);
  if (!back) {
    return tl::unexpected(back.error());
  }
  if (back->hash != file.raw_hash || back->bytes != file.raw_bytes) {
    return fail(ErrorClass::failed,
                "corrupt_data",
                packed.string() + " does not hold what was written to it",
                "check the disk");
  }
  kill_point("compress.checked");
  if (const Status published = output->publish(packed); !published) {
    return tl::unexpected(published.error());
  }
  kill_point("compress.renamed");
  StoredFile result = file;
  result.form = StoredForm::zstd;
  result.stored_bytes = size;
  if (const Status synced = sync_directory(packed.parent_path()); !synced) {
    return tl::unexpected(synced.error());
  }
  return result;
}

/// The names that packing and unpacking a file take beside it belong to nobody: a program may well
/// save a `state` and a `state.zst`.
bool has_room_beside(const StoredFile& file, const std::set<std::string>& all) {
  return std::none_of(kPackingSuffixes.begin(), kPackingSuffixes.end(), [&](const char* suffix) {
    return all.contains(file.path + suffix);
  });
}

} // namespace

Result<Manifest>
Generations::compress(const Manifest& given, int level, const Progress& progress) const {
  auto current = read_manifest(given.id);
  if (!current) {
    return current;
  }
  if (const Status dropped = drop_materialized(*current); !dropped) {
    return tl::unexpected(dropped.error()); // what an interrupted call could not remove any more
  }
  Manifest next = *current;
  std::uint64_t total = 0;
  std::set<std::string> all;
  for_each_file(next, [&](const StoredFile& file) -> Status {
    all.insert(file.path);
    total += file.form == StoredForm::raw ? file.raw_bytes : 0;
    return {};
  });
  Meter meter(progress, 2 * total); // written once, read back once; the second is less
  bool changed = false;
  const Status packed = for_each_file(next, [&](StoredFile& file) -> Status {
    if (file.form == StoredForm::zstd || file.raw_bytes == 0 || !has_room_beside(file, all)) {
      return {};
    }
    auto result = pack_file(job_folder_, file, level, meter);
    if (!result) {
      return tl::unexpected(result.error());
    }
    changed = changed || result->form != file.form;
    file = *std::move(result);
    return {};
  });
  // When it was interrupted, the files that are done count all the same.
  if (changed) {
    ++next.revision;
    kill_point("compress.manifest");
    const Status done = in_turn([&] { return write_manifest(dir(next.id), next); },
                                [&] {
                                  kill_point("compress.unlink");
                                  return drop_materialized(next);
                                });
    kill_point("compress.done");
    if (!done) {
      return tl::unexpected(done.error());
    }
  }
  if (!packed) {
    return tl::unexpected(packed.error());
  }
  return next;
}

void Generations::remove_unfinished_packing() const {
  const auto on_disk = list();
  for (const GenerationOnDisk& generation : on_disk ? *on_disk : std::vector<GenerationOnDisk>{}) {
    if (!generation.manifest || !generation.tombstone.empty()) {
      continue;
    }
    std::set<std::string> all;
    const auto each = [&](const auto& visit) {
      std::ignore = for_each_file(*generation.manifest, visit);
    };
    each([&](const StoredFile& file) -> Status {
      all.insert(file.path);
      return {};
    });
    each([&](const StoredFile& file) -> Status {
      if (has_room_beside(file, all)) {
        std::ignore = remove_file(packed_path(job_folder_, file).string() + ".tmp");
      }
      return {};
    });
  }
}

} // namespace ckpt::store
