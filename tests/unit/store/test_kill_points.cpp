// Kills the process at every point between two effects, once each, and looks at what is left.

#include "core/base/kill_point.hpp"
#include "core/base/strings.hpp"
#include "core/store/fate.hpp"
#include "core/store/generations.hpp"
#include "core/store/job_folder.hpp"
#include "tests/unit/store/support.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace ckpt;
using namespace ckpt::store;
using namespace ckpt::test;

#if defined(CKPT_KILL_POINTS) && CKPT_KILL_POINTS

namespace {

/// The points that `act` passes, in order, each as "name:n".
template <class Act> std::vector<std::string> points_of(const Act& act) {
  const TempDir dir;
  const Path list = dir.path() / "list";
  REQUIRE(in_child([&] {
            ::setenv("CKPT_KILL_LIST", list.c_str(), 1);
            return act() ? 0 : 1;
          }) == 0);
  std::map<std::string, int> passes;
  std::vector<std::string> points;
  for (const std::string& name : split_lines(slurp(list))) {
    points.push_back(name + ":" + std::to_string(++passes[name]));
  }
  return points;
}

/// Setup() makes a fresh state; act(state) runs in a child and is killed at each point in turn;
/// check(state, point) then looks. Returns the number of points.
template <class Setup, class Act, class Check>
std::size_t walk(const Setup& setup, const Act& act, const Check& check) {
  std::vector<std::string> points;
  {
    const TempDir dir;
    auto state = setup(dir.path());
    points = points_of([&] { return act(state); });
  }
  for (const std::string& point : points) {
    CAPTURE(point);
    const TempDir dir;
    auto state = setup(dir.path());
    REQUIRE(in_child([&] {
              ::setenv("CKPT_KILL_AT", point.c_str(), 1);
              return act(state) ? 0 : 1;
            }) == 137);
    check(state, point);
  }
  return points.size();
}

JobWithImages images(const Path& root) {
  return JobWithImages(root, 60'000);
}

JobWithImages sealed(const Path& root) {
  JobWithImages job = images(root);
  job.draft = need(job.generations.seal(job.draft));
  return job;
}

} // namespace

TEST_CASE("killed while sealing: no manifest, or a good one; then it can be sealed") {
  const auto points = walk(
      images,
      [](const JobWithImages& job) { return job.generations.seal(job.draft).has_value(); },
      [](const JobWithImages& job, const std::string& point) {
        const auto manifest = job.generations.read_manifest(job.draft.id);
        const bool sealed_already = point == "file.renamed:2" || point == "seal.done:1";
        CHECK(code_of(manifest) == (sealed_already ? "" : "not_sealed"));
        if (manifest) {
          CHECK(need(job.generations.verify(*manifest)).good());
        }
        // From the draft on its successor can do the rest.
        const bool before_draft = point.starts_with("seal.sync") || point == "seal.folders:1" ||
                                  point == "seal.draft:1" || point == "file.temporary:1";
        const auto heirs = job.generations.seal_left_over(job.draft.id);
        CHECK(code_of(heirs) == (before_draft ? "not_left_over" : ""));
        const Manifest again = need(job.generations.seal(job.draft));
        CHECK(need(job.generations.verify(again)).good());
        CHECK((before_draft || again == *heirs));
      });
  CHECK(points >= 16);
}

TEST_CASE("killed while packing: the generation is good at every instant") {
  const auto points = walk(
      sealed,
      [](const JobWithImages& job) { return job.generations.compress(job.draft, 1).has_value(); },
      [](const JobWithImages& job, const std::string&) {
        const Manifest left = need(job.generations.read_manifest(job.draft.id));
        CHECK(need(job.generations.verify(left)).good());
        need(job.generations.materialize(left));
        CHECK(slurp(job.image(0)) == packable(60'000, 1));
        const Manifest packed = need(job.generations.compress(left, 1));
        CHECK(packed.images[0].form == StoredForm::zstd);
        CHECK(need(job.generations.verify(packed)).good());
        CHECK_FALSE(there(job.image(0)));
        CHECK_FALSE(there(job.packed(0).string() + ".tmp"));
      });
  CHECK(points >= 12);
}

TEST_CASE("killed while unpacking for a restart: the next one can") {
  const auto setup = [](const Path& root) {
    JobWithImages job = sealed(root);
    job.draft = need(job.generations.compress(job.draft, 1));
    return job;
  };
  const auto points = walk(
      setup,
      [](const JobWithImages& job) { return job.generations.materialize(job.draft).has_value(); },
      [](const JobWithImages& job, const std::string&) {
        CHECK(need(job.generations.verify(job.draft)).good());
        need(job.generations.materialize(job.draft));
        CHECK(slurp(job.image(1)) == packable(30'000, 2));
      });
  CHECK(points >= 2);
}

TEST_CASE("killed while removing: good as before, or removed and finished by the next call") {
  const auto points = walk(
      sealed,
      [](const JobWithImages& job) {
        return job.generations.remove(job.draft.id, "reason").has_value();
      },
      [](const JobWithImages& job, const std::string& point) {
        const auto all = need(job.generations.list());
        REQUIRE(all.size() == 1);
        if (all[0].manifest) {
          CHECK(point == "file.temporary:1");
          CHECK(need(job.generations.verify(*all[0].manifest)).good());
        } else {
          CHECK(all[0].tombstone == "reason");
        }
        need(job.generations.remove(job.draft.id, "reason"));
        CHECK(std::filesystem::is_empty(job.folder.attempt(AttemptId{1}).images()));
        CHECK_FALSE(there(job.generations.saved_dir(job.draft.id)));
        CHECK(need(job.generations.list())[0].removed_manifest == job.draft);
      });
  CHECK(points >= 7);
}

TEST_CASE("killed while putting files back: each is the old or the saved one; then all are") {
  const auto setup = [](const Path& root) {
    JobWithImages job = images(root);
    const Path output = root / "output";
    put(output, "0123456789");
    job.draft.lengths = {{output, 4}};
    job.draft = need(job.generations.seal(job.draft));
    put(job.user_file, "newer");
    return job;
  };
  const auto points = walk(
      setup,
      [](const JobWithImages& job) {
        return job.generations.restore_files(job.draft, true).has_value();
      },
      [](const JobWithImages& job, const std::string&) {
        const std::string now = slurp(job.user_file);
        CHECK((now == "newer" || now == packable(50'000, 9)));
        need(job.generations.restore_files(job.draft, true));
        CHECK(slurp(job.user_file) == packable(50'000, 9));
        CHECK(slurp(job.draft.lengths[0].path) == "0123");
      });
  CHECK(points >= 2);
}

TEST_CASE("killed while claiming: the number is free, or claimed for good; no gap, no double") {
  const auto setup = [](const Path& root) {
    return need(need(Store::open(root)).create_job(sample_spec(JobId{1}), Policy{}));
  };
  const auto points = walk(
      setup,
      [](const JobFolder& job) { return job.claim(sample_claim("a")).has_value(); },
      [](const JobFolder& job, const std::string&) {
        const auto left = need(job.read_claims());
        REQUIRE(left.size() <= 1);
        // The dead one's successor under the same token and restart count, in another process.
        Claim heir = sample_claim("a");
        heir.start_ticks = 777;
        const auto claimed = job.claim(heir);
        CHECK(code_of(claimed) == (left.empty() ? "" : "already_claimed"));
        const Claim next = need(job.claim(sample_claim("a", 1)));
        CHECK(next.attempt == AttemptId{2});
        CHECK(there(job.attempt(next.attempt).images()));
        CHECK(need(job.read_claims()).size() == 2);
      });
  CHECK(points >= 5);
}

TEST_CASE("killed while deciding an attempt's fate: undecided, or decided for good") {
  const auto setup = [](const Path& root) {
    JobFolder job = need(need(Store::open(root)).create_job(sample_spec(JobId{1}), Policy{}));
    need(job.claim(sample_claim("a")));
    return job;
  };
  const Fate result{FateKind::result, {}, "exit status 0", 0, {}, sample_time()};
  const auto points = walk(
      setup,
      [&](const JobFolder& job) { return decide_fate(job, AttemptId{1}, result).has_value(); },
      [&](const JobFolder& job, const std::string& point) {
        const bool before = point == "fate.link:1" || point == "file.temporary:1";
        // The writer died before its journal had a line; the next attempt finds what it left.
        const auto fates = need(supersede_older(job, AttemptId{2}));
        REQUIRE(fates.size() == 1);
        CHECK((fates[0] == result) == !before);
        CHECK((fates[0].kind == FateKind::superseded) == before);
        CHECK(need(decide_fate(job, AttemptId{1}, result)) == fates[0]);
      });
  CHECK(points == 4);
}

TEST_CASE("killed while writing the policy: the old one or the new one") {
  const auto setup = [](const Path& root) {
    return need(need(Store::open(root)).create_job(sample_spec(JobId{1}), Policy{}));
  };
  Policy next;
  next.revision = 2;
  next.keep = 9;
  const auto points = walk(
      setup,
      [&](const JobFolder& job) { return job.write_policy(next).has_value(); },
      [&](const JobFolder& job, const std::string& point) {
        const bool before = point == "policy.write:1" || point == "file.temporary:1";
        CHECK(need(job.read_policy()) == (before ? Policy{} : next));
        need(job.write_policy(next));
        CHECK(need(job.read_policy()) == next);
      });
  CHECK(points == 4);
}

TEST_CASE("killed while making a job: whole or not there, and the next id is free") {
  const auto setup = [](const Path& root) { return need(Store::open(root)); };
  const auto points = walk(
      setup,
      [](const Store& store) {
        return store.create_job(sample_spec(JobId{1}), Policy{}, "#!/bin/sh\n").has_value();
      },
      [](const Store& store, const std::string&) {
        if (store.has_job(JobId{1})) {
          CHECK(slurp(store.job(JobId{1}).script()) == "#!/bin/sh\n");
          CHECK(need(store.job(JobId{1}).read_spec()) == sample_spec(JobId{1}));
          CHECK(need(store.job(JobId{1}).read_policy()) == Policy{});
          need(store.job(JobId{1}).claim(sample_claim("a")));
        } else {
          CHECK(need(store.list_jobs()).empty());
        }
        CHECK(code_of(store.create_job(sample_spec(JobId{1}), Policy{})) == "file_exists");
        need(store.create_job(sample_spec(JobId{2}), Policy{}));
      });
  CHECK(points >= 12);
}

TEST_CASE("killed while removing a job: it does not come back") {
  const auto setup = [](const Path& root) {
    const auto store = need(Store::open(root));
    need(store.create_job(sample_spec(JobId{1}), Policy{}));
    return store;
  };
  const auto points = walk(
      setup,
      [](const Store& store) { return store.remove_job(JobId{1}).has_value(); },
      [](const Store& store, const std::string&) {
        CHECK_FALSE(store.has_job(JobId{1}));
        need(store.remove_job(JobId{1}));
        CHECK_FALSE(there(store.job(JobId{1}).path()));
      });
  CHECK(points == 1);
}

#endif
