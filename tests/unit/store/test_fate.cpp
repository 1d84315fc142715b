#include "core/store/fate.hpp"
#include "core/store/records_json.hpp"
#include "tests/unit/store/support.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace ckpt;
using namespace ckpt::store;
using namespace ckpt::test;

namespace {

constexpr AttemptId kFirst{1};
constexpr AttemptId kSecond{2};

JobFolder job_with_attempts(const Path& root, int count) {
  JobFolder job = need(need(Store::open(root)).create_job(sample_spec(JobId{1}), Policy{}));
  for (int i = 0; i < count; ++i) {
    need(job.claim(sample_claim("a", i)));
  }
  return job;
}

Fate result(int code) {
  return {FateKind::result, {}, "exit status " + std::to_string(code), code, {}, sample_time()};
}

Fate given_up() {
  return {FateKind::given_up, {}, "lost", {}, {}, sample_time()};
}

} // namespace

TEST_CASE("fate: a result that is there first is the job's, whatever comes later") {
  const TempDir dir;
  const JobFolder job = job_with_attempts(dir.path(), 2);
  CHECK_FALSE(need(read_fate(job, kFirst)));
  CHECK(need(decide_fate(job, kFirst, result(7))) == result(7));
  const auto fates = need(supersede_older(job, kSecond));
  REQUIRE(fates.size() == 1);
  CHECK(fates[0] == result(7));
  CHECK(need(decide_fate(job, kFirst, given_up())) == result(7));
  CHECK(need(read_fate(job, kFirst)) == result(7));
}

TEST_CASE("fate: what was superseded or given up gets no result any more") {
  const TempDir dir;
  const JobFolder job = job_with_attempts(dir.path(), 3);
  CHECK(need(decide_fate(job, kFirst, given_up())) == given_up());
  const auto fates = need(supersede_older(job, AttemptId{3}));
  REQUIRE(fates.size() == 2);
  CHECK(fates[0] == given_up());
  CHECK(fates[1].kind == FateKind::superseded);
  CHECK(fates[1].by == AttemptId{3});
  CHECK(need(decide_fate(job, kFirst, result(0))).kind == FateKind::given_up);
  CHECK(need(decide_fate(job, kSecond, result(0))) == fates[1]);
  CHECK_FALSE(need(read_fate(job, AttemptId{3}))); // its own is its own
}

TEST_CASE("fate: the same wish may be repeated; another one with the same words is another's") {
  const TempDir dir;
  const JobFolder job = job_with_attempts(dir.path(), 1);
  CHECK(need(decide_fate(job, kFirst, result(0))) == result(0));
  CHECK(need(decide_fate(job, kFirst, result(0))) == result(0));
  Fate later = result(0);
  later.at += seconds{1};
  CHECK_FALSE(need(decide_fate(job, kFirst, later)) == later);
}

TEST_CASE(
    "fate: of a runner and a successor in two processes exactly one wins, and both know who") {
  int results = 0;
  constexpr int kRounds = 60;
  for (int round = 0; round < kRounds; ++round) {
    const TempDir dir;
    const JobFolder job = job_with_attempts(dir.path(), 2);
    const auto statuses = all_at_once(2, [&](int who) {
      ::usleep(static_cast<useconds_t>((who + round) % 2 * 300)); // either can be the faster one
      const auto seen =
          who == 0
              ? decide_fate(job, kFirst, result(0))
              : supersede_older(job, kSecond).map([](const auto& fates) { return fates.at(0); });
      return !seen ? 9 : seen->kind == FateKind::result ? 1 : 2;
    });
    REQUIRE(statuses.size() == 2);
    CHECK(statuses[0] == statuses[1]);
    CHECK((statuses[0] == 1 || statuses[0] == 2));
    results += statuses[0] == 1 ? 1 : 0;
  }
  CHECK(results > 0); // or it has not raced at all
  CHECK(results < kRounds);
}

TEST_CASE("fate: a file that cannot be read decides nothing, and nobody goes on") {
  const TempDir dir;
  const JobFolder job = job_with_attempts(dir.path(), 2);
  put(job.path() / "attempts/1.fate", "{\"kind\":\"result\",\"at\":\"2026-01-01T00:00:00Z\"}");
  CHECK(code_of(read_fate(job, kFirst)) == "damaged_file"); // a result of nothing
  CHECK(code_of(supersede_older(job, kSecond)) == "damaged_file");
  CHECK(code_of(decide_fate(job, kFirst, result(0))) == "damaged_file");
}

TEST_CASE("fate: as the journal would have said it") {
  Fate killed{FateKind::result, {}, "killed by signal 9 (KILL)", {}, 9, sample_time()};
  const AttemptEvent end = end_by_fate(killed);
  CHECK(end.kind == AttemptEventKind::ended);
  CHECK(end.end_reason == EndReason::failed);
  CHECK(end.signal == 9);
  CHECK(end_by_fate(result(0)).end_reason == EndReason::completed);
  CHECK(need(fate_from_json(to_json(killed))) == killed);
}
