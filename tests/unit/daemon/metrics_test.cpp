#include "daemon/metrics.hpp"

#include <doctest/doctest.h>

#include <regex>
#include <sstream>

using namespace ckpt;
using namespace ckpt::daemon;

namespace {

MetricsInput sample() {
  MetricsInput input;
  input.version = "1.2.3";
  input.started_at = TimePoint{milliseconds{1'700'000'000'500}};
  input.scheduler_up = true;
  input.stats.jobs = {{"running", 2}, {"parked", 0}};
  input.stats.checkpoints = {{Trigger::before_walltime, "sealed", 4}};
  input.stats.accounting.lost = milliseconds{1500};
  input.blocked_seconds.add(0.05);
  input.blocked_seconds.add(0.1);
  input.blocked_seconds.add(1000);
  input.figures.query_errors = 3;
  return input;
}

bool has_line(const std::string& text, const std::string& wanted) {
  return ("\n" + text).find("\n" + wanted + "\n") != std::string::npos;
}

} // namespace

TEST_CASE("metrics: values, labels and cumulative buckets") {
  const std::string text = metrics_text(sample());
  CHECK(has_line(text, "ckptd_jobs{state=\"running\"} 2"));
  CHECK(has_line(text, "ckptd_jobs{state=\"parked\"} 0"));
  CHECK(
      has_line(text, "ckptd_checkpoints_total{trigger=\"before_walltime\",outcome=\"sealed\"} 4"));
  CHECK(has_line(text, "ckptd_work_seconds_total{kind=\"lost\"} 1.5"));
  CHECK(has_line(text, "ckptd_checkpoint_blocked_seconds_bucket{le=\"0.03\"} 0"));
  CHECK(has_line(text, "ckptd_checkpoint_blocked_seconds_bucket{le=\"0.1\"} 2"));
  CHECK(has_line(text, "ckptd_checkpoint_blocked_seconds_bucket{le=\"100\"} 2"));
  CHECK(has_line(text, "ckptd_checkpoint_blocked_seconds_bucket{le=\"+Inf\"} 3"));
  CHECK(has_line(text, "ckptd_checkpoint_blocked_seconds_count 3"));
  CHECK(has_line(text, "ckptd_checkpoint_blocked_seconds_sum 1000.15"));
  CHECK(has_line(text, "ckptd_scheduler_errors_total 3"));
  CHECK(has_line(text, "ckptd_start_time_seconds 1700000000.5"));
  CHECK(has_line(text, "ckptd_info{version=\"1.2.3\"} 1"));
}

TEST_CASE("metrics: every line is of the text format, and every sample has its help and type") {
  const std::regex comment(R"(# (HELP [a-z_]+ .+|TYPE [a-z_]+ (counter|gauge|histogram)))");
  const std::regex sample_line(R"([a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+)");
  std::istringstream lines(metrics_text(sample()));
  std::string line;
  std::string family;
  int samples = 0;
  while (std::getline(lines, line)) {
    if (line.starts_with("#")) {
      CHECK_MESSAGE(std::regex_match(line, comment), line);
      family = line.substr(7, line.find(' ', 7) - 7);
    } else {
      CHECK_MESSAGE(std::regex_match(line, sample_line), line);
      CHECK_MESSAGE(line.starts_with(family), line);
      ++samples;
    }
  }
  CHECK(samples > 40);
}
