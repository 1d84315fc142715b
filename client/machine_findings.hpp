#pragma once

#include "api/views.hpp"
#include "client/output.hpp"
#include "core/base/files.hpp"

#include <optional>
#include <string>
#include <vector>

// What `ckpt doctor` sees of the machine by itself, beside what the daemon tells.

namespace ckpt::client {

struct FolderFacts {
  std::string path;
  unsigned mode = 0700; ///< permission bits
  bool own = true;      ///< belongs to this user
};

struct MachineFacts {
  /// The kernel's settings, trimmed; empty where there is no such file.
  std::string max_user_namespaces;
  std::string userns_clone;
  std::string apparmor_restricts;
  bool root = false;
  bool systemd = false;             ///< it is what runs this machine
  bool lingers = false;             ///< loginctl enable-linger
  bool daemon_in_systemd = false;   ///< the user's manager keeps the daemon
  std::vector<FolderFacts> folders; ///< state, store
};

MachineFacts
look_at_machine(const std::string& user, std::int64_t daemon_pid, const std::vector<Path>& folders);

/// Pure.
std::vector<Finding> machine_findings(const MachineFacts& facts);
/// Whether the store can be where the compute nodes see it. `config_file`: where it is set. Pure.
Finding
store_finding(const api::StoreView& store, SchedulerKind scheduler, const Path& config_file);

} // namespace ckpt::client
