#include "core/store/job_folder.hpp"
#include "core/store/journal.hpp"
#include "tests/unit/store/support.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

using namespace ckpt;
using namespace ckpt::store;
using namespace ckpt::test;

namespace {

JobFolder new_job(const Path& root) {
  return need(need(Store::open(root)).create_job(sample_spec(JobId{1}), Policy{}));
}

} // namespace

TEST_CASE("claim: numbers from 1, folders made, the caller gets its own back") {
  const TempDir dir;
  const JobFolder job = new_job(dir.path());
  const Claim first = need(job.claim(sample_claim("a")));
  CHECK(first.attempt == AttemptId{1});
  CHECK(there(job.attempt(first.attempt).images()));
  CHECK(there(job.path() / "attempts/1/orders"));
  CHECK(need(job.claim(sample_claim("a"))) == first);
  CHECK(need(job.claim(sample_claim("a", 1))).attempt == AttemptId{2});
  Claim other = sample_claim("a");
  other.start_ticks = 99; // the pid was used again
  const auto refused = job.claim(other);
  CHECK(code_of(refused) == "already_claimed");
  CHECK(refused.error().cls == ErrorClass::conflict);
  CHECK(need(job.claim(sample_claim("b"))).attempt == AttemptId{3});
  const auto all = need(job.read_claims());
  REQUIRE(all.size() == 3);
  CHECK(all[0] == first);
  CHECK(all[2].token.value == "b");
}

TEST_CASE("claim: a revoked token claims no more") {
  const TempDir dir;
  const JobFolder job = new_job(dir.path());
  need(job.prepare_submission(SubmissionToken{"a"}, "#!/bin/sh\n"));
  CHECK_FALSE(job.is_revoked(SubmissionToken{"a"}));
  need(job.revoke(SubmissionToken{"a"}));
  need(job.revoke(SubmissionToken{"a"}));
  CHECK(job.is_revoked(SubmissionToken{"a"}));
  const auto refused = job.claim(sample_claim("a"));
  CHECK(code_of(refused) == "token_revoked");
  CHECK(refused.error().cls == ErrorClass::refused);
  CHECK(need(job.claim(sample_claim("b"))).attempt == AttemptId{1});
}

TEST_CASE("claim: tokens are safe as file names or refused") {
  const TempDir dir;
  const JobFolder job = new_job(dir.path());
  for (const char* token :
       {"", "../x", "a/b", ".", "a b", "a\n", "a.", ".7", "a.b", "a..7", "a.7.7"}) {
    CHECK(code_of(job.claim(sample_claim(token))) == "invalid_token");
    CHECK(code_of(job.revoke(SubmissionToken{token})) == "invalid_token");
    CHECK(code_of(job.prepare_submission(SubmissionToken{token}, "x")) == "invalid_token");
  }
  need(job.claim(sample_claim("00ff.7"))); // of an array's task
}

TEST_CASE("claim: under contention each number has one winner and none is left out") {
  constexpr int kProcesses = 8;
  constexpr int kRounds = 50;
  const TempDir dir;
  const JobFolder job = new_job(dir.path());
  const auto statuses = all_at_once(kProcesses, [&](int process) {
    std::int64_t last = 0;
    for (int round = 0; round < kRounds; ++round) {
      const auto claim =
          job.claim(sample_claim("p" + std::to_string(process) + "-" + std::to_string(round)));
      if (!claim || claim->attempt.value <= last) {
        return 1;
      }
      last = claim->attempt.value;
    }
    return 0;
  });
  CHECK(statuses == std::vector<int>(kProcesses, 0));
  const auto claims = need(job.read_claims());
  REQUIRE(claims.size() == kProcesses * kRounds);
  std::set<std::string> tokens;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    CHECK(claims[i].attempt.value == static_cast<std::int64_t>(i) + 1);
    CHECK(tokens.insert(claims[i].token.value).second);
  }
}

TEST_CASE("claim: one token and restart count claims once, whoever asks") {
  constexpr int kProcesses = 8;
  constexpr int kRounds = 50;
  const TempDir dir;
  const JobFolder job = new_job(dir.path());
  const auto wins = all_at_once(kProcesses, [&](int) {
    int won = 0;
    for (int round = 0; round < kRounds; ++round) {
      const auto claim = job.claim(sample_claim("same", round));
      if (!claim && claim.error().code != "already_claimed") {
        return 200;
      }
      won += claim ? 1 : 0;
    }
    return won;
  });
  int total = 0;
  for (const int won : wins) {
    CHECK(won <= kRounds);
    total += won;
  }
  CHECK(total == kRounds);
  const auto claims = need(job.read_claims());
  REQUIRE(claims.size() == kRounds);
  std::set<int> counts;
  for (const Claim& claim : claims) {
    CHECK(counts.insert(claim.restart_count).second);
  }
}

TEST_CASE("claim: of revoking and claiming at once, one sees the other") {
  for (int round = 0; round < 60; ++round) {
    const TempDir dir;
    const JobFolder job = new_job(dir.path());
    // 0: claims. 1: revokes and looks. Statuses: the claimer's 1 is "I run"; the other's 1 is "it
    // has a claim, leave it".
    const auto statuses = all_at_once(2, [&](int who) {
      if (who == 0) {
        const auto claim = job.claim(sample_claim("a"));
        return claim ? 1 : claim.error().code == "token_revoked" ? 0 : 200;
      }
      if (!job.revoke(SubmissionToken{"a"})) {
        return 200;
      }
      const auto claims = job.read_claims();
      return !claims ? 200 : claims->empty() ? 0 : 1;
    });
    REQUIRE(statuses[0] != 200);
    REQUIRE(statuses[1] != 200);
    const bool runs_unseen = statuses[0] == 1 && statuses[1] == 0;
    CHECK_FALSE(runs_unseen);
    // A number that was taken in vain is ended at once.
    if (statuses[0] == 0 && !need(job.read_claims()).empty()) {
      const auto events = need(read_attempt_events(job.attempt(AttemptId{1}).journal()));
      REQUIRE(events.events.size() == 1);
      CHECK(events.events[0].end_reason == EndReason::fenced);
    }
  }
}
