#include "core/json/json.hpp"
#include "daemon/checkpoint_progress.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <nlohmann/json.hpp>
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

TEST_CASE("sealed, and packed at once, before its journal was read: all is written") {
  const test::TempDir dir;
  const Path images = dir.path() / "attempts" / "1" / "images";
  const CheckpointInWork work{images, kBegan, 2000, dir.path(), GenerationId{2}};
  make_file(images / "g2" / "a.dmtcp", 1990, kBegan + seconds{1});
  CHECK(progress_of(work) == api::ProgressView{"writing", 1990, 2000});

  Manifest manifest;
  manifest.job = JobId{1};
  manifest.id = GenerationId{2};
  manifest.attempt = AttemptId{1};
  StoredFile image;
  image.path = "attempts/1/images/g2/a.dmtcp";
  image.raw_bytes = image.stored_bytes = 1990;
  image.raw_hash = std::string(32, 'a');
  manifest.images = {image};
  const Path generation = dir.path() / "generations" / "g2";
  std::filesystem::create_directories(generation);
  REQUIRE(write_file_atomically(generation / "manifest.json", dump_json(to_json(manifest))));
  std::filesystem::remove(images / "g2" / "a.dmtcp");
  make_file(images / "g2" / "a.dmtcp.zst", 60, kBegan + seconds{2});
  make_file(images / "g2" / "restart.sh", 7, kBegan + seconds{1});
  CHECK(progress_of(work) == api::ProgressView{"writing", 1990, 1990});
}
