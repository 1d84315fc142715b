// Times, durations and limits as people and programs write them.
#include "core/domain/ids.hpp"
#include "core/domain/time.hpp"
#include "core/domain/time_limit.hpp"
#include "tests/fuzz/checks.hpp"

using namespace ckpt;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::view_of(data, size);
  if (const auto limit = parse_time_limit(text)) {
    fuzz::require(*limit > Duration{0}, "a limit is above zero");
  }
  if (const auto duration = parse_duration(text)) {
    fuzz::require(*duration >= Duration{0}, "durations are not negative");
    const auto again = parse_duration(format_duration(*duration));
    fuzz::require(again && *again == *duration, "a duration comes back as it was");
  }
  if (const auto time = parse_rfc3339(text)) {
    const auto again = parse_rfc3339(format_rfc3339(*time));
    fuzz::require(again && *again == *time, "a time comes back as it was");
  }
  if (const auto id = GenerationId::parse(std::string(text))) {
    fuzz::require(id->value > 0 && id->str().find('/') == std::string::npos, "an id is a number");
  }
  if (const auto id = JobId::parse(std::string(text))) {
    fuzz::require(id->value > 0 && id->str().find('/') == std::string::npos, "an id is a number");
  }
  return 0;
}
