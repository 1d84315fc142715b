#include "core/engine/dmtcp/guard.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

using namespace ckpt;
using namespace ckpt::engine::dmtcp;

TEST_CASE("the guard's words are found among DMTCP's own") {
  CHECK_FALSE(parse_guard_report("").at_the_door);
  CHECK_FALSE(parse_guard_report("ERROR: ld.so: object '/tmp/x/ckpt-guard.so' from LD_PRELOAD "
                                 "cannot be preloaded: ignored.\n")
                  .at_the_door);
  const auto quiet = parse_guard_report("ckpt-guard: stands at the door for user 1000\n[Note] x\n");
  CHECK(quiet.at_the_door);
  CHECK(quiet.sees);
  CHECK(quiet.turned_away == 0);
  const auto busy = parse_guard_report(
      "ckpt-guard: stands at the door for user 1000\ndmtcp> ckpt-guard: turned away user 1001\n"
      "ckpt-guard: turned away one that was gone, descriptor 9\ndmtcp> ");
  CHECK(busy.turned_away == 2);
  CHECK(busy.last == "one that was gone, descriptor 9");
  CHECK_FALSE(
      parse_guard_report("ckpt-guard: cannot tell who connects; first on descriptor 7\n").sees);
  CHECK(parse_guard_report("ckpt-guard: turned away user 7").last == "user 7");
}

TEST_CASE("the guard stands before what the user preloads") {
  const test::TempDir dir;
  std::map<std::string, std::string> env{{"LD_PRELOAD", "/lib/theirs.so"}};
  REQUIRE(post_guard(dir.path(), env));
  const Path library = dir.path() / "ckpt-guard.so";
  CHECK(env["LD_PRELOAD"] == library.string() + ":/lib/theirs.so");
  const auto bytes = read_file(library);
  REQUIRE(bytes);
  CHECK(bytes->substr(0, 4) == "\177ELF");
  struct stat info {};
  REQUIRE(::stat(library.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0700U);
}
