// A set that was complete and on the disk when its writer died, before the seal.

#include "core/store/generations.hpp"
#include "tests/unit/store/support.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

using namespace ckpt;
using namespace ckpt::store;
using namespace ckpt::test;

namespace {

/// Sealing stopped between the draft and the manifest, as a death there would leave it.
JobWithImages left(const Path& root) {
  JobWithImages job(root);
  job.draft.sealed_at = TimePoint{};
  REQUIRE(code_of(job.generations.seal(job.draft, [](auto, auto) { return false; })) ==
          "interrupted");
  return job;
}

void rewrite_in_place(const Path& path, const std::string& content) {
  struct stat before {};
  REQUIRE(::stat(path.c_str(), &before) == 0);
  put(path, content);
  // Whatever the clock's resolution: it is not the time that it had.
  const timespec times[] = {before.st_atim, {before.st_mtim.tv_sec + 1, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

} // namespace

TEST_CASE("left over: the next one seals it under its number, and it is like any other") {
  const TempDir dir;
  const JobWithImages job = left(dir.path());
  CHECK_FALSE(need(job.generations.list()).at(0).manifest);
  const auto draft = need(job.generations.left_over(job.draft.id));
  REQUIRE(draft);
  CHECK(draft->attempt == AttemptId{1});
  CHECK(draft->images.size() == 3);
  const Generations heir(job.folder.path());
  const Manifest sealed = need(heir.seal_left_over(job.draft.id));
  CHECK(sealed.id == job.draft.id);
  CHECK(sealed.saved.size() == 1);
  CHECK(sealed.images[0].raw_hash == need(hash_file(job.image(0))).hash);
  CHECK(sealed.sealed_at == draft->sealed_at); // when it was safe, not when somebody came by
  CHECK(need(heir.read_manifest(job.draft.id)) == sealed);
  CHECK(need(heir.verify(sealed)).good());
  CHECK_FALSE(need(heir.left_over(job.draft.id)));
  CHECK(need(heir.seal_left_over(job.draft.id)) == sealed); // two heirs
  CHECK(need(job.generations.seal(job.draft)) == sealed);   // its writer was not dead after all
}

TEST_CASE("left over: what might be torn is never sealed") {
  const TempDir dir;
  const JobWithImages job = left(dir.path());
  const std::string good = slurp(job.image(0));
  std::string expected = "image_changed";
  SUBCASE("an image is short") {
    std::filesystem::resize_file(job.image(0), good.size() - 1);
  }
  SUBCASE("an image has grown") {
    put(job.image(0), good + "x");
  }
  SUBCASE("an image was written again, with the same length") {
    rewrite_in_place(job.image(0), std::string(good.size(), 'x'));
  }
  SUBCASE("a saved file was written again") {
    const Path saved = job.folder.path() / job.draft.saved[0].stored.path;
    rewrite_in_place(saved, std::string(slurp(saved).size(), 'x'));
  }
  SUBCASE("an image is missing") {
    std::filesystem::remove(job.image(2));
    expected = "no_such_file";
  }
  SUBCASE("the draft itself is damaged") {
    const Path draft = job.generations.dir(job.draft.id) / "draft.json";
    put(draft, slurp(draft).substr(0, 300));
    expected = "damaged_file";
  }
  SUBCASE("its writer has said that it failed") {
    need(job.generations.mark_failed(job.draft.id, "no"));
    CHECK_FALSE(need(job.generations.left_over(job.draft.id)));
    expected = "generation_failed";
  }
  SUBCASE("it was removed") {
    need(job.generations.remove(job.draft.id, "no"));
    CHECK_FALSE(need(job.generations.left_over(job.draft.id)));
    CHECK(std::filesystem::exists(job.generations.dir(job.draft.id) / "draft.json") == false);
    expected = "generation_removed";
  }
  CHECK(code_of(job.generations.seal_left_over(job.draft.id)) == expected);
  CHECK_FALSE(std::filesystem::exists(job.generations.dir(job.draft.id) / "manifest.json"));
}

TEST_CASE("left over: images without a draft are none") {
  const TempDir dir;
  const JobWithImages job(dir.path());
  CHECK_FALSE(need(job.generations.left_over(job.draft.id)));
  CHECK(code_of(job.generations.seal_left_over(job.draft.id)) == "not_left_over");
}

TEST_CASE("left over: the heir may be stopped, and another one comes") {
  const TempDir dir;
  const JobWithImages job = left(dir.path());
  CHECK(code_of(job.generations.seal_left_over(job.draft.id, [](auto, auto) { return false; })) ==
        "interrupted");
  CHECK(need(job.generations.left_over(job.draft.id)));
  need(job.generations.seal_left_over(job.draft.id));
}

TEST_CASE("sealing: the time of the seal is that of the last byte's hash") {
  const TempDir dir;
  JobWithImages job(dir.path());
  job.draft.sealed_at = TimePoint{};
  TimePoint hashing{};
  const Manifest sealed = need(job.generations.seal(job.draft, [&](auto, auto) {
    ::usleep(2000);
    hashing = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
    return true;
  }));
  CHECK(sealed.sealed_at >= hashing);
}

TEST_CASE("left over: who tidies up leaves its images, until an attempt has started without them") {
  const TempDir dir;
  const JobWithImages job = left(dir.path());
  put(job.image(0).parent_path() / "set_9" / "torn", "half");
  REQUIRE(job.generations.remove_unsealed_images(AttemptId{1}));
  CHECK_FALSE(there(job.image(0).parent_path() / "set_9"));
  CHECK(need(job.generations.seal_left_over(job.draft.id)).images.size() == 3);
}

TEST_CASE("left over: nobody will seal it any more") {
  const TempDir dir;
  const JobWithImages job = left(dir.path());
  REQUIRE(job.generations.remove_unsealed_images(AttemptId{1}, true));
  CHECK_FALSE(there(job.image(0)));
}
