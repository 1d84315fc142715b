#include "client/machine_findings.hpp"

#include "core/base/strings.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace ckpt::client {
namespace {

using Level = Finding::Level;

std::string setting(const Path& file) {
  constexpr std::size_t kMost = 4096;
  return std::string(trim(read_file(file, kMost).value_or("")));
}

Finding namespaces(const MachineFacts& facts) {
  const auto forbidden = [](const std::string& what) {
    return Finding{Level::note,
                   "user_namespaces",
                   "user namespaces are forbidden to ordinary users (" + what +
                       "): CRIU cannot be used without root",
                   "Use DMTCP, or ask the administrator. The compute nodes may be set otherwise: "
                   "`srun ckpt doctor`."};
  };
  if (facts.root) {
    return {Level::ok, "user_namespaces", "user namespaces are not needed by root", ""};
  }
  if (facts.max_user_namespaces == "0") {
    return forbidden("user.max_user_namespaces is 0");
  }
  if (facts.userns_clone == "0") {
    return forbidden("kernel.unprivileged_userns_clone is 0");
  }
  if (facts.apparmor_restricts == "1") {
    return forbidden("kernel.apparmor_restrict_unprivileged_userns is 1");
  }
  if (facts.max_user_namespaces.empty()) {
    return forbidden("the kernel has none");
  }
  return {Level::ok, "user_namespaces", "user namespaces are allowed, which CRIU needs", ""};
}

Finding lingering(const MachineFacts& facts) {
  if (!facts.systemd || facts.lingers || facts.root) {
    return {Level::ok,
            "lingering",
            facts.lingers ? "your services go on when you log out (lingering)"
                          : "no systemd that would end the daemon when you log out",
            ""};
  }
  return {Level::note,
          "lingering",
          facts.daemon_in_systemd
              ? "the daemon ends when you log out: your systemd services do not linger"
              : "your systemd services do not linger, and sites that end what is left at a logout "
                "(KillUserProcesses) end the daemon, too",
          "Jobs go on all the same, and the next command starts it. To keep it: `loginctl "
          "enable-linger`, and systemd/ckptd.service (docs/operations.md)."};
}

Finding permissions(const FolderFacts& folder) {
  constexpr unsigned kOthers = 077;
  std::array<char, 8> mode{};
  (void)std::snprintf(mode.data(), mode.size(), "%04o", folder.mode);
  if (!folder.own) {
    return {Level::problem,
            "folder_not_ours",
            folder.path + " belongs to another user",
            "Set store.path, or CKPTD_STATE_DIR, to a folder of your own: its owner can read your "
            "checkpoints."};
  }
  if ((folder.mode & kOthers) != 0) {
    return {Level::problem,
            "folder_open",
            folder.path + " is open to others (mode " + mode.data() + ")",
            "Type `chmod 700 " + shell_quote(folder.path) +
                "`: images hold all that the program had in its memory."};
  }
  return {Level::ok, "folder", folder.path + " is yours alone", ""};
}

bool is_of_one_machine(const std::string& filesystem) {
  constexpr std::array kLocal{"ext4", "xfs", "btrfs", "tmpfs", "overlay", "overlayfs", "zfs"};
  return std::find(kLocal.begin(), kLocal.end(), filesystem) != kLocal.end();
}

} // namespace

MachineFacts look_at_machine(const std::string& user,
                             std::int64_t daemon_pid,
                             const std::vector<Path>& folders) {
  MachineFacts facts;
  facts.max_user_namespaces = setting("/proc/sys/user/max_user_namespaces");
  facts.userns_clone = setting("/proc/sys/kernel/unprivileged_userns_clone");
  facts.apparmor_restricts = setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
  facts.root = ::geteuid() == 0;
  std::error_code error;
  facts.systemd = std::filesystem::is_directory("/run/systemd/system", error);
  const bool plain = !user.empty() && user.find('/') == std::string::npos;
  facts.lingers = plain && std::filesystem::exists(Path("/var/lib/systemd/linger") / user, error);
  facts.daemon_in_systemd =
      daemon_pid > 0 &&
      setting("/proc/" + std::to_string(daemon_pid) + "/cgroup").find("ckptd.service") !=
          std::string::npos;
  for (const Path& folder : folders) {
    struct stat info {};
    if (::stat(folder.c_str(), &info) == 0) {
      facts.folders.push_back({folder.string(), info.st_mode & 0777U, info.st_uid == ::geteuid()});
    }
  }
  return facts;
}

std::vector<Finding> machine_findings(const MachineFacts& facts) {
  std::vector<Finding> findings{namespaces(facts), lingering(facts)};
  for (const FolderFacts& folder : facts.folders) {
    findings.push_back(permissions(folder));
  }
  return findings;
}

Finding
store_finding(const api::StoreView& store, SchedulerKind scheduler, const Path& config_file) {
  constexpr std::uint64_t kTwentieth = 20;
  const std::string how = "`path` below [store] in " + config_file.string() +
                          " (`ckpt config init` writes it), and then `ckpt daemon restart`.";
  const std::string what = "store " + store.path + " (" + store.filesystem +
                           "): " + human_bytes(store.available_bytes) + " free";
  if (store.available_bytes < store.total_bytes / kTwentieth) {
    return {Level::problem,
            "store_nearly_full",
            what,
            "Checkpoints will be refused when it is full. Lower --keep, cancel what is not needed, "
            "or set another one for new jobs: " +
                how};
  }
  if (scheduler == SchedulerKind::slurm && is_of_one_machine(store.filesystem)) {
    return {Level::note,
            "store_not_shared",
            what + "; " + store.filesystem + " is a filesystem of one machine",
            "Every compute node has to see it under this path. Unless this is a cluster of one "
            "machine, set a folder on the shared filesystem: " +
                how};
  }
  return {Level::ok, "store", what, ""};
}

} // namespace ckpt::client
