// The user's own files that are copied with a generation and put back at a restart. Names in the
// store are numbers; where a file goes back to is checked when the manifest is read, and again
// here.

#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "core/base/strings.hpp"
#include "core/json/parts.hpp"
#include "core/store/content.hpp"
#include "core/store/generation_files.hpp"

#include <sys/stat.h>

#include <cerrno>

namespace ckpt::store {

namespace {

Path numbered(const Path& folder, int number) {
  std::string name = std::to_string(number);
  name.insert(0, name.size() < 4 ? 4 - name.size() : 0, '0');
  return folder / name;
}

/// The first free number; they are given without gaps, so it is found by halving (the program
/// stands still while we look).
Result<int> free_number(const Path& folder) {
  int taken = 0;
  int free = 1;
  while (true) {
    const auto there = is_there(numbered(folder, free));
    if (!there) {
      return tl::unexpected(there.error());
    }
    if (!*there) {
      break;
    }
    taken = free;
    free *= 2;
  }
  while (free - taken > 1) {
    const int middle = taken + (free - taken) / 2;
    const auto there = is_there(numbered(folder, middle));
    if (!there) {
      return tl::unexpected(there.error());
    }
    (*there ? taken : free) = middle;
  }
  return free;
}

Status check_original(const Path& original) {
  return is_normal_absolute_path(original.native())
             ? Status{}
             : fail(ErrorClass::usage,
                    "invalid_path",
                    "'" + original.string() + "' is no absolute path in its plain form");
}

/// A file ready to take its original's place; nothing if that holds this content already. Then it
/// stays the same file: other programs on the node may have it open, and one that is replaced below
/// them is a deleted file, which not every engine can put back.
struct Staged {
  std::optional<OutputFile> content;
  Path original;
};

bool holds_already(const SavedFile& saved) {
  struct stat info {};
  if (::lstat(saved.original.c_str(), &info) != 0 || !S_ISREG(info.st_mode) ||
      static_cast<std::uint64_t>(info.st_size) != saved.stored.raw_bytes ||
      (info.st_mode & 07777U) != saved.mode) {
    return false;
  }
  const auto found = hash_file(saved.original);
  return found && found->hash == saved.stored.raw_hash;
}

Result<Staged> stage(const Path& job, const SavedFile& saved, std::string& problem) {
  const Path original = saved.original;
  const Status ready = in_turn([&] { return check_original(original); },
                               [&] { return make_directories(original.parent_path()); });
  if (!ready) {
    return tl::unexpected(ready.error());
  }
  if (holds_already(saved)) {
    return Staged{std::nullopt, original};
  }
  // Always the same name for a job: what a killed attempt left in the user's folder, the next one
  // takes over. Another job may put back the same file just now.
  const std::string name =
      ".ckpt-" + job.filename().string() + "-" + original.filename().string() + ".tmp";
  auto output = OutputFile::create(original.parent_path() / name, saved.mode & 07777U);
  if (!output) {
    return tl::unexpected(output.error());
  }
  const Progress silent;
  Meter meter(silent, 0);
  auto found = check_content(
      job, saved.stored, meter, [&](std::string_view bytes) { return output->write(bytes); });
  if (!found) {
    return tl::unexpected(found.error());
  }
  problem = *std::move(found);
  if (const Status synced = output->sync(); !synced) {
    return tl::unexpected(synced.error());
  }
  return Staged{*std::move(output), original};
}

Status cut(const FileLength& length) {
  struct stat info {};
  if (::stat(length.path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      log::warning(length.path + " is gone: there is nothing to cut back");
      return {};
    }
    return tl::unexpected(errno_error(errno, "cannot look at", length.path));
  }
  if (!S_ISREG(info.st_mode)) {
    return {}; // /dev/null and the like have no length
  }
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size < length.bytes) {
    log::warning(length.path + " is shorter than it was at the checkpoint: left as it is");
  }
  return size > length.bytes ? truncate_file(length.path, length.bytes) : Status{};
}

} // namespace

Result<SavedFile> Generations::save_file(GenerationId id, const Path& given) const {
  if (const Status fine = check_original(given); !fine) {
    return tl::unexpected(fine.error());
  }
  Path original = given;
  struct stat info {};
  if (::lstat(original.c_str(), &info) == 0 && S_ISLNK(info.st_mode)) {
    std::error_code error; // a link stays a link: its target is what is put back
    original = std::filesystem::canonical(given, error);
    if (error) {
      return tl::unexpected(errno_error(error.value(), "cannot follow", given));
    }
  }
  if (::stat(original.c_str(), &info) != 0) {
    return tl::unexpected(errno_error(errno, "cannot look at", original));
  }
  if (!S_ISREG(info.st_mode)) {
    return fail(
        ErrorClass::failed, "not_a_regular_file", original.string() + " is no regular file");
  }
  if (const Status made = make_directories(saved_dir(id)); !made) {
    return tl::unexpected(made.error());
  }
  const auto number = free_number(saved_dir(id));
  if (!number) {
    return tl::unexpected(number.error());
  }
  const Path copy = numbered(saved_dir(id), *number);
  if (const Status copied = copy_file_durably(original, copy, 0600); !copied) {
    return tl::unexpected(copied.error());
  }
  SavedFile saved;
  saved.original = original;
  saved.stored.path = copy.lexically_relative(job_folder_);
  saved.mode = info.st_mode & 07777U;
  return saved;
}

Status Generations::restore_files(const Manifest& given, bool cut_lengths) const {
  const Manifest manifest = newest_form(*this, given);
  std::vector<Staged> all;
  std::vector<std::string> problems;
  for (const SavedFile& saved : manifest.saved) {
    std::string problem;
    auto staged = stage(job_folder_, saved, problem);
    if (!staged) {
      return tl::unexpected(staged.error());
    }
    if (!problem.empty()) {
      problems.push_back(std::move(problem));
    }
    all.push_back(*std::move(staged));
  }
  if (!problems.empty()) {
    return fail(ErrorClass::failed,
                "generation_corrupt",
                manifest.id.str() + " is corrupt: " + join(problems, "; "),
                "restart from an older generation");
  }
  for (const std::string& folder : manifest.folders) {
    if (const Status made = make_directories(folder); !made) {
      return made;
    }
  }
  for (Staged& staged : all) {
    if (!staged.content) {
      continue;
    }
    kill_point("restore.file");
    const Status placed = in_turn([&] { return staged.content->publish(staged.original); },
                                  [&] { return sync_directory(staged.original.parent_path()); });
    if (!placed) {
      return placed;
    }
  }
  for (const FileLength& length : cut_lengths ? manifest.lengths : std::vector<FileLength>()) {
    kill_point("restore.length");
    if (const Status done = cut(length); !done) {
      return done;
    }
  }
  return {};
}

} // namespace ckpt::store
