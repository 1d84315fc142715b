#include "runner/room.hpp"

#include <doctest/doctest.h>

using namespace ckpt::runner;

namespace {

constexpr std::uint64_t kMega = 1'000'000;
constexpr std::uint64_t kAlways = 4 * kMega;

} // namespace

TEST_CASE("before the first generation: all memory and all files, and a tenth more") {
  CHECK(room_for_checkpoint({{}, 100 * kMega, std::nullopt, 0}) == 110 * kMega + kAlways);
  CHECK(room_for_checkpoint({{}, 100 * kMega, std::nullopt, 50 * kMega}) == 165 * kMega + kAlways);
}

TEST_CASE("the newest generation tells, and never less than it") {
  CHECK(room_for_checkpoint({{200 * kMega}, 100 * kMega, std::nullopt, 0}) ==
        220 * kMega + kAlways);
  // a program that shrank
  CHECK(room_for_checkpoint({{300 * kMega, 200 * kMega}, 0, std::nullopt, 0}) ==
        220 * kMega + kAlways);
}

TEST_CASE("what it grew by the last time it may grow by again") {
  CHECK(room_for_checkpoint({{100 * kMega, 150 * kMega}, 0, std::nullopt, 0}) ==
        220 * kMega + kAlways);
}

TEST_CASE("memory that was added since counts; memory that many processes share does not") {
  // 40 GB resident in sum were saved as 1 GB
  const std::uint64_t sum = 40'000 * kMega;
  CHECK(room_for_checkpoint({{1000 * kMega}, sum, sum, 0}) == 1100 * kMega + kAlways);
  CHECK(room_for_checkpoint({{1000 * kMega}, sum + 500 * kMega, sum, 0}) == 1650 * kMega + kAlways);
  // …and right after a restart, when the memory of then is not known
  CHECK(room_for_checkpoint({{1000 * kMega}, 1200 * kMega, std::nullopt, 0}) ==
        1320 * kMega + kAlways);
}

TEST_CASE("the obstacle is told with numbers") {
  CHECK_FALSE(room_obstacle(100 * kMega, {100 * kMega, std::nullopt, false}));
  const auto bytes = room_obstacle(100 * kMega, {99 * kMega, std::nullopt, false});
  REQUIRE(bytes);
  CHECK(bytes->find("100 MB") != std::string::npos);
  CHECK(bytes->find("99.0 MB") != std::string::npos);
  CHECK(room_obstacle(1, {100 * kMega, 3, false}).value_or("").find("3 more files") !=
        std::string::npos);
  CHECK_FALSE(room_obstacle(1, {100 * kMega, 5000, false}));
  CHECK(room_obstacle(1, {100 * kMega, std::nullopt, true}).value_or("").find("read-only") !=
        std::string::npos);
}
