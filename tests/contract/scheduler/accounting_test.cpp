// What accounting alone remembers. Somebody else has made the ends, on a cluster that has forgotten
// them: CKPT_TEST_SLURM_ENDS="12=failed:7 13=cancelled 14=failed:sig9 15=completed:0:restarts1".
#include "core/base/strings.hpp"
#include "core/scheduler/scheduler.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

using namespace ckpt;

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string told(const Allocation& allocation) {
  std::string text(word(allocation.state));
  if (allocation.exit_code) {
    text += ":" + std::to_string(*allocation.exit_code);
  }
  if (allocation.signal) {
    text += ":sig" + std::to_string(*allocation.signal);
  }
  if (allocation.restart_count > 0) {
    text += ":restarts" + std::to_string(allocation.restart_count);
  }
  return text;
}

} // namespace

TEST_CASE("accounting: ends that the controller has forgotten") {
  const std::string ends = environment("CKPT_TEST_SLURM_ENDS");
  if (ends.empty()) {
    std::cout << "SKIPPED: accounting: CKPT_TEST_SLURM_ENDS names no ends\n";
    return;
  }
  scheduler::SchedulerConfig config;
  config.kind = SchedulerKind::slurm;
  config.env = {{"PATH", environment("PATH")}, {"SLURM_CONF", environment("CKPT_TEST_SLURM_CONF")}};
  const auto slurm = scheduler::make_scheduler(config);
  std::vector<SchedulerJobId> ids;
  std::vector<std::string> wanted;
  for (const std::string& end : split(ends, ' ')) {
    ids.push_back({end.substr(0, end.find('='))});
    wanted.push_back(end.substr(end.find('=') + 1));
  }
  ids.push_back({"3999999"}); // nobody knows it
  const auto remembered = slurm->look_up(ids);
  REQUIRE_MESSAGE(remembered, (remembered ? "" : remembered.error().message));
  CHECK(remembered->size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    CAPTURE(ids[i].value);
    const auto found = std::find_if(remembered->begin(),
                                    remembered->end(),
                                    [&](const Allocation& a) { return a.id == ids[i]; });
    REQUIRE(found != remembered->end());
    CHECK(told(*found) == wanted[i]);
    CHECK(found->ends_at.has_value());
  }
}
