#include "runner/tidy.hpp"
#include "tests/unit/store/support.hpp"

using namespace ckpt;
using namespace ckpt::runner;
using namespace ckpt::test;

namespace {

struct Sealed {
  TempDir dir;
  JobWithImages job{dir.path(), 30'000};
  Tidy tidy{job.folder};
  Manifest manifest = need(job.generations.seal(job.draft));
  Path images = job.folder.path() / "attempts/1/images";

  bool complete() const {
    return need(job.generations.verify(need(job.generations.read_manifest(manifest.id)))).good();
  }
};

} // namespace

TEST_CASE("images that no generation lists are removed, packed ones of a generation are not") {
  Sealed at;
  REQUIRE(at.job.generations.compress(at.manifest, 1));
  put(at.images / "set_2" / "torn.dmtcp", "half");
  put(at.images / "set_10" / "torn.dmtcp", "half");
  put(at.images / "c.dmtcp.temp", "half");
  put(at.job.folder.path() / "attempts/2/images/gen-001/pages-1.img", "half");
  for (const AttemptId attempt : {AttemptId{1}, AttemptId{2}}) {
    REQUIRE(at.job.generations.remove_unsealed_images(attempt));
  }
  CHECK_FALSE(there(at.images / "set_2"));
  CHECK_FALSE(there(at.images / "set_10"));
  CHECK_FALSE(there(at.images / "c.dmtcp.temp"));
  CHECK_FALSE(there(at.job.folder.path() / "attempts/2/images/gen-001"));
  CHECK(there(at.images / "set_1"));
  CHECK(at.complete());
}

TEST_CASE("with a manifest that cannot be read nothing is removed: nobody knows what it lists") {
  Sealed at;
  const Path manifest = at.job.generations.dir(at.manifest.id) / "manifest.json";
  const std::string text = slurp(manifest);
  put(manifest, text.substr(0, text.size() / 2));
  put(at.images / "set_2" / "torn.dmtcp", "half");
  for (const AttemptId attempt : {AttemptId{1}, AttemptId{2}}) {
    REQUIRE(at.job.generations.remove_unsealed_images(attempt));
  }
  CHECK(there(at.images / "set_2"));
  CHECK(there(at.images / "set_1"));
}

TEST_CASE("a removal that somebody died over is finished by the next tidying") {
  Sealed at;
  const Path dir = at.job.generations.dir(at.manifest.id);
  const std::string manifest = slurp(dir / "manifest.json");
  REQUIRE(at.job.generations.remove(at.manifest.id, "beyond keep 1"));
  put(dir / "manifest.json", manifest); // as after a death behind the tombstone
  put(at.images / "b.dmtcp", "still there");
  REQUIRE(at.job.generations.removal_unfinished(at.manifest.id));
  at.tidy.prune(Policy{}, JobPhase::unfinished, {});
  CHECK_FALSE(at.job.generations.removal_unfinished(at.manifest.id));
  CHECK_FALSE(there(at.images / "b.dmtcp"));
}
