#include "core/domain/retry.hpp"

#include <doctest/doctest.h>

using namespace ckpt;

TEST_CASE("restarts that break at once wait longer each time, and never for ever") {
  CHECK(restart_delay(0, seconds{5}) == Duration{0});
  CHECK(restart_delay(1, seconds{5}) == seconds{5});
  CHECK(restart_delay(2, seconds{5}) == seconds{20});
  CHECK(restart_delay(3, seconds{5}) == seconds{80});
  CHECK(restart_delay(5, seconds{5}) == minutes{10});
  CHECK(restart_delay(1'000'000, seconds{5}) == minutes{10});
  CHECK(restart_delay(7, Duration{0}) == Duration{0});
  CHECK(restart_delay(1, hours{1}) == minutes{10});
}

TEST_CASE("the nearer limit of run time counts, and says what to type") {
  Policy policy;
  CHECK_FALSE(run_limit(policy, hours{5}, hours{9}));
  policy.total_time = hours{200};
  auto limit = run_limit(policy, hours{5}, hours{9});
  REQUIRE(limit);
  CHECK(limit->kind == RunLimit::Kind::total_time);
  CHECK(limit->left == hours{191}); // what was lost was spent
  policy.stop_after = hours{8};
  limit = run_limit(policy, hours{5}, hours{9});
  CHECK(limit->kind == RunLimit::Kind::stop_after);
  CHECK(limit->left == hours{3});
  CHECK(words_of(limit->kind, policy, "j-7").find("--stop-after") != std::string::npos);
  policy.stop_after = hours{196};
  limit = run_limit(policy, hours{5}, hours{9});
  CHECK(limit->kind == RunLimit::Kind::total_time); // on a tie
  const std::string words = words_of(limit->kind, policy, "j-7");
  CHECK(words.find("the time budget of 200h is used up") == 0);
  CHECK(words.find("`ckpt restart j-7 --total-time 400h`") != std::string::npos);
  Policy other;
  other.total_time = minutes{90};
  CHECK(words_of(limit->kind, other, "j-7").find("budget of 1h30m is") != std::string::npos);
  CHECK_FALSE(budget_used_up(policy, hours{199}));
  CHECK(budget_used_up(policy, hours{200}));
  CHECK_FALSE(budget_used_up(Policy{}, hours{200}));
}
