#pragma once

#include "api/views.hpp"

// What the API shows of nodes, of everything together, and of cleaning up.

namespace ckpt::api {

/// A node as scheduler and runners tell of it.
struct NodeView {
  std::string name;
  std::string state;  ///< the scheduler's own word ("idle", "mixed", "drained"); empty: not told
  std::string reason; ///< likewise: why it is drained or down
  std::vector<std::string> partitions;
  int attempts_count = 0; ///< of ours that began there
  int refusals_count = 0; ///< times that a runner could not restart an image there
  std::string last_refusal;
  std::optional<TimePoint> last_seen_at; ///< by a runner of ours
  std::vector<std::string> jobs;         ///< ids of those that run there now
  bool operator==(const NodeView&) const = default;
};

/// How many checkpoints came to what end.
struct CheckpointCount {
  Trigger trigger = Trigger::manual;
  std::string outcome; ///< "sealed" (later pruned ones included), "failed", "corrupt", "open"
  std::int64_t count = 0;
  bool operator==(const CheckpointCount&) const = default;
};

struct SecondsSum {
  std::int64_t count = 0;
  Duration sum{0}; ///< `sum_seconds`
  Duration max{0}; ///< `max_seconds`
  bool operator==(const SecondsSum&) const = default;
};

/// Where the time of all jobs went.
struct TotalsView {
  Duration run{0};
  Duration lost{0};
  Duration saved{0}; ///< work that restarts from a generation did not have to do again
  Duration checkpoint{0};
  Duration queue{0};
  bool operator==(const TotalsView&) const = default;
};

struct StatsView {
  std::map<std::string, std::int64_t> jobs; ///< by state, zeros included
  std::vector<CheckpointCount> checkpoints;
  SecondsSum blocked;             ///< the program stood still for a sealed one
  std::uint64_t raw_bytes = 0;    ///< of the sealed generations that are there
  std::uint64_t stored_bytes = 0; ///< as they lie on disk
  TotalsView accounting;
  bool operator==(const StatsView&) const = default;
};

/// A generation that was removed, or would be.
struct PrunedView {
  JobId job;
  GenerationId generation;
  std::optional<std::uint64_t> stored_bytes;
  std::string reason;
  bool operator==(const PrunedView&) const = default;
};

struct PruneRequest {
  std::optional<std::string> job; ///< selector; nothing: every job
  bool dry_run = false;
};

/// PATCH …/policy: a JSON object of policy fields, its form is checked.
struct PolicyRequest {
  std::string patch;
};

/// hold, release, requeue.
struct ActionRequest {
  std::string idempotency_key;
};

} // namespace ckpt::api
