#include "core/engine/dmtcp/inside.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

using namespace ckpt;
using namespace ckpt::engine::dmtcp;

namespace {

ino_t inode_of(const Path& path) {
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  return facts.st_ino;
}

} // namespace

TEST_CASE("the library for DMTCP's programs is written where it is not there as a whole") {
  const test::TempDir dir;
  const Path folder = dir.path() / "store" / "bin";
  const auto library = place_inside(folder);
  REQUIRE(library);
  const auto content = read_file(*library);
  REQUIRE(content);
  CHECK(content->starts_with("\177ELF"));
  CHECK(content->find("dmtcp_get_uniquepid") != std::string::npos);

  const ino_t first = inode_of(*library);
  REQUIRE(place_inside(folder));
  CHECK(inode_of(*library) == first); // a program may run with it
  REQUIRE(write_file_atomically(*library, content->substr(0, 100), 0700));
  REQUIRE(place_inside(folder));
  CHECK(read_file(*library).value_or("") == *content);

  REQUIRE(write_file_atomically(dir.path() / "file", "", 0600));
  CHECK_FALSE(place_inside(dir.path() / "file" / "bin"));
}
