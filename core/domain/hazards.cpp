// From facts to hazards: each object of each process is looked at once, and is at most one hazard,
// the one that says most about it.
#include "core/domain/hazards.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace ckpt {
namespace {

constexpr std::array<std::string_view, 4> kLocalFolders{
    "/tmp", "/var/tmp", "/dev/shm", "/run/user"};
constexpr std::array<std::string_view, 15> kSystemFolders{"/proc",
                                                          "/sys",
                                                          "/usr",
                                                          "/lib",
                                                          "/lib32",
                                                          "/lib64",
                                                          "/bin",
                                                          "/sbin",
                                                          "/etc",
                                                          "/opt",
                                                          "/var",
                                                          "/nix",
                                                          "/gnu",
                                                          "/snap",
                                                          "/boot"};
constexpr std::array<std::string_view, 14> kSharedFilesystems{"nfs",
                                                              "lustre",
                                                              "gpfs",
                                                              "ceph",
                                                              "cifs",
                                                              "smb2",
                                                              "fuse",
                                                              "9p",
                                                              "panfs",
                                                              "beegfs",
                                                              "afs",
                                                              "pvfs2",
                                                              "gfs2",
                                                              "ocfs2"};
/// CRIU carries deleted files up to this size; DMTCP all of them.
constexpr std::uint64_t kMostOfGhosts = std::uint64_t{1} << 20U;
/// Kernel objects that both engines restore.
constexpr std::array<std::string_view, 5> kCarried{
    "eventfd", "eventpoll", "signalfd", "timerfd", "pidfd"};

template <std::size_t N>
bool below_any(const std::string& path, const std::array<std::string_view, N>& folders) {
  return std::any_of(folders.begin(), folders.end(), [&](std::string_view folder) {
    return is_below(path, std::string(folder));
  });
}

bool is_shared_filesystem(const std::string& name) {
  return std::any_of(kSharedFilesystems.begin(),
                     kSharedFilesystems.end(),
                     [&](std::string_view known) { return name.starts_with(known); });
}

bool starts_with_any(const std::string& text, std::initializer_list<std::string_view> heads) {
  return std::any_of(
      heads.begin(), heads.end(), [&](std::string_view head) { return text.starts_with(head); });
}

bool is_terminal_master(const std::string& path) {
  return path == "/dev/ptmx" || path == "/dev/pts/ptmx";
}

/// A program that has made terminals of its own carries both ends along.
bool makes_terminals(const std::vector<ProcessFacts>& processes) {
  return std::any_of(processes.begin(), processes.end(), [](const ProcessFacts& process) {
    return std::any_of(process.objects.begin(), process.objects.end(), [](const auto& object) {
      return is_terminal_master(object.path);
    });
  });
}

std::optional<HazardKind> kind_of_device(const std::string& path) {
  if (starts_with_any(path, {"/dev/nvidia", "/dev/kfd", "/dev/dri/"})) {
    return HazardKind::gpu;
  }
  if (path.starts_with("/dev/infiniband/")) {
    return HazardKind::rdma;
  }
  if (is_terminal_master(path)) {
    return std::nullopt;
  }
  if (starts_with_any(path, {"/dev/pts/", "/dev/tty", "/dev/console"})) {
    return HazardKind::terminal;
  }
  if (starts_with_any(path,
                      {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"})) {
    return std::nullopt;
  }
  return HazardKind::devices;
}

std::optional<HazardKind> kind_of_kernel_object(const std::string& path) {
  if (path.find("io_uring") != std::string::npos) {
    return HazardKind::io_uring;
  }
  if (path.find("inotify") != std::string::npos) {
    return HazardKind::inotify;
  }
  const bool carried = std::any_of(kCarried.begin(), kCarried.end(), [&](std::string_view name) {
    return path.find(name) != std::string::npos;
  });
  return carried ? std::nullopt : std::optional(HazardKind::kernel_objects);
}

bool is_ours(const OpenObject& file, const Surroundings& around) {
  return is_below(file.path, around.job_folder) || is_engines_own(file.path);
}

bool is_saved(const OpenObject& file, const Surroundings& around) {
  return around.local_files == LocalFiles::save && is_node_local(file, around);
}

std::optional<HazardKind> kind_of_file(const OpenObject& file, const Surroundings& around) {
  if (file.path.starts_with("/SYSV")) {
    return HazardKind::sysv_shm;
  }
  if (file.path.starts_with("/memfd:")) {
    return HazardKind::memory_files;
  }
  if (is_ours(file, around) || is_below(file.path, "/proc") || is_below(file.path, "/sys")) {
    return std::nullopt;
  }
  if (file.deleted) {
    // A private mapping's pages are in the image; so are anonymous shared ones ("/dev/zero").
    const bool lost = !file.path.starts_with("/dev/zero") &&
                      (file.mapped ? file.shared : file.bytes > kMostOfGhosts);
    return !lost         ? std::nullopt
           : file.mapped ? std::optional(HazardKind::deleted_mappings)
                         : std::optional(HazardKind::deleted_files);
  }
  if (around.covered.contains(file.identity)) {
    return std::nullopt;
  }
  if (!file.reachable) {
    return HazardKind::unreachable_files;
  }
  if (is_saved(file, around)) {
    return std::nullopt;
  }
  if (is_node_local(file, around) && around.local_files == LocalFiles::warn &&
      !around.stays_on_node) {
    return HazardKind::local_files;
  }
  return file.in_place ? std::optional(HazardKind::uncovered_files) : std::nullopt;
}

std::optional<HazardKind> kind_of(const OpenObject& object, const Surroundings& around) {
  switch (object.kind) {
  case ObjectKind::regular:
    return kind_of_file(object, around);
  case ObjectKind::device:
    return kind_of_device(object.path);
  case ObjectKind::anonymous:
    return kind_of_kernel_object(object.path);
  case ObjectKind::directory:
  case ObjectKind::socket: // told as connections
  case ObjectKind::pipe:
  case ObjectKind::other:
    break;
  }
  return std::nullopt;
}

} // namespace

bool is_below(const std::string& path, const std::string& folder) {
  return !folder.empty() && path.starts_with(folder) &&
         (path.size() == folder.size() || folder.back() == '/' || path[folder.size()] == '/');
}

bool is_engines_own(const std::string& path) {
  // DMTCP's folder of an attempt, and the library that it loads into each process.
  return path.find("/ckpt-dmtcp-") != std::string::npos ||
         path.find("/ckpt-file-ids-") != std::string::npos;
}

bool is_node_local(const OpenObject& file, const Surroundings& around) {
  if (is_below(file.path, around.tmpdir)) {
    return true;
  }
  if (is_below(file.path, around.cwd) || is_below(file.path, around.job_folder)) {
    return false;
  }
  if (below_any(file.path, kLocalFolders)) {
    return true;
  }
  if (below_any(file.path, kSystemFolders) || file.path.starts_with("/dev/") ||
      is_shared_filesystem(file.filesystem) ||
      around.shared_devices.contains(file.identity.first)) {
    return false;
  }
  return file.own && !file.filesystem.empty();
}

std::vector<std::string> local_files_to_save(const std::vector<ProcessFacts>& processes,
                                             const Surroundings& around) {
  std::set<std::string> paths;
  for (const ProcessFacts& process : processes) {
    for (const OpenObject& object : process.objects) {
      if (object.kind == ObjectKind::regular && !object.deleted && object.reachable &&
          !is_ours(object, around) && !around.covered.contains(object.identity) &&
          is_saved(object, around)) {
        paths.insert(object.path);
      }
    }
  }
  return {paths.begin(), paths.end()};
}

std::vector<std::string> deleted_files(const std::vector<ProcessFacts>& processes, bool mapped) {
  std::set<std::string> names;
  for (const ProcessFacts& process : processes) {
    for (const OpenObject& object : process.objects) {
      const bool had_name = object.path.starts_with('/') && !object.path.starts_with("/memfd:") &&
                            !object.path.starts_with("/SYSV") &&
                            !object.path.starts_with("/dev/zero");
      if (object.kind == ObjectKind::regular && object.deleted && had_name &&
          (mapped || !object.mapped)) {
        names.insert(object.path);
      }
    }
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> written_files(const std::vector<ProcessFacts>& processes,
                                       const Surroundings& around,
                                       const std::set<FileIdentity>& outputs) {
  std::set<std::string> names;
  for (const ProcessFacts& process : processes) {
    for (const OpenObject& object : process.objects) {
      if (object.kind == ObjectKind::regular && object.writable && !object.deleted &&
          object.path.starts_with('/') && !outputs.contains(object.identity) &&
          !is_below(object.path, around.job_folder)) {
        names.insert(object.path);
      }
    }
  }
  return {names.begin(), names.end()};
}

std::set<FileIdentity> files_mapped_to_read(const std::vector<ProcessFacts>& processes) {
  std::set<FileIdentity> read;
  std::set<FileIdentity> writable;
  for (const ProcessFacts& process : processes) {
    for (const OpenObject& object : process.objects) {
      if (object.kind == ObjectKind::regular && object.writable) {
        writable.insert(object.identity);
      } else if (object.kind == ObjectKind::regular && object.mapped && object.shared &&
                 !object.deleted) {
        read.insert(object.identity);
      }
    }
  }
  std::erase_if(read, [&](const FileIdentity& file) { return writable.contains(file); });
  return read;
}

std::vector<Hazard> find_hazards(const std::vector<ProcessFacts>& processes,
                                 const Surroundings& around) {
  std::vector<Hazard> found;
  const bool own_terminals = makes_terminals(processes);
  for (const ProcessFacts& process : processes) {
    const auto add = [&](HazardKind kind, const std::string& what) {
      found.push_back({kind, what.empty() ? process.name : what + " (" + process.name + ")"});
    };
    // After a restart by DMTCP the executable is DMTCP's own, a static one.
    if (process.setuid || !process.readable) {
      add(HazardKind::setuid_binary, {});
    } else if (process.is_static && !process.injected) {
      add(HazardKind::static_binary, {});
    } else if (!process.injected && process.settled) {
      add(HazardKind::outside_engine, {});
    }
    for (const OpenObject& object : process.objects) {
      const auto kind = kind_of(object, around);
      if (kind && (*kind != HazardKind::terminal || !own_terminals)) {
        add(*kind, object.path);
      }
    }
    for (const OutsideConnection& connection : process.connections) {
      add(connection.this_node ? HazardKind::node_sockets : HazardKind::outside_sockets,
          connection.peer);
    }
  }
  return found;
}

} // namespace ckpt
