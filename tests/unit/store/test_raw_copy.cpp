// Copies of a generation for a person who goes on without us.

#include "core/store/generations.hpp"
#include "tests/unit/store/support.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::store;
using namespace ckpt::test;

TEST_CASE(
    "generations: raw copies for somebody else are those that were sealed, whatever the form") {
  const TempDir dir;
  const TempDir elsewhere;
  JobWithImages job(dir.path());
  const std::string a = slurp(job.image(0));
  const Manifest raw = need(job.generations.seal(job.draft));
  const Manifest packed = need(job.generations.compress(raw, 1));
  const Path folder = elsewhere.path() / "copy";
  const auto copies = need(job.generations.copy_raw(raw, folder)); // an older form means the same
  REQUIRE(copies.size() == 4);
  CHECK(slurp(folder / "a.dmtcp") == a);
  CHECK(copies[3] == folder / "saved" / Path(raw.saved[0].original).relative_path());
  CHECK(slurp(copies[3]).size() == raw.saved[0].stored.raw_bytes);
  CHECK_FALSE(there(job.image(0))); // nothing is left in the store
  CHECK(code_of(job.generations.copy_raw(packed, folder)) == "file_exists");
  CHECK(slurp(folder / "a.dmtcp") == a);
  std::string flipped = slurp(job.packed(0));
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 4);
  put(job.packed(0), flipped);
  const Path second = elsewhere.path() / "second";
  CHECK(code_of(job.generations.copy_raw(packed, second)) == "generation_corrupt");
  CHECK_FALSE(there(second / "a.dmtcp"));
  CHECK_FALSE(there(second / "a.dmtcp.tmp"));
}
