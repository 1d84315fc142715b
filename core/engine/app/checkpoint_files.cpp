#include "core/engine/app/checkpoint_files.hpp"

#include "core/base/strings.hpp"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <set>
#include <string_view>

namespace ckpt::engine::app {
namespace {

constexpr const char* kIndex = "index.txt";
constexpr std::int64_t kNanoseconds = 1'000'000'000;

std::int64_t nanoseconds_of(const timespec& time) {
  return time.tv_sec * kNanoseconds + time.tv_nsec;
}

std::vector<std::string> expand(const std::string& pattern, const std::string& cwd) {
  const std::string absolute = pattern.starts_with('/') ? pattern : cwd + "/" + pattern;
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(absolute.c_str(), GLOB_BRACE | GLOB_NOSORT, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  return paths;
}

void add_file(Snapshot& files, const Path& path) {
  struct stat info {};
  std::error_code error;
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return;
  }
  const Path canonical = std::filesystem::canonical(path, error);
  if (!error) {
    files[canonical.string()] = {static_cast<std::uint64_t>(info.st_size),
                                 nanoseconds_of(info.st_mtim),
                                 info.st_ino,
                                 info.st_mode & 07777U};
  }
}

template <class Int> bool read_int(std::string_view& text, Int& value, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end == text.data() + text.size() || *end != ' ') {
    return false;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

Status restore_file(const Path& copy, const IndexEntry& entry) {
  const Path target = entry.original;
  const Path temporary = target.string() + ".ckpt-" + random_hex(6);
  if (auto made = make_directories(target.parent_path(), 0755); !made) {
    return made;
  }
  if (auto copied = copy_file_durably(copy, temporary, entry.mode); !copied) {
    static_cast<void>(remove_file(temporary));
    return copied;
  }
  const timespec time{entry.modified_ns / kNanoseconds, entry.modified_ns % kNanoseconds};
  const std::array<timespec, 2> times{time, time};
  ::utimensat(AT_FDCWD, temporary.c_str(), times.data(), 0);
  return rename_durably(temporary, target);
}

Status move_aside(const Path& file, const Path& folder, int number) {
  if (auto made = make_directories(folder); !made) {
    return made;
  }
  const Path to = folder / (std::to_string(number) + "-" + file.filename().string());
  std::error_code error;
  std::filesystem::rename(file, to, error);
  if (!error) {
    return {};
  }
  if (auto copied = copy_file_durably(file, to, 0600); !copied) { // another filesystem
    return copied;
  }
  return remove_file(file);
}

} // namespace

Snapshot look(const std::vector<std::string>& globs, const std::string& cwd) {
  Snapshot files;
  for (const std::string& pattern : globs) {
    for (const std::string& path : expand(pattern, cwd)) {
      std::error_code error;
      if (!std::filesystem::is_directory(path, error)) {
        add_file(files, path);
        continue;
      }
      using Walk = std::filesystem::recursive_directory_iterator;
      for (auto entry = Walk(path, error); !error && entry != Walk(); entry.increment(error)) {
        add_file(files, entry->path());
      }
    }
  }
  return files;
}

Duration written_later(const Snapshot& files, const std::vector<std::string>& outputs) {
  std::map<dev_t, std::int64_t> newest; // renaming a file is the end of many a checkpoint: ctime
  for (const auto& [path, state] : files) {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0) {
      auto& change = newest[info.st_dev];
      change = std::max(change, nanoseconds_of(info.st_ctim));
    }
  }
  std::int64_t later = 0;
  for (const std::string& path : outputs) {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && newest.contains(info.st_dev)) {
      later = std::max(later, nanoseconds_of(info.st_mtim) - newest[info.st_dev]);
    }
  }
  return Duration(later / (kNanoseconds / 1000));
}

bool has_news(const Snapshot& before, const Snapshot& now) {
  for (const auto& [path, state] : now) {
    const auto old = before.find(path);
    if (old == before.end() || !(old->second == state)) {
      return true;
    }
  }
  return false;
}

std::string encode_index(const std::vector<IndexEntry>& entries) {
  std::string text;
  for (const IndexEntry& entry : entries) {
    std::array<char, 8> mode{};
    std::snprintf(mode.data(), mode.size(), "%o", static_cast<unsigned>(entry.mode));
    text += std::string(mode.data()) + " " + std::to_string(entry.modified_ns) + " " +
            std::to_string(entry.original.size()) + " " + entry.copy + " " + entry.original + "\n";
  }
  return text + "end\n";
}

// The length before the path makes any path readable again, one with a newline in it, too.
Result<std::vector<IndexEntry>> decode_index(const std::string& text) {
  std::vector<IndexEntry> entries;
  std::string_view rest(text);
  while (rest != "end\n") {
    IndexEntry entry;
    std::size_t length = 0;
    unsigned mode = 0;
    const bool numbers =
        read_int(rest, mode, 8) && read_int(rest, entry.modified_ns) && read_int(rest, length);
    const std::size_t blank = rest.find(' ');
    if (!numbers || blank == std::string_view::npos || length > rest.size() ||
        rest.size() - length < blank + 2 || rest[blank + 1 + length] != '\n' ||
        rest.substr(0, blank).find('/') != std::string_view::npos) {
      return fail(ErrorClass::failed,
                  "restart_failed",
                  "the index of the saved checkpoint files is damaged");
    }
    entry.mode = mode;
    entry.copy = rest.substr(0, blank);
    entry.original = rest.substr(blank + 1, length);
    rest.remove_prefix(blank + 2 + length);
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<std::vector<Path>> save(const Snapshot& files, const Path& folder) {
  std::vector<Path> made;
  std::vector<IndexEntry> entries;
  for (const auto& [path, state] : files) {
    IndexEntry entry{.copy = "file-" + std::to_string(entries.size() + 1),
                     .original = path,
                     .modified_ns = state.modified_ns,
                     .mode = state.mode};
    if (auto copied = copy_file_durably(path, folder / entry.copy, 0600); !copied) {
      return tl::unexpected(copied.error());
    }
    made.push_back(folder / entry.copy);
    entries.push_back(std::move(entry));
  }
  if (auto written = write_file_atomically(folder / kIndex, encode_index(entries)); !written) {
    return tl::unexpected(written.error());
  }
  made.push_back(folder / kIndex);
  return made;
}

Status put_back(const Path& folder,
                const std::vector<std::string>& globs,
                const std::string& cwd,
                const Path& aside) {
  const auto text = read_file(folder / kIndex);
  if (!text) {
    return tl::unexpected(text.error());
  }
  const auto entries = decode_index(*text);
  if (!entries) {
    return tl::unexpected(entries.error());
  }
  std::set<std::string> known;
  for (const IndexEntry& entry : *entries) {
    known.insert(entry.original);
    if (auto restored = restore_file(folder / entry.copy, entry); !restored) {
      return restored;
    }
  }
  int number = 0;
  for (const auto& [path, state] : look(globs, cwd)) {
    if (!known.contains(path)) {
      if (auto moved = move_aside(path, aside, ++number); !moved) {
        return moved;
      }
    }
  }
  return {};
}

} // namespace ckpt::engine::app
