#include "core/engine/dmtcp/guard.hpp"

#include "core/base/strings.hpp"
#include "core/engine/dmtcp/carried.hpp"

CKPT_CARRIED(guard, CKPT_GUARD_LIBRARY)

namespace ckpt::engine::dmtcp {
namespace {

constexpr std::string_view kVoice = "ckpt-guard: ";
constexpr std::string_view kTurnedAway = "turned away ";

} // namespace

Status post_guard(const Path& folder, std::map<std::string, std::string>& env) {
  const Path library = folder / "ckpt-guard.so";
  if (auto written = write_file_atomically(library, carried_guard(), 0700); !written) {
    return written;
  }
  std::string& preloaded = env["LD_PRELOAD"];
  preloaded = library.string() + (preloaded.empty() ? "" : ":" + preloaded);
  return {};
}

GuardReport parse_guard_report(std::string_view log) {
  GuardReport report;
  // DMTCP's prompts stand in the same lines.
  for (std::size_t at = log.find(kVoice); at != std::string_view::npos; at = log.find(kVoice, at)) {
    at += kVoice.size();
    const std::string_view said = log.substr(at, log.find('\n', at) - at);
    if (said.starts_with("stands at the door")) {
      report.at_the_door = true;
    } else if (said.starts_with("cannot tell")) {
      report.sees = false;
    } else if (said.starts_with(kTurnedAway)) {
      ++report.turned_away;
      report.last = said.substr(kTurnedAway.size());
    }
  }
  return report;
}

} // namespace ckpt::engine::dmtcp
