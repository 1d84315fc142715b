#include "core/engine/app/app_engine.hpp"
#include "core/engine/app/checkpoint_files.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>

using namespace ckpt;
using namespace ckpt::engine::app;

namespace {

void put(const Path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

} // namespace

TEST_CASE("globs, folders and news") {
  const test::TempDir dir;
  const Path root = std::filesystem::canonical(dir.path());
  put(root / "state.1", "one");
  put(root / "other", "x");
  put(root / "model/a/w", "weights");
  const std::vector<std::string> globs{"state.*", "model", "none*"};
  const Snapshot before = look(globs, root.string());
  CHECK(before.size() == 2);
  CHECK(before.contains((root / "state.1").string()));
  CHECK(before.contains((root / "model/a/w").string()));
  CHECK(!has_news(before, look(globs, root.string())));
  put(root / "other", "changed");
  CHECK(!has_news(before, look(globs, root.string())));
  put(root / "state.2", "");
  CHECK(has_news(before, look(globs, root.string())));
  std::filesystem::remove(root / "state.2");
  std::filesystem::remove(root / "state.1"); // gone is no news: nothing was written
  CHECK(!has_news(before, look(globs, root.string())));
}

TEST_CASE("a file replaced by one of the same size is news") {
  const test::TempDir dir;
  put(dir.path() / "state", "1");
  const Snapshot before = look({"state"}, dir.path().string());
  put(dir.path() / "state.new", "2");
  std::filesystem::rename(dir.path() / "state.new", dir.path() / "state");
  CHECK(has_news(before, look({"state"}, dir.path().string())));
}

TEST_CASE("the index") {
  const std::vector<IndexEntry> entries{{"file-1", "/a b/c\nd", 1700000000123456789, 0644},
                                        {"file-2", "/e", 0, 04755}};
  const std::string text = encode_index(entries);
  const auto read = decode_index(text);
  REQUIRE(read);
  CHECK(*read == entries);
  for (std::size_t length = 0; length < text.size(); ++length) {
    CHECK(!decode_index(text.substr(0, length)));
  }
  CHECK(!decode_index("644 1 99999999999999999999 f /x\nend\n"));
  CHECK(!decode_index("644 1 18446744073709551615 f /x\nend\n"));
  CHECK(!decode_index("644 1 2 ../../etc /x\nend\n"));
}

TEST_CASE("saved, put back, and what came later set aside") {
  const test::TempDir dir;
  const Path root = std::filesystem::canonical(dir.path());
  const Path work = root / "work";
  put(work / "ckpt.1", "first");
  ::chmod((work / "ckpt.1").c_str(), 0640);
  REQUIRE(make_directories(root / "gen"));
  const Snapshot then = look({"ckpt.*"}, work.string());
  const auto saved = save(then, root / "gen");
  REQUIRE(saved);
  CHECK(saved->size() == 2);
  put(work / "ckpt.1", "overwritten");
  put(work / "ckpt.2", "half of one");
  put(work / "notes", "not ours");
  REQUIRE(put_back(root / "gen", {"ckpt.*"}, work.string(), root / "aside"));
  CHECK(read_file(work / "ckpt.1").value_or("") == "first");
  struct stat info {};
  REQUIRE(::stat((work / "ckpt.1").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777U) == 0640);
  CHECK(look({"ckpt.*"}, work.string()).begin()->second.modified_ns ==
        then.begin()->second.modified_ns);
  CHECK(!std::filesystem::exists(work / "ckpt.2"));
  CHECK(read_file(root / "aside" / "1-ckpt.2").value_or("") == "half of one");
  CHECK(std::filesystem::exists(work / "notes"));
}

TEST_CASE("what the app engine needs to be told") {
  const auto engine = engine::make_app_engine({});
  engine::ProgramInfo program;
  program.argv = {"/bin/true"};
  CHECK(!engine->suits(program).usable);
  program.app.signal = "USR1";
  CHECK(engine->suits(program).reason.find("--ckpt-files") != std::string::npos);
  program.checkpoint_files = {"state"};
  CHECK(engine->suits(program).usable);
  program.app.signal = "NOSUCH";
  CHECK(!engine->suits(program).usable);
}
