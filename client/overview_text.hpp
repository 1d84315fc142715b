#pragma once

#include "api/overview.hpp"
#include "client/format.hpp"
#include "client/output.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

// What people read of nodes, numbers and cleaning up. Pure.

namespace ckpt::client {

/// A table, and below it the reasons where `width` has no room for them in it.
std::string nodes_text(const std::vector<api::NodeView>& nodes, TimePoint now, std::size_t width);
Table processes_table(const std::vector<api::ProcessView>& processes);
/// Label and text, line by line.
std::vector<std::pair<std::string, std::string>> stats_lines(const api::StatsView& stats);
std::string pruned_text(const std::vector<api::PrunedView>& pruned,
                        const std::vector<Holding>& holding,
                        bool dry_run);
std::string verified_text(const std::vector<api::GenerationView>& generations);
std::string policy_text(const Policy& policy);
/// What is said of a daemon that was stopped; `jobs`: how many there were in which state.
std::string stopped_text(const std::map<std::string, std::int64_t>& jobs);
std::string findings_verdict(const std::vector<Finding>& findings); ///< doctor's last line

} // namespace ckpt::client
