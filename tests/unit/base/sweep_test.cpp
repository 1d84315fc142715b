#include "core/base/files.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>

using namespace ckpt;

namespace {

/// A file as a killed writer leaves it, `old` seconds ago.
void leave(const Path& path, long old) {
  REQUIRE(write_file_atomically(path, "x"));
  const timespec then{std::time(nullptr) - old, 0};
  const timespec times[2] = {then, then};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

} // namespace

TEST_CASE("only old temporaries of the atomic writers are swept away") {
  const test::TempDir dir;
  REQUIRE(make_directories(dir.path() / "a" / "b"));
  const Path stale = dir.path() / "a" / "b" / ".manifest.json.0123456789abcdef.tmp";
  const std::vector<Path> kept{dir.path() / ".lease.0123456789abcdef.tmp", // young
                               dir.path() / "a" / "manifest.json",
                               dir.path() / "a" / "manifest.json.0123456789abcdef.tmp",
                               dir.path() / "a" / ".mine.tmp",
                               dir.path() / "a" / ".x.0123456789abcdeX.tmp"};
  leave(stale, 100);
  leave(kept[0], 5);
  for (std::size_t i = 1; i < kept.size(); ++i) {
    leave(kept[i], 100);
  }
  CHECK(remove_stale_temporaries(dir.path(), seconds{60}) == 1);
  CHECK_FALSE(std::filesystem::exists(stale));
  for (const Path& path : kept) {
    CAPTURE(path.string());
    CHECK(std::filesystem::exists(path));
  }
  CHECK(remove_stale_temporaries(dir.path() / "nothing", seconds{60}) == 0);
}
