#include "runner/hazard_look.hpp"
#include "runner/local_files.hpp"
#include "runner/start_point.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>

#include "../../support/temp_dir.hpp"

using namespace ckpt;
using namespace ckpt::runner;
using namespace ckpt::test;

namespace {

Surroundings around(const std::string& tmpdir, LocalFiles policy = LocalFiles::save) {
  Surroundings surroundings;
  surroundings.local_files = policy;
  surroundings.cwd = "/home/u/work";
  surroundings.job_folder = "/home/u/store/jobs/j-1";
  surroundings.tmpdir = tmpdir;
  return surroundings;
}

/// A $TMPDIR with two files, one of them deep, and an engine's folder.
struct Filled {
  Filled() {
    std::filesystem::create_directories(folder.path() / "a/b");
    std::filesystem::create_directories(folder.path() / "ckpt-dmtcp-12/x");
    REQUIRE(write_file_atomically(path("a/b/deep"), "12345"));
    REQUIRE(write_file_atomically(path("top"), "123"));
    REQUIRE(write_file_atomically(path("ckpt-dmtcp-12/x/area"), "engine"));
  }
  std::string path(const char* name) const { return (folder.path() / name).string(); }
  std::string root() const { return folder.path().string(); }
  TempDir folder;
};

} // namespace

TEST_CASE("$TMPDIR: all of it, but the engine's part") {
  const Filled tmp;
  TmpdirContent content = look_at_tmpdir(tmp.root());
  std::sort(content.files.begin(), content.files.end());
  CHECK(content.files == std::vector<std::string>{tmp.path("a/b/deep"), tmp.path("top")});
  CHECK(content.folders == std::vector<std::string>{tmp.root(), tmp.path("a"), tmp.path("a/b")});
  CHECK(content.bytes == 8);
  CHECK(content.count == 2);
  CHECK(!content.too_much);
  CHECK(!content.odd);
}

TEST_CASE("$TMPDIR: too many files, too many bytes, and what cannot be copied") {
  const Filled tmp;
  for (const TmpdirLimits limits : {TmpdirLimits{1, 100}, TmpdirLimits{10, 7}}) {
    const TmpdirContent content = look_at_tmpdir(tmp.root(), limits);
    CHECK(content.too_much);
    CHECK(content.files.empty());
    CHECK(choose_local_files({}, content, around(tmp.root())).folders.empty());
  }
  REQUIRE(::mkfifo(tmp.path("fifo").c_str(), 0600) == 0);
  const TmpdirContent content = look_at_tmpdir(tmp.root());
  CHECK(content.odd);
  const LocalFilesToSave chosen = choose_local_files({}, content, around(tmp.root()));
  CHECK(chosen.files.size() == 2); // better than none
  CHECK(chosen.folders.empty());   // but not all
  CHECK(look_at_tmpdir("").folders.empty());
  CHECK(look_at_tmpdir(tmp.path("nothing")).folders.empty());
}

TEST_CASE("$TMPDIR: the policy decides, and an empty one is always whole") {
  const Filled tmp;
  const TmpdirContent content = look_at_tmpdir(tmp.root());
  const LocalFilesToSave saved = choose_local_files({}, content, around(tmp.root()));
  CHECK(saved.files.size() == 2);
  CHECK(saved.bytes == 8);
  CHECK(saved.folders == content.folders);
  for (const LocalFiles policy : {LocalFiles::warn, LocalFiles::ignore}) {
    const LocalFilesToSave none = choose_local_files({}, content, around(tmp.root(), policy));
    CHECK(none.files.empty());
    CHECK(none.folders.empty());
  }
  REQUIRE(empty_tmpdir(tmp.root()));
  const LocalFilesToSave empty =
      choose_local_files({}, look_at_tmpdir(tmp.root()), around(tmp.root(), LocalFiles::warn));
  CHECK(empty.folders == std::vector<std::string>{tmp.root()});
}

TEST_CASE("warnings: what is journaled is what changed") {
  const Warning sockets{"outside_sockets", "one", "a"};
  const Warning more{"outside_sockets", "two", "a"};
  const Warning gpu{"gpu", "x", "b"};
  CHECK(changes_between({sockets}, {sockets}).told.empty());
  CHECK(changes_between({sockets}, {more}).told == std::vector{more});
  CHECK(changes_between({sockets}, {more}).gone.empty());
  const WarningChanges changes = changes_between({sockets}, {gpu});
  CHECK(changes.told == std::vector{gpu});
  CHECK(changes.gone == std::vector<std::string>{"outside_sockets"});
}

TEST_CASE("warnings: those of earlier attempts stand until one says that they are gone") {
  EarlierAttempt first;
  first.warnings = {{"gpu", "x", "a"}, {"sysv_shm", "y", "b"}, {"something_else", "z", ""}};
  EarlierAttempt second;
  second.warnings = {{"sysv_shm", "", ""}, {"gpu", "other", "a"}};
  CHECK(warnings_of_earlier({first, second}) == std::vector<Warning>{{"gpu", "other", "a"}});
  CHECK(warnings_of_earlier({}).empty());
}
