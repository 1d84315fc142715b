#include "daemon/checkpoint_progress.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

using namespace ckpt;
using namespace ckpt::daemon;

namespace {

const TimePoint kBegan{seconds{1'800'000'000}};

void make_file(const Path& path, std::size_t size, TimePoint at) {
  std::filesystem::create_directories(path.parent_path());
  REQUIRE(write_file_atomically(path, std::string(size, 'x'), 0600));
  const timespec time{std::chrono::duration_cast<seconds>(at.time_since_epoch()).count(), 0};
  const timespec times[]{time, time};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

} // namespace

TEST_CASE("what a checkpoint has written so far: new files, not those of older ones") {
  const test::TempDir dir;
  make_file(dir.path() / "g1" / "old.dmtcp", 500, kBegan - minutes{1});
  make_file(dir.path() / "g2" / "a.dmtcp.temp", 300, kBegan + seconds{1});
  make_file(dir.path() / "g2" / "b.dmtcp", 200, kBegan + seconds{2});
  CHECK(progress_of({dir.path(), kBegan, 2000}) == api::ProgressView{"writing", 500, 2000});
  CHECK(progress_of({dir.path(), kBegan, std::nullopt}) ==
        api::ProgressView{"writing", 500, std::nullopt});
  // It has grown since: what is left is not known.
  CHECK(progress_of({dir.path(), kBegan, 400}) == api::ProgressView{"writing", 500, std::nullopt});
}

TEST_CASE("an older generation that is packed meanwhile is not counted") {
  const test::TempDir dir;
  make_file(dir.path() / "g1" / "a.dmtcp", 900, kBegan - minutes{1});
  make_file(dir.path() / "g1" / "a.dmtcp.zst.tmp", 70, kBegan + seconds{1});
  make_file(dir.path() / "g1" / "b.dmtcp.zst", 80, kBegan + seconds{1});
  make_file(dir.path() / "g1" / "c.dmtcp.unpacked", 90, kBegan + seconds{1});
  make_file(dir.path() / "g2" / "a.dmtcp", 300, kBegan + seconds{2});
  CHECK(progress_of({dir.path(), kBegan, 2000}) == api::ProgressView{"writing", 300, 2000});
}

TEST_CASE("a folder that is not there yet") {
  const test::TempDir dir;
  CHECK(progress_of({dir.path() / "images", kBegan, 100}) == api::ProgressView{"writing", 0, 100});
}
