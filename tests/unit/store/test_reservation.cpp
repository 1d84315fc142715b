#include "core/store/reservation.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <optional>

using namespace ckpt;
using namespace ckpt::store;

namespace {

void make_older(const Path& file, int seconds) {
  struct stat info {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  const timespec then{info.st_mtim.tv_sec - seconds, info.st_mtim.tv_nsec};
  const timespec times[2] = {then, then};
  REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
}

} // namespace

TEST_CASE("of two jobs that want the same room, one goes first") {
  const test::TempDir dir;
  auto first = Reservation::make(dir.path(), "j-1", 100);
  REQUIRE(first);
  make_older(dir.path() / "room/j-1", 1);
  const auto second = Reservation::make(dir.path(), "j-2", 40);
  REQUIRE(second);
  CHECK(first->older_bytes() == 0);
  CHECK(second->older_bytes() == 100);
  { const Reservation gone = *std::move(first); }
  CHECK(second->older_bytes() == 0);
}

TEST_CASE("a killed runner's reservation is forgotten, and damage does no harm") {
  const test::TempDir dir;
  const Path left = dir.path() / "room/j-1";
  REQUIRE(make_directories(left.parent_path()));
  REQUIRE(write_file_atomically(left, "100"));
  make_older(left, 60);
  const auto ours = Reservation::make(dir.path(), "j-2", 40);
  REQUIRE(ours);
  CHECK(ours->older_bytes() == 100);
  SUBCASE("old") {
    make_older(left, 700);
    CHECK(ours->older_bytes() == 0);
  }
  SUBCASE("damaged") {
    REQUIRE(write_file_atomically(left, "x"));
    make_older(left, 60);
    CHECK(ours->older_bytes() == 0);
  }
}

TEST_CASE("the same job's next reservation takes the place of the one before") {
  const test::TempDir dir;
  REQUIRE(make_directories(dir.path() / "room"));
  REQUIRE(write_file_atomically(dir.path() / "room/j-1", "100"));
  {
    const auto ours = Reservation::make(dir.path(), "j-1", 40);
    REQUIRE(ours);
    CHECK(ours->older_bytes() == 0);
  }
  CHECK(std::filesystem::is_empty(dir.path() / "room"));
}
