#include "core/store/origin.hpp"
#include "tests/unit/store/support.hpp"

#include <sys/stat.h>

using namespace ckpt;
using namespace ckpt::store;
using namespace ckpt::test;

namespace {

/// A job with a sealed generation whose program has written output, and a store to fork it in.
struct Forkable {
  Forkable() : job(dir.path()), store(need(Store::open(dir.path() / "store"))) {
    out = dir.path() / "home" / "slurm-1.out";
    put(out, "one\ntwo\n");
    need(job.folder.fix_output("stdout", out));
    need(job.folder.fix_output("stderr", out));
    need(job.folder.fix_tmpdir("/tmp/ckpt-1-j-7-abc"));
    job.draft.lengths = {{out.string(), 4}, {(dir.path() / "home/log").string(), 3}};
    sealed = need(job.generations.seal(job.draft));
  }
  StagedOrigin staged() { return need(stage_origin(store, JobId{7}, sealed.id)); }
  JobFolder fork_folder(const StagedOrigin& origin) {
    JobSpec spec = sample_spec(JobId{8});
    spec.started_from = origin.origin.from;
    const JobFolder folder = need(store.create_job(spec, Policy{}));
    need(place_origin(origin, folder.path()));
    return folder;
  }

  TempDir dir;
  JobWithImages job;
  Store store;
  Path out;
  Manifest sealed;
};

std::size_t links_of(const Path& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_nlink;
}

} // namespace

TEST_CASE("origin: a copy that shares the bytes, and outlives what it was made from") {
  Forkable world;
  const StagedOrigin staged = world.staged();
  CHECK(world.store.list_jobs()->size() == 1); // a copy that nobody owns yet is no job
  const JobFolder fork = world.fork_folder(staged);
  const Generations copy(origin_folder(fork.path()));
  CHECK(links_of(world.job.image(0)) == 2);
  CHECK(fork_of(fork.path()) == GenerationRef{JobId{7}, world.sealed.id});
  CHECK_FALSE(fork_of(world.job.folder.path()));

  const auto origin = need(read_origin(fork.path()));
  REQUIRE(origin);
  CHECK(origin->from == GenerationRef{JobId{7}, world.sealed.id});
  CHECK(origin->tmpdir == "/tmp/ckpt-1-j-7-abc");
  CHECK(origin->warnings.empty());

  // The origin's output is its own: the copy knows its beginning, and does not cut it.
  REQUIRE(staged.manifest.lengths.size() == 1);
  CHECK(staged.manifest.lengths[0].path.ends_with("/log"));
  REQUIRE(origin_output(fork.path(), "stdout"));
  CHECK(slurp(*origin_output(fork.path(), "stdout")) == "one\n");
  CHECK_FALSE(origin_output(fork.path(), "stderr")); // the same file

  const Manifest manifest = need(copy.read_manifest(world.sealed.id));
  CHECK(manifest.images == world.sealed.images);
  need(world.store.remove_job(JobId{7}));
  CHECK(need(copy.verify(manifest)).good());
  put(world.job.user_file, "something else");
  CHECK(need(copy.materialize(manifest)).size() == 3);
  need(copy.restore_files(manifest, true));
  CHECK(slurp(world.job.user_file) == packable(50'000, 9));
}

TEST_CASE("origin: packing or pruning the origin does not change the copy, nor the other way") {
  Forkable world;
  const JobFolder fork = world.fork_folder(world.staged());
  const Generations copy(origin_folder(fork.path()));
  need(world.job.generations.compress(world.sealed, 1));
  const Manifest manifest = need(copy.read_manifest(world.sealed.id));
  CHECK(manifest.images[0].form == StoredForm::raw);
  CHECK(need(copy.verify(manifest)).good());
  need(world.job.generations.remove(world.sealed.id, "beyond keep 1"));
  CHECK(need(copy.verify(manifest)).good());

  need(remove_origin(fork.path()));
  CHECK_FALSE(need(read_origin(fork.path())));
  CHECK_FALSE(there(origin_folder(fork.path())));
  CHECK(fork_of(fork.path())); // what it was is told for good
  need(remove_origin(fork.path()));
}

TEST_CASE("origin: of a packed generation, and two copies at once") {
  Forkable world;
  const Manifest packed = need(world.job.generations.compress(world.sealed, 1));
  const StagedOrigin first = world.staged();
  const StagedOrigin second = world.staged();
  const Generations one(first.folder);
  const Generations other(second.folder);
  CHECK(need(one.materialize(packed)).size() == 3);
  CHECK(there(first.folder / packed.images[0].path)); // unpacked there
  CHECK_FALSE(there(second.folder / packed.images[0].path));
  CHECK_FALSE(there(world.job.image(0)));
  need(one.drop_materialized(packed));
  CHECK(need(other.verify(packed)).good());
  need(discard(first));
  CHECK(need(other.verify(packed)).good());
}

TEST_CASE("origin: what cannot be copied leaves nothing behind") {
  Forkable world;
  const auto staged_folders = [&] {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(world.store.root() / "jobs")) {
      count += entry.path().filename().string().starts_with(".fork-") ? 1U : 0U;
    }
    return count;
  };
  CHECK(code_of(stage_origin(world.store, JobId{7}, GenerationId{99})) == "not_sealed");
  need(world.job.generations.mark_corrupt(world.sealed.id, "a bad disk"));
  CHECK(code_of(stage_origin(world.store, JobId{7}, world.sealed.id)) == "generation_corrupt");
  CHECK(staged_folders() == 0);

  Forkable other;
  std::filesystem::remove(other.job.image(1));
  CHECK(code_of(stage_origin(other.store, JobId{7}, other.sealed.id)) == "no_such_file");
  CHECK(std::distance(std::filesystem::directory_iterator(other.store.root() / "jobs"),
                      std::filesystem::directory_iterator{}) == 1);
}

TEST_CASE("origin: output that is not there any more is told") {
  Forkable world;
  put(world.out, "on");
  const StagedOrigin staged = world.staged();
  REQUIRE(staged.origin.warnings.size() == 1);
  CHECK(staged.origin.warnings[0].code == "output_cut_short");
  CHECK(staged.origin.warnings[0].text.find(world.out.string()) != std::string::npos);
  const JobFolder fork = world.fork_folder(staged);
  CHECK_FALSE(origin_output(fork.path(), "stdout"));
  CHECK(need(read_origin(fork.path()))->warnings == staged.origin.warnings);
}

TEST_CASE("origin: a copy that a daemon died over goes with its next start") {
  Forkable world;
  const StagedOrigin staged = world.staged();
  REQUIRE(there(staged.folder));
  remove_staged_origins(world.store);
  CHECK_FALSE(there(staged.folder));
  CHECK(world.store.has_job(JobId{7}));
  CHECK(need(world.job.generations.verify(world.sealed)).good());
}
