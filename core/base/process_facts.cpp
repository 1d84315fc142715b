// Whatever cannot be looked at is left out, or marked so: a process that ends, a file that is gone.
#include "core/base/process_facts.hpp"

#include "core/base/files.hpp"
#include "core/base/sockets.hpp"
#include "core/base/strings.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <tuple>

namespace ckpt {
namespace {

constexpr int kFirstOfDmtcp = 821;
constexpr int kLastOfDmtcp = 850;
constexpr std::string_view kDeleted = " (deleted)";

Path proc(pid_t pid) {
  return Path("/proc") / std::to_string(pid);
}

ObjectKind kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG:
    return ObjectKind::regular;
  case S_IFDIR:
    return ObjectKind::directory;
  case S_IFCHR:
  case S_IFBLK:
    return ObjectKind::device;
  case S_IFSOCK:
    return ObjectKind::socket;
  case S_IFIFO:
    return ObjectKind::pipe;
  default:
    return ObjectKind::other;
  }
}

std::optional<std::uint64_t> socket_inode(const std::string& target) {
  constexpr std::string_view kHead = "socket:[";
  std::uint64_t inode = 0;
  if (!target.starts_with(kHead) ||
      std::from_chars(target.data() + kHead.size(), target.data() + target.size(), inode).ec !=
          std::errc{}) {
    return std::nullopt;
  }
  return inode;
}

struct Descriptor {
  std::uint64_t position = 0;
  int flags = 0;
};

Descriptor read_fdinfo(const Path& path) {
  Descriptor descriptor;
  for (const std::string& line : split_lines(read_file(path, 65536).value_or(""))) {
    if (line.starts_with("pos:")) {
      descriptor.position = std::strtoull(line.c_str() + 4, nullptr, 10);
    } else if (line.starts_with("flags:")) {
      descriptor.flags = static_cast<int>(std::strtoul(line.c_str() + 6, nullptr, 8));
    }
  }
  return descriptor;
}

class Look {
public:
  explicit Look(const std::vector<ProcessInfo>& processes) {
    for (const ProcessInfo& process : processes) {
      look_at(process);
    }
  }

  std::vector<ProcessFacts> finish(const std::vector<pid_t>& helpers) {
    std::set<std::uint64_t> inside;
    for (const auto& [pid, sockets] : sockets_) {
      inside.insert(sockets.begin(), sockets.end());
    }
    for (const pid_t helper : inside.empty() ? std::vector<pid_t>{} : helpers) {
      std::error_code gone;
      for (const auto& entry : std::filesystem::directory_iterator(proc(helper) / "fd", gone)) {
        if (const auto inode =
                socket_inode(std::filesystem::read_symlink(entry.path(), gone).string())) {
          inside.insert(*inode);
        }
      }
    }
    auto outside = outside_connections(sockets_, inside);
    for (ProcessFacts& facts : all_) {
      facts.connections = std::move(outside[facts.pid]);
    }
    return std::move(all_);
  }

private:
  void look_at(const ProcessInfo& process) {
    ProcessFacts facts;
    facts.pid = process.pid;
    facts.name = process.comm;
    const Path folder = proc(process.pid);
    std::error_code error;
    std::filesystem::directory_iterator descriptors(folder / "fd", error);
    if (error) {
      facts.readable = error.value() != EACCES && error.value() != EPERM;
      if (!facts.readable) {
        all_.push_back(std::move(facts));
      }
      return;
    }
    const Path cwd = std::filesystem::read_symlink(folder / "cwd", error);
    facts.cwd = error || cwd.string().ends_with(" (deleted)") ? "" : cwd.string();
    for (const auto& entry : descriptors) {
      add_descriptor(facts, folder, entry.path().filename());
    }
    add_mappings(facts, read_file(folder / "maps").value_or(""));
    all_.push_back(std::move(facts));
  }

  void add_descriptor(ProcessFacts& facts, const Path& folder, const Path& number) {
    const int fd = std::atoi(number.c_str());
    std::error_code gone;
    const Path link = folder / "fd" / number;
    OpenObject object;
    object.path = std::filesystem::read_symlink(link, gone).string();
    if (gone) {
      return;
    }
    if (const auto inode = socket_inode(object.path)) {
      sockets_[facts.pid].insert(*inode);
    }
    struct stat info {};
    if ((fd >= kFirstOfDmtcp && fd <= kLastOfDmtcp) || ::stat(link.c_str(), &info) != 0) {
      return;
    }
    object.kind =
        object.path.starts_with("anon_inode:") ? ObjectKind::anonymous : kind_of(info.st_mode);
    if (object.kind == ObjectKind::regular) {
      const Descriptor opened = read_fdinfo(folder / "fdinfo" / number);
      const int access = opened.flags & O_ACCMODE;
      describe(object, info, link);
      // One that only appends, or writes at its end, is continued rightly by every engine.
      object.writable = access != O_RDONLY && (opened.flags & O_PATH) == 0;
      object.in_place =
          (opened.flags & (O_APPEND | O_PATH)) == 0 &&
          (access == O_RDWR || (access == O_WRONLY && opened.position < object.bytes));
      check_name(object, info, access == O_RDONLY ? R_OK : access == O_WRONLY ? W_OK : R_OK | W_OK);
    }
    facts.objects.push_back(std::move(object));
  }

