#include "runner/start_point.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::runner;

namespace {

Manifest sealed(std::int64_t id, std::int64_t attempt, std::optional<std::int64_t> parent = {}) {
  Manifest manifest;
  manifest.id = GenerationId{id};
  manifest.attempt = AttemptId{attempt};
  if (parent) {
    manifest.parent = GenerationId{*parent};
  }
  return manifest;
}

EarlierAttempt ran(std::int64_t id, std::optional<std::int64_t> from = {}) {
  EarlierAttempt attempt;
  attempt.id = AttemptId{id};
  attempt.program_ran = true;
  if (from) {
    attempt.started_from = GenerationId{*from};
  }
  return attempt;
}

std::vector<std::int64_t> numbers(const std::vector<GenerationId>& ids) {
  std::vector<std::int64_t> result;
  for (const GenerationId id : ids) {
    result.push_back(id.value);
  }
  return result;
}

using Numbers = std::vector<std::int64_t>;

} // namespace

TEST_CASE("a job without generations starts from the beginning") {
  CHECK(start_order({}, {}, std::nullopt).empty());
  CHECK(start_order({}, {ran(1)}, std::nullopt).empty());
}

TEST_CASE("the newest sealed one first, then its ancestors over attempts") {
  const std::vector<Manifest> all{sealed(1, 1), sealed(2, 1), sealed(4, 2, 2)};
  CHECK(numbers(start_order(all, {ran(1), ran(2, 2)}, std::nullopt)) == Numbers{4, 2, 1});
}

TEST_CASE("an attempt that sealed nothing starts again from where it had started") {
  const std::vector<Manifest> all{sealed(1, 1), sealed(2, 1)};
  CHECK(numbers(start_order(all, {ran(1), ran(2, 2)}, std::nullopt)) == Numbers{2, 1});
}

TEST_CASE("after a rollback the abandoned branch is not taken up again") {
  // attempt 1 wrote g1 g2 g3; attempt 2 was rolled back to g1 and wrote g4
  const std::vector<Manifest> all{sealed(1, 1), sealed(2, 1), sealed(3, 1), sealed(4, 2, 1)};
  CHECK(numbers(start_order(all, {ran(1), ran(2, 1)}, std::nullopt)) == Numbers{4, 1});
  // …and before it had sealed one
  const std::vector<Manifest> before{sealed(1, 1), sealed(2, 1), sealed(3, 1)};
  CHECK(numbers(start_order(before, {ran(1), ran(2, 1)}, std::nullopt)) == Numbers{1});
}

TEST_CASE("a chosen generation comes first, its ancestors behind it") {
  const std::vector<Manifest> all{sealed(1, 1), sealed(2, 1), sealed(3, 1)};
  CHECK(numbers(start_order(all, {ran(1)}, GenerationId{2})) == Numbers{2, 1});
}

TEST_CASE("attempts whose program never ran do not change the lineage") {
  EarlierAttempt broken;
  broken.id = AttemptId{2};
  CHECK(numbers(start_order({sealed(1, 1)}, {ran(1), broken}, std::nullopt)) == Numbers{1});
}

TEST_CASE("a missing link is stepped over to the newest older generation") {
  const std::vector<Manifest> all{sealed(1, 1), sealed(5, 3, 4)}; // g4 (attempt 2) was corrupt
  CHECK(numbers(start_order(all, {ran(1), ran(2, 1), ran(3, 4)}, std::nullopt)) == Numbers{5, 1});
}

TEST_CASE("a job whose program has ended by itself is not started again, unless a person asks") {
  EarlierAttempt done = ran(2, 1);
  done.result = ExitStatus{7, {}};
  CHECK(finished_attempt({ran(1), done}, 0)->id.value == 2);
  CHECK_FALSE(finished_attempt({ran(1), done}, 2)); // restarted after attempt 2
  CHECK_FALSE(finished_attempt({ran(1)}, 0));
  // A result that arrives after a newer attempt's mark comes from a node that was cut off.
  CHECK_FALSE(finished_attempt({done, ran(3, 1)}, 0));
}

TEST_CASE("the loop guard stops a job that breaks at once, three times in a row") {
  EarlierAttempt broken = ran(1);
  broken.end_reason = EndReason::interrupted;
  broken.program_time = seconds{2};
  std::vector<EarlierAttempt> attempts{broken, broken};
  attempts[1].id = AttemptId{2};
  CHECK_FALSE(loop_guard(attempts, 0));
  attempts.push_back(broken);
  attempts[2].id = AttemptId{3};
  attempts.back().end_detail = "the program was killed";
  CHECK(loop_guard(attempts, 0).value_or("").find("interrupted (the program was killed)") !=
        std::string::npos);
  SUBCASE("not if a person has put it right since and wants it restarted") {
    CHECK_FALSE(loop_guard(attempts, 3));
    CHECK_FALSE(loop_guard(attempts, 1));
  }
  SUBCASE("not if one of them got further") {
    attempts[1].sealed_any = true;
    CHECK_FALSE(loop_guard(attempts, 0));
  }
  SUBCASE("not if one of them ran for long") {
    attempts[2].program_time = minutes{20};
    CHECK_FALSE(loop_guard(attempts, 0));
  }
  SUBCASE("not if it was the cluster's doing") {
    attempts[1].end_reason = EndReason::preempted;
    CHECK_FALSE(loop_guard(attempts, 0));
  }
  SUBCASE("not if a person has restarted it since") {
    CHECK_FALSE(loop_guard(attempts, 1));
    CHECK(broke_in_a_row(attempts, 1) == 2);
  }
  SUBCASE("launches and restarts that fail count as well") {
    attempts[0].end_reason = EndReason::launch_failed;
    attempts[2].end_reason = EndReason::restart_failed;
    CHECK(loop_guard(attempts, 0));
  }
}

TEST_CASE("what broke at once is tried again later each time") {
  const TimePoint end{hours{100}};
  EarlierAttempt broken = ran(1);
  broken.end_reason = EndReason::interrupted;
  broken.last_event_at = end;
  std::vector<EarlierAttempt> attempts{broken};
  CHECK(next_try(attempts, 0, seconds{5}, end + seconds{1}) == end + seconds{5});
  CHECK_FALSE(next_try(attempts, 0, seconds{5}, end + seconds{5})); // it has waited long enough
  CHECK_FALSE(next_try(attempts, 0, Duration{0}, end));
  CHECK_FALSE(next_try(attempts, 1, seconds{5}, end));
  attempts.push_back(broken);
  attempts[1].id = AttemptId{2};
  CHECK(next_try(attempts, 0, seconds{5}, end) == end + seconds{20});
  // That host's clock is ahead by an hour: no longer than it is to be.
  CHECK(next_try(attempts, 0, seconds{5}, end - hours{1}) == end - hours{1} + seconds{20});
  attempts[1].sealed_any = true;
  CHECK_FALSE(next_try(attempts, 0, seconds{5}, end));
}

TEST_CASE("the time budget counts what was lost as well") {
  std::vector<EarlierAttempt> attempts{ran(1), ran(2, 1)};
  attempts[0].program_time = hours{3};
  attempts[1].program_time = hours{2};
  CHECK(total_run(attempts) == hours{5});
}
