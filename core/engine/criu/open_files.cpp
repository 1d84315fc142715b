#include "core/engine/criu/open_files.hpp"

#include "core/base/files.hpp"
#include "core/base/strings.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace ckpt::engine::criu {
namespace {

using FileId = std::pair<dev_t, ino_t>;

std::optional<struct stat> regular(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return std::nullopt;
  }
  return info;
}

bool open_for_writing(const std::string& fdinfo) {
  constexpr std::string_view kFlags = "flags:";
  for (const std::string& line : split_lines(fdinfo)) {
    if (line.starts_with(kFlags)) {
      const unsigned long flags = std::strtoul(line.c_str() + kFlags.size(), nullptr, 8);
      return (flags & O_ACCMODE) != O_RDONLY && (flags & O_PATH) == 0;
    }
  }
  return false;
}

class Collector {
public:
  explicit Collector(const std::vector<std::string>& except) {
    for (const std::string& path : except) {
      if (const auto info = regular(path)) {
        skipped_.emplace(info->st_dev, info->st_ino);
      }
    }
  }

  void add_descriptors(pid_t pid) {
    const Path proc = Path("/proc") / std::to_string(pid);
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(proc / "fd", error)) {
      const auto info = read_file(proc / "fdinfo" / entry.path().filename(), 65536);
      const Path target = std::filesystem::read_symlink(entry.path(), error);
      const auto meant = regular(entry.path().string());
      if (!error && info && meant && open_for_writing(*info)) {
        add(target.string(), FileId{meant->st_dev, meant->st_ino});
      }
    }
  }

  // "7f… rw-s 00000000 fe:00 1234    /path": a shared writable mapping whose descriptor may be
  // closed.
  void add_mappings(pid_t pid) {
    const auto maps = read_file(Path("/proc") / std::to_string(pid) / "maps");
    for (const std::string& line : maps ? split_lines(*maps) : std::vector<std::string>{}) {
      const std::size_t blank = line.find(' ');
      const std::size_t path = line.find('/');
      if (blank != std::string::npos && path != std::string::npos && line.size() > blank + 4 &&
          line[blank + 2] == 'w' && line[blank + 4] == 's') {
        add(line.substr(path), std::nullopt);
      }
    }
  }

  std::vector<OpenFile> files() const {
    std::vector<OpenFile> result;
    for (const auto& [id, file] : found_) {
      result.push_back(file);
    }
    return result;
  }

private:
  // The name must still lead to the file that is meant: deleted ones end in " (deleted)".
  void add(const std::string& path, std::optional<FileId> meant) {
    const auto info = path.starts_with('/') ? regular(path) : std::nullopt;
    if (!info) {
      return;
    }
    const FileId id{info->st_dev, info->st_ino};
    if ((!meant || *meant == id) && !skipped_.contains(id)) {
      found_[id] = {path, static_cast<std::uint64_t>(info->st_size)};
    }
  }

  std::set<FileId> skipped_;
  std::map<FileId, OpenFile> found_;
};

} // namespace

std::vector<OpenFile> writable_files(const std::vector<ProcessInfo>& processes,
                                     const std::vector<std::string>& except) {
  Collector collector(except);
  for (const ProcessInfo& process : processes) {
    collector.add_descriptors(process.pid);
    collector.add_mappings(process.pid);
  }
  return collector.files();
}

bool has_foreign_deleted_file(const Path& images) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(images, error)) {
    if (!entry.path().filename().native().starts_with("ghost-file-")) {
      continue;
    }
    std::string head(64, '\0'); // the file's content follows
    std::ifstream(entry.path(), std::ios::binary)
        .read(head.data(), static_cast<std::streamsize>(head.size()));
    if (is_foreign_ghost(head)) {
      return true;
    }
  }
  return false;
}

Status roll_back(const std::vector<OpenFile>& files) {
  for (const OpenFile& file : files) {
    const auto now = regular(file.path);
    if (now && static_cast<std::uint64_t>(now->st_size) > file.bytes) {
      if (auto cut = truncate_file(file.path, file.bytes); !cut) {
        return cut;
      }
    }
  }
  return {};
}

} // namespace ckpt::engine::criu
