#include "core/store/generations.hpp"
#include "tests/unit/store/support.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

using namespace ckpt;
using namespace ckpt::store;
using namespace ckpt::test;

TEST_CASE("hash: XXH3-128 in canonical form") {
  const TempDir dir;
  put(dir.path() / "empty", "");
  // As `xxhsum -H2` prints it.
  CHECK(need(hash_file(dir.path() / "empty")).hash == "99aa06d3014798d86001c324468d497f");
  put(dir.path() / "big", noise(3'000'001, 5));
  CHECK(need(hash_file(dir.path() / "big")).bytes == 3'000'001);
  CHECK(code_of(hash_file(dir.path() / "none")) == "no_such_file");
  CHECK(code_of(hash_file(dir.path())) == "not_a_regular_file");
}

TEST_CASE("generations: numbers are never taken twice") {
  const TempDir dir;
  JobWithImages job(dir.path());
  CHECK(job.draft.id == GenerationId{1});
  CHECK(need(job.generations.allocate()) == GenerationId{2});
  need(job.generations.remove(GenerationId{2}, "test"));
  CHECK(need(job.generations.allocate()) == GenerationId{3});
}

TEST_CASE("generations: a sealed one is listed, read and verified") {
  const TempDir dir;
  JobWithImages job(dir.path());
  CHECK(code_of(job.generations.read_manifest(job.draft.id)) == "not_sealed");
  std::uint64_t last = 0;
  const Manifest sealed = need(job.generations.seal(job.draft, [&](auto done, auto total) {
    CHECK(done > last);
    CHECK(done <= total);
    last = done;
    return true;
  }));
  CHECK(last == sealed.raw_bytes());
  CHECK(sealed.images[0].raw_bytes == 300'000);
  CHECK(sealed.images[0].raw_hash == need(hash_file(job.image(0))).hash);
  CHECK(need(job.generations.read_manifest(sealed.id)) == sealed);
  const auto all = need(job.generations.list());
  REQUIRE(all.size() == 1);
  CHECK(all[0].manifest == sealed);
  CHECK(all[0].tombstone.empty());
  const auto report = need(job.generations.verify(sealed));
  CHECK(report.good());
  CHECK(report.bytes_read == sealed.stored_bytes());
  CHECK(need(job.generations.seal(job.draft)) == sealed); // a repeated call
  Manifest other = job.draft;
  other.images.pop_back();
  CHECK(code_of(job.generations.seal(other)) == "already_sealed");
  CHECK(code_of(job.generations.mark_failed(sealed.id, "x")) == "already_sealed");
}

TEST_CASE("generations: what cannot be sealed is refused and leaves no manifest") {
  const TempDir dir;
  JobWithImages job(dir.path());
  std::string expected;
  Progress progress;
  SUBCASE("a missing image") {
    std::filesystem::remove(job.image(1));
    expected = "no_such_file";
  }
  SUBCASE("a link in place of an image") {
    std::filesystem::rename(job.image(1), job.image(1).string() + "x");
    std::filesystem::create_symlink(job.image(1).string() + "x", job.image(1));
    expected = "not_a_regular_file";
  }
  SUBCASE("an image that somebody still writes") {
    expected = "image_changed";
    progress = [&](auto, auto) {
      std::ofstream(job.image(0), std::ios::app) << "more";
      return true;
    };
  }
  SUBCASE("nothing to seal") {
    job.draft.images.clear();
    job.draft.saved.clear();
    expected = "invalid_manifest";
  }
  SUBCASE("an image outside of the attempts") {
    job.draft.images[0].path = "spec.json";
    expected = "invalid_manifest";
  }
  SUBCASE("an image outside of the job") {
    job.draft.images[0].path = "attempts/../../x";
    expected = "invalid_manifest";
  }
  SUBCASE("an image twice") {
    job.draft.images[1].path = job.draft.images[0].path;
    expected = "invalid_manifest";
  }
  SUBCASE("one that is known to have failed") {
    need(job.generations.mark_failed(job.draft.id, "freeze window missed"));
    expected = "generation_failed";
    CHECK(need(job.generations.list())[0].failure == "freeze window missed");
  }
  SUBCASE("stopped on the way") {
    progress = [](auto, auto) { return false; };
    expected = "interrupted";
  }
  SUBCASE("an image of another generation") {
    Manifest other = job.draft;
    need(job.generations.seal(other));
    job.draft.id = need(job.generations.allocate());
    job.draft.saved.clear();
    expected = "image_in_use";
  }
  CHECK(code_of(job.generations.seal(job.draft, progress)) == expected);
  CHECK(code_of(job.generations.read_manifest(job.draft.id)) == "not_sealed");
}

TEST_CASE("generations: every kind of damage is found") {
  const TempDir dir;
  JobWithImages job(dir.path());
  Manifest manifest = need(job.generations.seal(job.draft));
  bool packed = false;
  SUBCASE("raw") {}
  SUBCASE("packed") {
    manifest = need(job.generations.compress(manifest, 1));
    packed = true;
  }
  const Path victim = packed ? job.packed(0) : job.image(0);
  const std::string good = slurp(victim);
  const auto finds = [&](const std::string& what) {
    const auto report = need(job.generations.verify(manifest));
    REQUIRE(report.problems.size() == 1);
    CHECK_MESSAGE(report.problems[0].find(what) != std::string::npos, report.problems[0]);
    CHECK(report.problems[0].starts_with("attempts/1/images/a.dmtcp"));
    CHECK(code_of(job.generations.materialize(manifest)) == "generation_corrupt");
  };
  put(victim, good.substr(0, good.size() - 12));
  finds("12 bytes short");
  put(victim, good + "x");
  finds("1 bytes too long");
  std::filesystem::remove(victim);
  finds("is missing");
  for (const std::size_t at : {std::size_t{0}, good.size() / 3, good.size() / 2, good.size() - 1}) {
    std::string flipped = good;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    put(victim, flipped);
    finds("");
  }
  put(victim, good);
  CHECK(need(job.generations.verify(manifest)).good());
}

TEST_CASE("generations: packing changes the form and never the content") {
  const TempDir dir;
  JobWithImages job(dir.path());
  ::chmod(job.image(0).c_str(), 0640);
  const std::string a = slurp(job.image(0));
  const Manifest raw = need(job.generations.seal(job.draft));
  const Manifest packed = need(job.generations.compress(raw, 1));
  CHECK(packed.revision == 2);
  CHECK(packed.images[0].form == StoredForm::zstd);
  CHECK(packed.images[2].form == StoredForm::raw); // noise does not shrink
  CHECK(packed.images[0].raw_hash == raw.images[0].raw_hash);
  CHECK(packed.raw_bytes() == raw.raw_bytes());
  CHECK(packed.stored_bytes() < raw.stored_bytes() / 2);
  CHECK_FALSE(there(job.image(0)));
  CHECK_FALSE(there(job.packed(2)));
  CHECK(need(job.generations.read_manifest(raw.id)) == packed);
  CHECK(need(job.generations.verify(packed)).good());
  CHECK(need(job.generations.verify(raw)).good()); // an older form of it means the same
  CHECK(need(job.generations.compress(raw, 1)) == packed);

  const auto paths = need(job.generations.materialize(raw));
  CHECK(paths == std::vector{job.image(0), job.image(1), job.image(2)});
  CHECK(slurp(job.image(0)) == a);
  struct stat info {};
  REQUIRE(::stat(job.image(0).c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0640);
  put(job.image(0), "a bad copy left by a crash");
  need(job.generations.materialize(packed));
  CHECK(slurp(job.image(0)) == a);
  need(job.generations.drop_materialized(packed));
  CHECK_FALSE(there(job.image(0)));
  CHECK(there(job.image(2)));
  CHECK(need(job.generations.verify(packed)).good());
}

TEST_CASE("generations: a raw copy is not dropped when the packed file is gone") {
  const TempDir dir;
  JobWithImages job(dir.path());
  const Manifest packed = need(job.generations.compress(need(job.generations.seal(job.draft)), 1));
  need(job.generations.materialize(packed));
  std::filesystem::remove(job.packed(0));
  need(job.generations.drop_materialized(packed));
  CHECK(there(job.image(0)));
  CHECK_FALSE(there(job.image(1)));
}

TEST_CASE("generations: packing that is interrupted keeps what is done") {
  const TempDir dir;
  JobWithImages job(dir.path(), 3'000'000);
  const Manifest raw = need(job.generations.seal(job.draft));
  const auto stopped = job.generations.compress(
      raw, 1, [](std::uint64_t done, std::uint64_t) { return done < 4'000'000; });
  CHECK(code_of(stopped) == "interrupted");
  CHECK(stopped.error().outcome == Outcome::retryable);
  const Manifest half = need(job.generations.read_manifest(raw.id));
  CHECK(half.revision == 2);
  CHECK(half.images[0].form == StoredForm::zstd);
  CHECK(half.images[1].form == StoredForm::raw);
  CHECK(need(job.generations.verify(half)).good());
  const Manifest whole = need(job.generations.compress(raw, 1));
  CHECK(whole.images[1].form == StoredForm::zstd);
  CHECK(need(job.generations.verify(whole)).good());
}

TEST_CASE("generations: a corrupt raw image is not packed over") {
  const TempDir dir;
  JobWithImages job(dir.path());
  const Manifest raw = need(job.generations.seal(job.draft));
  put(job.image(0), packable(300'000, 77));
  CHECK(code_of(job.generations.compress(raw, 1)) == "generation_corrupt");
  CHECK(there(job.image(0)));
  CHECK(need(job.generations.read_manifest(raw.id)) == raw);
}

TEST_CASE("generations: a removed one is gone, and known to have been") {
  const TempDir dir;
  JobWithImages job(dir.path());
  Manifest manifest = need(job.generations.seal(job.draft));
  SUBCASE("raw") {}
  SUBCASE("packed") {
    manifest = need(job.generations.compress(manifest, 1));
  }
  need(job.generations.remove(manifest.id, "beyond keep 2"));
  need(job.generations.remove(manifest.id, "again"));
  CHECK(std::filesystem::is_empty(job.folder.attempt(AttemptId{1}).images()));
  CHECK(there(job.generations.dir(manifest.id)));
  CHECK_FALSE(there(job.generations.saved_dir(manifest.id)));
  const auto all = need(job.generations.list());
  REQUIRE(all.size() == 1);
  CHECK(all[0].tombstone == "beyond keep 2");
  CHECK_FALSE(all[0].manifest);
  CHECK(all[0].removed_manifest == manifest);
  CHECK(code_of(job.generations.read_manifest(manifest.id)) == "generation_removed");
  CHECK(code_of(job.generations.seal(job.draft)) == "generation_removed");
}

TEST_CASE("generations: removing twice never touches what another one has sealed since") {
  const TempDir dir;
  JobWithImages job(dir.path());
  const Manifest first = need(job.generations.seal(job.draft));
  need(job.generations.remove(first.id, "old"));
  for (const StoredFile& image : job.draft.images) {
    put(job.folder.path() / image.path, "new content");
  }
  job.draft.id = need(job.generations.allocate());
  job.draft.saved.clear();
  const Manifest second = need(job.generations.seal(job.draft));
  need(job.generations.remove(first.id, "old"));
  CHECK(need(job.generations.verify(second)).good());
}

TEST_CASE("generations: damaged manifests harm themselves alone") {
  const TempDir dir;
  JobWithImages job(dir.path());
  const Manifest manifest = need(job.generations.seal(job.draft));
  const GenerationId other = need(job.generations.allocate());
  const Path file = job.generations.dir(other) / "manifest.json";
  std::string text = slurp(job.generations.dir(manifest.id) / "manifest.json");
  SUBCASE("no JSON") {
    text = "{";
  }
  SUBCASE("another's") {}
  SUBCASE("leads outside") {
    text.replace(text.find("attempts/1/images/a.dmtcp"), 25, "attempts/../../etc/passwd");
  }
  SUBCASE("lists a file that is no image") {
    text.replace(text.find("\"g1\""), 4, "\"g2\"");
    text.replace(text.find("attempts/1/images/a.dmtcp"), 25, "spec.json");
  }
  put(file, text);
  CHECK(code_of(job.generations.read_manifest(other)) == "damaged_file");
  const auto all = need(job.generations.list());
  REQUIRE(all.size() == 2);
  CHECK(all[0].manifest == manifest);
  CHECK_FALSE(all[1].manifest);
  CHECK_FALSE(all[1].corruption.empty());
  need(job.generations.mark_corrupt(manifest.id, "a.dmtcp: 12 bytes short"));
  CHECK(need(job.generations.list())[0].corruption == "a.dmtcp: 12 bytes short");
}

TEST_CASE("saved files: numbered copies, put back with content and mode") {
  const TempDir dir;
  JobWithImages job(dir.path());
  const Path script = dir.path() / "home" / "run.sh";
  put(script, "#!/bin/sh\n");
  ::chmod(script.c_str(), 0750);
  const Path link = dir.path() / "home" / "link";
  std::filesystem::create_symlink("run.sh", link);
  for (int i = 2; i <= 12; ++i) {
    job.draft.saved.push_back(need(job.generations.save_file(job.draft.id, script)));
    CHECK(job.draft.saved.back().stored.path ==
          (i < 10 ? "generations/g1/saved/000" : "generations/g1/saved/00") + std::to_string(i));
  }
  job.draft.saved.resize(2);
  CHECK(need(job.generations.save_file(job.draft.id, link)).original == script);
  CHECK(code_of(job.generations.save_file(job.draft.id, "run.sh")) == "invalid_path");
  CHECK(code_of(job.generations.save_file(job.draft.id, "/home/../etc/passwd")) == "invalid_path");
  CHECK(code_of(job.generations.save_file(job.draft.id, "/dev/null")) == "not_a_regular_file");

  Manifest manifest = need(job.generations.seal(job.draft));
  SUBCASE("raw") {}
  SUBCASE("packed") {
    manifest = need(job.generations.compress(manifest, 1));
    CHECK(manifest.saved[0].stored.form == StoredForm::zstd);
  }
  const std::string state = packable(50'000, 9);
  struct stat before {};
  REQUIRE(::stat(job.user_file.c_str(), &before) == 0);
  need(job.generations.restore_files(manifest, false));
  struct stat after {};
  REQUIRE(::stat(job.user_file.c_str(), &after) == 0);
  CHECK_MESSAGE(after.st_ino == before.st_ino, "what is there already stays the same file");
  put(job.user_file, "overwritten since");
  std::filesystem::remove_all(script.parent_path() / "run.sh");
  need(job.generations.restore_files(manifest, false));
  CHECK(slurp(job.user_file) == state);
  CHECK(slurp(script) == "#!/bin/sh\n");
  struct stat info {};
  REQUIRE(::stat(script.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777U) == 0750);

  std::filesystem::remove_all(script.parent_path()); // a node-local folder on another node
  need(job.generations.restore_files(manifest, false));
  CHECK(slurp(job.user_file) == state);
}

TEST_CASE("saved files: nothing is replaced when one of them is corrupt") {
  const TempDir dir;
  JobWithImages job(dir.path());
  const Path second = dir.path() / "home" / "second";
  put(second, "second");
  job.draft.saved.push_back(need(job.generations.save_file(job.draft.id, second)));
  const Manifest manifest = need(job.generations.seal(job.draft));
  put(job.folder.path() / manifest.saved[1].stored.path, "s3cond");
  put(job.user_file, "newer");
  put(second, "newer, too");
  CHECK(code_of(job.generations.restore_files(manifest, true)) == "generation_corrupt");
  CHECK(slurp(job.user_file) == "newer");
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator(dir.path() / "home")) {
    ++files;
  }
  CHECK(files == 2); // no temporary is left
}

TEST_CASE("saved files: lengths are cut back, never grown") {
  const TempDir dir;
  JobWithImages job(dir.path());
  const Path longer = dir.path() / "longer";
  const Path shorter = dir.path() / "shorter";
  put(longer, "0123456789");
  put(shorter, "012");
  job.draft.lengths = {{longer, 6}, {shorter, 6}, {dir.path() / "gone", 6}, {"/dev/null", 6}};
  const Manifest manifest = need(job.generations.seal(job.draft));
  need(job.generations.restore_files(manifest, false));
  CHECK(slurp(longer) == "0123456789");
  need(job.generations.restore_files(manifest, true));
  CHECK(slurp(longer) == "012345");
  CHECK(slurp(shorter) == "012");
  CHECK_FALSE(there(dir.path() / "gone"));
}

TEST_CASE("saved files: a manifest in memory with a bad path is refused too") {
  const TempDir dir;
  JobWithImages job(dir.path());
  Manifest manifest = need(job.generations.seal(job.draft));
  for (const char* path : {"home/state.bin", "/tmp/../etc/x", ""}) {
    manifest.saved[0].original = path;
    CHECK(code_of(job.generations.restore_files(manifest, true)) == "invalid_path");
  }
}
