#include "core/domain/fork.hpp"

#include <doctest/doctest.h>

using namespace ckpt;

using Files = std::vector<std::string>;

TEST_CASE("a fork's files at risk: all that its restart would cut back, replace or write on in") {
  Manifest manifest;
  manifest.engine.engine = EngineKind::criu;
  CHECK(files_at_risk(manifest, "/tmp/t", {}).empty());
  CHECK_FALSE(knows_written_files(manifest)); // of an older version
  manifest.written = Files{"/home/a/table.csv", "/tmp/t/scratch", "/tmp/tables"};
  manifest.lengths = {{"/home/a/log.txt", 7}};
  SavedFile saved;
  saved.original = "/home/a/state.h5";
  manifest.saved = {saved};
  CHECK(knows_written_files(manifest));
  // What lies in $TMPDIR is the runner's business: another node has another one.
  CHECK(files_at_risk(manifest, "/tmp/t", {"*.chk"}) ==
        Files{"/home/a/log.txt", "/home/a/state.h5", "/home/a/table.csv", "/tmp/tables"});
  CHECK(files_at_risk(manifest, "", {}).size() == 5);
}

TEST_CASE("a program that saves itself: its files are the images, and are put back by name") {
  Manifest manifest;
  manifest.engine.engine = EngineKind::app;
  CHECK(files_at_risk(manifest, "", {"out/*.cpt"}) == Files{"out/*.cpt"});
  CHECK(knows_written_files(manifest));
}

TEST_CASE("a long list of files is told in short") {
  CHECK(some_files({}) == "");
  CHECK(some_files({"a", "b", "c"}) == "a, b, c");
  CHECK(some_files({"a", "b", "c", "d", "e"}) == "a, b, c and 2 more");
}
