#include "core/base/files.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <thread>

using namespace ckpt;

namespace {

mode_t mode_of(const Path& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777U;
}

std::size_t entries(const Path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder),
                                                std::filesystem::directory_iterator{}));
}

} // namespace

TEST_CASE("an atomic write replaces, leaves no temporary file, and has the mode asked for") {
  const test::TempDir dir;
  const mode_t old_mask = ::umask(0777);
  const Path file = dir.path() / "f";
  REQUIRE(write_file_atomically(file, "one"));
  REQUIRE(write_file_atomically(file, "two", 0640));
  ::umask(old_mask);
  CHECK(read_file(file).value() == "two");
  CHECK(read_end_of_file(file, 2) == "wo");
  CHECK(read_end_of_file(file, 99) == "two");
  CHECK(read_end_of_file(dir.path() / "none", 99).empty());
  CHECK(read_end_of_file(dir.path(), 99).empty());
  CHECK(mode_of(file) == 0640);
  CHECK(entries(dir.path()) == 1);
}

TEST_CASE("errors say what and where, in stable words") {
  const test::TempDir dir;
  CHECK(read_file(dir.path() / "none").error().code == "no_such_file");
  CHECK(write_file_atomically(dir.path() / "no" / "f", "x").error().code == "no_such_file");
  const auto big = write_file_atomically("/dev/full/f", "x");
  CHECK_FALSE(big);
  CHECK(errno_error(ENOSPC, "cannot write", "/x").code == "disk_full");
  CHECK(errno_error(EDQUOT, "cannot write", "/x").outcome == Outcome::retryable);
  CHECK(errno_error(EROFS, "cannot write", "/x").code == "read_only");
  CHECK(errno_error(EIO, "cannot write", "/x").message == "cannot write /x: Input/output error");
}

TEST_CASE("of many who create a file exclusively, one succeeds, and its content stays") {
  const test::TempDir dir;
  for (int round = 0; round < 20; ++round) {
    const Path file = dir.path() / std::to_string(round);
    std::vector<Status> results(4);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < results.size(); ++i) {
      threads.emplace_back(
          [&, i] { results[i] = create_file_exclusively(file, "by " + std::to_string(i)); });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    int winners = 0;
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i]) {
        ++winners;
        CHECK(read_file(file).value() == "by " + std::to_string(i));
      } else {
        CHECK(results[i].error().code == "file_exists");
      }
    }
    CHECK(winners == 1);
    CHECK(entries(dir.path()) == static_cast<std::size_t>(round) + 1);
  }
}

TEST_CASE("folders, appending, cutting and copying") {
  const test::TempDir dir;
  REQUIRE(make_directories(dir.path() / "a" / "b" / "c"));
  REQUIRE(make_directories(dir.path() / "a" / "b" / "c"));
  CHECK(mode_of(dir.path() / "a" / "b") == 0700);
  CHECK(make_directory_exclusively(dir.path() / "a").error().code == "file_exists");
  const Path file = dir.path() / "a" / "log";
  REQUIRE(append_durably(file, "one\n"));
  REQUIRE(append_durably(file, "two\n"));
  CHECK(read_file(file).value() == "one\ntwo\n");
  REQUIRE(truncate_file(file, 4));
  REQUIRE(copy_file_durably(file, dir.path() / "copy", 0750));
  CHECK(read_file(dir.path() / "copy").value() == "one\n");
  CHECK(mode_of(dir.path() / "copy") == 0750);
  CHECK(make_directories(file).error().code == "no_such_file");
  REQUIRE(remove_file(file));
  REQUIRE(remove_file(file));
  REQUIRE(remove_tree(dir.path() / "a"));
  REQUIRE(remove_tree(dir.path() / "a"));
}

TEST_CASE("space and randomness") {
  const test::TempDir dir;
  const auto space = space_of(dir.path());
  REQUIRE(space);
  CHECK(space->total_bytes >= space->available_bytes);
  CHECK_FALSE(space->filesystem.empty());
  CHECK(random_hex(16).size() == 32);
  CHECK(random_hex(16) != random_hex(16));
}