  // "7f…-7f… rw-s 00000000 fe:00 1234    /path"
  void add_mappings(ProcessFacts& facts, const std::string& maps) {
    std::set<std::pair<std::string, bool>> seen;
    for (const std::string& line : split_lines(maps)) {
      const std::size_t blank = line.find(' ');
      const std::size_t path = line.find('/');
      if (blank == std::string::npos || path == std::string::npos || line.size() < blank + 5) {
        continue;
      }
      const bool shared = line[blank + 4] == 's';
      const bool in_place = shared && line[blank + 2] == 'w';
      OpenObject object;
      object.path = line.substr(path);
      facts.injected = facts.injected || object.path.find("/libdmtcp") != std::string::npos;
      if (!seen.emplace(object.path, in_place).second) {
        continue;
      }
      object.mapped = true;
      object.shared = shared;
      object.in_place = in_place;
      object.writable = in_place;
      object.kind = object.path.starts_with("/dev/") && !object.path.starts_with("/dev/shm/")
                        ? ObjectKind::device
                    : object.path.starts_with("/anon_hugepage") ? ObjectKind::other
                                                                : ObjectKind::regular;
      if (object.path.starts_with("/memfd:") || object.path.starts_with("/SYSV")) {
        object.deleted = true;
        object.path = object.path.substr(0, object.path.rfind(kDeleted));
      } else if (object.kind == ObjectKind::regular) {
        look_at_mapped_file(object);
      } else if (object.path.ends_with(kDeleted)) { // "/dev/zero (deleted)": anonymous, shared
        continue;
      }
      facts.objects.push_back(std::move(object));
    }
  }

  // Processes of one program map the same libraries: each is looked at once.
  void look_at_mapped_file(OpenObject& object) {
    const auto [known, is_new] = mapped_.try_emplace({object.path, object.shared, object.in_place});
    if (is_new) {
      add_mapped_file(object);
      known->second = object;
    } else {
      object = known->second;
    }
  }

  void add_mapped_file(OpenObject& object) {
    struct stat info {};
    if (object.path.ends_with(kDeleted) || ::stat(object.path.c_str(), &info) != 0) {
      object.deleted = true;
      object.path = object.path.substr(
          0, object.path.size() - (object.path.ends_with(kDeleted) ? kDeleted.size() : 0));
      return;
    }
    describe(object, info, object.path);
    check_name(object, info, object.in_place ? R_OK | W_OK : R_OK);
  }

  void describe(OpenObject& object, const struct stat& info, const Path& way) {
    object.bytes = static_cast<std::uint64_t>(info.st_size);
    object.identity = {info.st_dev, info.st_ino};
    object.own = info.st_uid == ::geteuid();
    const auto known = filesystems_.find(info.st_dev);
    if (known != filesystems_.end()) {
      object.filesystem = known->second;
      return;
    }
    const auto space = space_of(way);
    object.filesystem = space ? space->filesystem : std::string{};
    filesystems_[info.st_dev] = object.filesystem;
  }

  // The name must lead to the file that is meant.
  static void check_name(OpenObject& object, const struct stat& meant, int access) {
    struct stat named {};
    const bool same = object.path.starts_with('/') && ::stat(object.path.c_str(), &named) == 0 &&
                      named.st_dev == meant.st_dev && named.st_ino == meant.st_ino;
    object.reachable = !same || ::faccessat(AT_FDCWD, object.path.c_str(), access, AT_EACCESS) == 0;
    if (!same) {
      object.deleted = true;
      if (object.path.ends_with(kDeleted)) {
        object.path.resize(object.path.size() - kDeleted.size());
      }
    }
  }

  std::vector<ProcessFacts> all_;
  SocketsOf sockets_;
  std::map<dev_t, std::string> filesystems_;
  std::map<std::tuple<std::string, bool, bool>, OpenObject> mapped_;
};

/// Seconds since the machine started.
double uptime() {
  return std::strtod(read_file("/proc/uptime", 256).value_or("0").c_str(), nullptr);
}

} // namespace

std::vector<ProcessFacts> look_at_processes(const std::vector<ProcessInfo>& processes,
                                            const std::vector<pid_t>& helpers) {
  std::vector<ProcessFacts> all = Look(processes).finish(helpers);
  constexpr double kSettled = 3;
  const double now = uptime();
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  for (ProcessFacts& facts : all) {
    for (const ProcessInfo& process : processes) {
      if (process.pid == facts.pid) {
        facts.settled = now - static_cast<double>(process.start_ticks) / ticks > kSettled;
      }
    }
  }
  return all;
}

} // namespace ckpt
