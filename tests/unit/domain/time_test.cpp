#include "core/domain/time_limit.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace ckpt;

TEST_CASE("durations are read as people write them") {
  const std::pair<const char*, Duration> cases[] = {
      {"90s", seconds{90}},
      {"30m", minutes{30}},
      {"24h", hours{24}},
      {"2d", hours{48}},
      {"1h30m", minutes{90}},
      {"10min", minutes{10}},
      {"2h10min30sec", hours{2} + minutes{10} + seconds{30}},
      {"1d2h3m4s5ms", hours{26} + minutes{3} + seconds{4} + milliseconds{5}},
      {"250ms", milliseconds{250}},
      {"0s", Duration{0}},
      {"24:00:00", hours{24}},
      {"00:00:01", seconds{1}},
      {"100:00:00", hours{100}},
      {"1-12", hours{36}},
      {"1-12:30", hours{36} + minutes{30}},
      {"1-12:30:15", hours{36} + minutes{30} + seconds{15}},
      {"0-0:0:5", seconds{5}},
  };
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    const auto parsed = parse_duration(text);
    REQUIRE(parsed);
    CHECK(*parsed == expected);
  }
}

TEST_CASE("durations that could mean two things, or nothing, are refused with advice") {
  for (const char* text :
       {"",         "abc",    "12:30",     "1:2",     "24:60:00",
        "24:00:60", "1-",     "-1s",       "-5",      "1.5h",
        "30 m",     "m30",    "1m1h",      "1h1h",    "1h30",
        "24:00:",   ":00:00", "1-2:3:4:5", "1:2:3:4", "99999999999999999999s",
        "200000d",  "1x",     "1sm",       "1-2h",    "99999999999999999999:00:00"}) {
    CAPTURE(text);
    const auto parsed = parse_duration(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().cls == ErrorClass::usage);
    CHECK(parsed.error().code == "bad_duration");
    CHECK_FALSE(parsed.error().advice.empty());
  }
  const auto bare = parse_duration("30");
  REQUIRE_FALSE(bare);
  CHECK(bare.error().code == "bare_number");
  CHECK(bare.error().message.find("minutes to Slurm and seconds to DMTCP") != std::string::npos);
  CHECK(bare.error().advice == "write 30m or 30s");
}

TEST_CASE("a time limit is read as sbatch reads it") {
  const std::pair<const char*, Duration> cases[] = {
      {"60", minutes{60}},
      {"1:30", minutes{1} + seconds{30}},
      {"90:00", minutes{90}},
      {"24:00:00", hours{24}},
      {"1-12", hours{36}},
      {"1-12:30", hours{36} + minutes{30}},
      {"1-12:30:15", hours{36} + minutes{30} + seconds{15}},
      {"UNLIMITED", kNoLimit},
      {"infinite", kNoLimit},
      {"-1", kNoLimit},
      {"0", kNoLimit},
      {"0:00", kNoLimit},
      {"0:00:00", kNoLimit},
      {"0h", kNoLimit},
      {"90s", seconds{90}},
      {"1h30m", minutes{90}},
  };
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    const auto parsed = parse_time_limit(text);
    REQUIRE(parsed);
    CHECK(*parsed == expected);
  }
  for (const char* text :
       {"", ":30", "1:", "1:60", "1:2:3:4", "-2", "unlimite", "1 h", "9999999999"}) {
    CAPTURE(text);
    const auto parsed = parse_time_limit(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().advice.find("30:00") != std::string::npos);
  }
}

TEST_CASE("durations are written as they are read") {
  CHECK(format_duration(minutes{90}) == "1h30m");
  CHECK(format_duration(seconds{45}) == "45s");
  CHECK(format_duration(milliseconds{250}) == "250ms");
  CHECK(format_duration(hours{24}) == "1d");
  CHECK(format_duration(Duration{0}) == "0s");
  CHECK(format_duration(-seconds{5}) == "-5s");
  CHECK(format_duration(Duration::min()).front() == '-');
  std::mt19937_64 random{7};
  for (int i = 0; i < 2000; ++i) {
    const Duration duration{random() % 9'000'000'000ULL};
    const auto parsed = parse_duration(format_duration(duration));
    REQUIRE(parsed);
    CHECK(*parsed == duration);
  }
}

TEST_CASE("times are RFC 3339 in UTC with milliseconds") {
  using namespace std::chrono;
  const TimePoint time = sys_days{2026y / January / 31} + 9h + 5min + 250ms;
  CHECK(format_rfc3339(time) == "2026-01-31T09:05:00.250Z");
  CHECK(format_rfc3339(TimePoint{}) == "1970-01-01T00:00:00.000Z");
  CHECK(format_rfc3339(TimePoint{} - 1ms) == "1969-12-31T23:59:59.999Z");

  CHECK(*parse_rfc3339("2026-01-31T09:05:00.250Z") == time);
  CHECK(*parse_rfc3339("2026-01-31t09:05:00.2509999z") == time);
  CHECK(*parse_rfc3339("2026-01-31 10:35:00.25+01:30") == time);
  CHECK(*parse_rfc3339("2026-01-31T08:05:00.25-01:00") == time);
  CHECK(*parse_rfc3339("2024-02-29T00:00:00Z") == sys_days{2024y / February / 29});
  CHECK(*parse_rfc3339("2016-12-31T23:59:60Z") == sys_days{2017y / January / 1});

  std::mt19937_64 random{11};
  for (int i = 0; i < 2000; ++i) {
    const TimePoint any{Duration{random() % 4'000'000'000'000ULL}};
    CHECK(*parse_rfc3339(format_rfc3339(any)) == any);
  }
}

TEST_CASE("what is not a time is refused") {
  for (const char* text : {"",
                           "2026-01-31",
                           "2026-01-31T09:05:00",
                           "2026-01-31T09:05Z",
                           "2025-02-29T00:00:00Z",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-01-31T24:00:00Z",
                           "2026-01-31T00:60:00Z",
                           "2026-01-31T00:00:61Z",
                           "2026-01-31T00:00:00.Z",
                           "2026-01-31T00:00:00Zx",
                           "2026-01-31T00:00:00+1:00",
                           "2026-01-31T00:00:00+24:00",
                           "26-01-31T00:00:00Z",
                           "2026/01/31T00:00:00Z"}) {
    CAPTURE(text);
    const auto parsed = parse_rfc3339(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == "bad_time");
  }
}
