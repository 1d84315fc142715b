#include "daemon/metrics.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace ckpt::daemon {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

std::string number(double value) {
  std::array<char, 40> text{};
  const auto written = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), written.ptr};
}

double in_seconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1000;
}

class Exposition {
public:
  void begin(const std::string& name, const std::string& type, const std::string& help) {
    text_ += "# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
  }
  void sample(const std::string& name, double value, const Labels& labels = {}) {
    text_ += name;
    for (std::size_t i = 0; i < labels.size(); ++i) { // words of ours: nothing to escape in them
      text_ += (i == 0 ? "{" : ",") + labels[i].first + "=\"" + labels[i].second + "\"";
    }
    text_ += (labels.empty() ? " " : "} ") + number(value) + "\n";
  }
  void one(const std::string& name,
           const std::string& type,
           const std::string& help,
           double value,
           const Labels& labels = {}) {
    begin(name, type, help);
    sample(name, value, labels);
  }
  void histogram(const std::string& name, const std::string& help, const Histogram& seen) {
    begin(name, "histogram", help);
    for (std::size_t i = 0; i < seen.bounds().size(); ++i) {
      sample(
          name + "_bucket", static_cast<double>(seen.up_to(i)), {{"le", number(seen.bounds()[i])}});
    }
    sample(name + "_bucket", static_cast<double>(seen.count()), {{"le", "+Inf"}});
    sample(name + "_sum", seen.sum());
    sample(name + "_count", static_cast<double>(seen.count()));
  }
  std::string take() { return std::move(text_); }

private:
  std::string text_;
};

void jobs_and_checkpoints(Exposition& out, const api::StatsView& stats) {
  out.begin("ckptd_jobs", "gauge", "Jobs by state.");
  for (const auto& [state, count] : stats.jobs) {
    out.sample("ckptd_jobs", static_cast<double>(count), {{"state", state}});
  }
  out.begin("ckptd_checkpoints_total", "counter", "Checkpoints by trigger and outcome.");
  for (const api::CheckpointCount& one : stats.checkpoints) {
    out.sample("ckptd_checkpoints_total",
               static_cast<double>(one.count),
               {{"trigger", std::string(word(one.trigger))}, {"outcome", one.outcome}});
  }
  out.one("ckptd_stored_bytes",
          "gauge",
          "What the sealed generations take in the store.",
          static_cast<double>(stats.stored_bytes));
  out.one("ckptd_raw_bytes",
          "gauge",
          "What they would take uncompressed.",
          static_cast<double>(stats.raw_bytes));
}

void work(Exposition& out, const api::TotalsView& total) {
  out.begin("ckptd_work_seconds_total", "counter", "Where the time of all jobs went.");
  const std::pair<const char*, Duration> kinds[] = {{"run", total.run},
                                                    {"lost", total.lost},
                                                    {"saved", total.saved},
                                                    {"checkpoint", total.checkpoint},
                                                    {"queue", total.queue}};
  for (const auto& [kind, duration] : kinds) {
    out.sample("ckptd_work_seconds_total", in_seconds(duration), {{"kind", kind}});
  }
}

void daemon_itself(Exposition& out, const MetricsInput& input) {
  const Figures& figures = input.figures;
  out.one("ckptd_info", "gauge", "The daemon.", 1, {{"version", input.version}});
  out.one("ckptd_start_time_seconds",
          "gauge",
          "When the daemon started, in seconds since 1970.",
          in_seconds(input.started_at.time_since_epoch()));
  out.one("ckptd_degraded",
          "gauge",
          "Reasons that ckpt doctor and /v1/status give.",
          static_cast<double>(input.degraded));
  out.one("ckptd_scheduler_up",
          "gauge",
          "The scheduler answered the newest query.",
          input.scheduler_up ? 1 : 0);
  out.histogram("ckptd_scheduler_query_seconds",
                "How long the scheduler took to answer the batched query.",
                figures.query_seconds);
  out.one("ckptd_scheduler_errors_total",
          "counter",
          "Queries that it did not answer.",
          static_cast<double>(figures.query_errors));
  out.one("ckptd_loop_lag_seconds",
          "gauge",
          "How late the newest tick of the loop came.",
          figures.loop_lag_seconds);
  out.one("ckptd_loop_lag_max_seconds",
          "gauge",
          "The latest tick since the start.",
          figures.loop_lag_max_seconds);
  out.one("ckptd_api_connections",
          "gauge",
          "Open connections of the API, event streams included.",
          static_cast<double>(figures.connections));
  out.one(
      "ckptd_api_streams", "gauge", "Open event streams.", static_cast<double>(figures.streams));
}

} // namespace

void Histogram::add(double value) {
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  ++counts_[static_cast<std::size_t>(bucket - bounds_.begin())];
  sum_ += value;
}

std::int64_t Histogram::up_to(std::size_t bucket) const {
  std::int64_t total = 0;
  for (std::size_t i = 0; i <= bucket; ++i) {
    total += counts_[i];
  }
  return total;
}

std::string metrics_text(const MetricsInput& input) {
  Exposition out;
  jobs_and_checkpoints(out, input.stats);
  out.histogram("ckptd_checkpoint_blocked_seconds",
                "How long programs stood still for a sealed checkpoint.",
                input.blocked_seconds);
  out.histogram(
      "ckptd_checkpoint_bytes", "Raw size of sealed checkpoints.", input.checkpoint_bytes);
  work(out, input.stats.accounting);
  daemon_itself(out, input);
  return out.take();
}

} // namespace ckpt::daemon
