#include "api/rate.hpp"

#include <doctest/doctest.h>

using ckpt::api::parse_rate;

TEST_CASE("rates are bytes in a second") {
  CHECK(parse_rate("20MB").value_or(1) == 20'000'000);
  CHECK(parse_rate(" 500 kB ").value_or(1) == 500'000);
  CHECK(parse_rate("1GB").value_or(1) == 1'000'000'000);
  CHECK(parse_rate("0").value_or(1) == 0);
  CHECK(parse_rate("0MB").value_or(1) == 0);
  for (const char* bad : {"", "20", "-1MB", "fast", "20 mb/s", "99999999999999999999GB", "MB"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_rate(bad));
  }
}
