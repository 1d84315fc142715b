#pragma once

#include "api/overview.hpp"
#include "core/domain/generation.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

// What /metrics shows, in Prometheus' text format. Pure.

namespace ckpt::daemon {

/// Observations by size. Bounds ascend; the last bucket has none.
class Histogram {
public:
  explicit Histogram(std::vector<double> bounds)
      : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}
  void add(double value);
  const std::vector<double>& bounds() const { return bounds_; }
  std::int64_t up_to(std::size_t bucket) const; ///< cumulative
  std::int64_t count() const { return up_to(bounds_.size()); }
  double sum() const { return sum_; }

private:
  std::vector<double> bounds_;
  std::vector<std::int64_t> counts_;
  double sum_ = 0;
};

/// What the daemon counts of itself since it started.
struct Figures {
  Histogram query_seconds{
      {0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30}}; ///< of the scheduler's batched query
  std::int64_t query_errors = 0;
  double loop_lag_seconds = 0; ///< how late the newest tick came
  double loop_lag_max_seconds = 0;
  std::size_t connections = 0; ///< of the API, event streams included
  std::size_t streams = 0;
};

struct MetricsInput {
  std::string version;
  TimePoint started_at{};
  bool scheduler_up = false;
  api::StatsView stats;
  Histogram blocked_seconds{{0.03, 0.1, 0.3, 1, 3, 10, 30, 100}};
  Histogram checkpoint_bytes{{1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12}};
  Figures figures;
  std::size_t degraded = 0; ///< reasons that /v1/status tells
};

std::string metrics_text(const MetricsInput& input);

} // namespace ckpt::daemon
