#include "core/domain/restart_folder.hpp"

#include <doctest/doctest.h>

using namespace ckpt;

namespace {

RestartFolder of(const std::vector<std::string>& folders,
                 const std::string& there = "-",
                 const std::string& launched_in = "/home/a") {
  return restart_folder(
      launched_in, folders, [&](const std::string& path) { return path == there; });
}

} // namespace

TEST_CASE("where dmtcp_restart is started: a program that stays below its folder") {
  for (const auto& folders : std::vector<std::vector<std::string>>{
           {}, {"/home/a"}, {"/home/a", "/home/a/run1", "/home/a/run2/x"}}) {
    CHECK(of(folders).folder.empty());
    CHECK(of(folders).obstacle.empty());
  }
}

TEST_CASE("where dmtcp_restart is started: one that has gone elsewhere as a whole") {
  CHECK(of({"/scratch/x"}).folder == "/scratch/x");
  CHECK(of({"/scratch/x", "/scratch/x"}).folder == "/scratch/x");
  CHECK(of({"/home/ab"}).folder == "/home/ab"); // not below /home/a
  CHECK(of({"/home"}).folder == "/home");
  CHECK(of({"/x"}, "-", "/").folder == "/x"); // nothing lies below "/" for DMTCP
}

TEST_CASE("where dmtcp_restart is started: no folder serves all") {
  CHECK(of({"/home/a", "/scratch/x"}).obstacle.find("/scratch/x") != std::string::npos);
  CHECK(of({"/scratch/x", "/scratch/y"}).obstacle.find("/scratch/x, /scratch/y") !=
        std::string::npos);
  CHECK(of({"/x", "/y"}, "-", "/").obstacle != "");
}

TEST_CASE("where dmtcp_restart is started: those below go back to their own unless a namesake is "
          "there") {
  CHECK(of({"/scratch/x", "/home/a/run1"}).folder == "/scratch/x");
  CHECK(of({"/scratch/x", "/home/a/run1"}, "/scratch/x/run1").obstacle != "");
}
