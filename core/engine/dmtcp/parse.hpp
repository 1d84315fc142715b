#pragma once

#include "core/engine/engine.hpp"

#include <optional>
#include <string>
#include <vector>

// What DMTCP's tools print, as values. Pure; what cannot be read is nothing, never a default.

namespace ckpt::engine::dmtcp {

struct Version {
  std::string text;
  int major = 0;
  int minor = 0;
};

/// `dmtcp_launch --version`: "dmtcp_launch (DMTCP) 4.2.0".
std::optional<Version> parse_version(const std::string& output);

struct CoordinatorStatus {
  int peers = 0;
  bool running = false; ///< every peer is in the state RUNNING
};

/// `dmtcp_command -s`.
std::optional<CoordinatorStatus> parse_status(const std::string& output);

/// `dmtcp_command -l`. Nothing if there is no client list, or a line of it cannot be read.
std::optional<std::vector<Peer>> parse_list(const std::string& output);

/// True if there are peers and each of them runs.
bool all_running(const std::vector<Peer>& peers);

} // namespace ckpt::engine::dmtcp
