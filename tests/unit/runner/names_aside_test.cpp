#include "runner/names_aside.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace ckpt;
using namespace ckpt::runner;

namespace {

void put(const Path& path, const std::string& text) {
  REQUIRE(write_file_atomically(path, text));
}

std::string slurp(const Path& path) {
  return read_file(path).value_or("(none)");
}

} // namespace

TEST_CASE("a name is free while it is aside, and has its file again afterwards") {
  const test::TempDir dir;
  const Path script = dir.path() / "job.sh";
  const Path gone = dir.path() / "gone";
  put(script, "edited");
  {
    const auto aside = NamesAside::take({script.string(), gone.string()}, "j-1");
    REQUIRE(aside);
    CHECK(!std::filesystem::exists(script));
    put(script, "of the engine"); // and removed again, or not
  }
  CHECK(slurp(script) == "edited");
  CHECK(!std::filesystem::exists(gone));
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
}

TEST_CASE("what a killed attempt had put aside is put back by the next one of the job") {
  const test::TempDir dir;
  const Path script = dir.path() / "job.sh";
  put(dir.path() / ".ckpt-j-1-job.sh.aside", "edited");
  SUBCASE("and the engine had not made the file anew") {}
  SUBCASE("and the engine had made the file anew") {
    put(script, "of the engine");
  }
  {
    const auto other = NamesAside::take({script.string()}, "j-2");
    REQUIRE(other);
  }
  CHECK(std::filesystem::exists(dir.path() / ".ckpt-j-1-job.sh.aside"));
  {
    const auto aside = NamesAside::take({script.string()}, "j-1");
    REQUIRE(aside);
  }
  CHECK(slurp(script) == "edited");
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
}

TEST_CASE("where a file could be made again") {
  const test::TempDir dir;
  CHECK(can_be_made_again(dir.path() / "x"));
  CHECK(can_be_made_again(dir.path() / "no/such/folder/x"));
  if (::geteuid() != 0) {
    CHECK(!can_be_made_again("/proc/x"));
  }
}
