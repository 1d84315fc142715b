#include "core/domain/timing.hpp"

#include <doctest/doctest.h>

using namespace ckpt;

namespace {

Policy every(Duration duration) {
  Policy policy;
  policy.every = {Interval::Kind::fixed, duration};
  return policy;
}

RunFacts proven_at(Duration now) {
  RunFacts facts;
  facts.now = now;
  facts.proven = true;
  return facts;
}

NextCheckpoint at(Duration time, Trigger trigger) {
  return {time, trigger};
}

} // namespace

TEST_CASE("the interval") {
  Policy policy;
  CHECK(effective_interval(policy, {}) == minutes{30});
  CHECK(effective_interval(policy, {seconds{90}, {}}) == minutes{30});
  CHECK(effective_interval(policy, {milliseconds{90'001}, {}}) == milliseconds{1'800'020});
  CHECK(effective_interval(policy, {seconds{120}, {}}) == minutes{40});
  policy.every.kind = Interval::Kind::off;
  CHECK(effective_interval(policy, {seconds{120}, {}}) == Duration::max());
  CHECK(effective_interval(every(seconds{5}), {}) == seconds{5});
  CHECK(effective_interval(every(seconds{5}), {milliseconds{2'500}, {}}) == seconds{5});
  CHECK(effective_interval(every(seconds{5}), {seconds{10}, {}}) == seconds{20});
}

TEST_CASE("the lead time") {
  Policy policy;
  const auto lead = [&](std::optional<Duration> slowest, std::optional<Duration> limit) {
    return effective_lead(policy, {{}, slowest}, limit);
  };
  CHECK(lead({}, {}) == seconds{30});
  CHECK(lead({}, hours{1}) == seconds{30});
  CHECK(lead({}, minutes{2}) == seconds{30});
  CHECK(lead({}, minutes{1}) == seconds{15});
  CHECK(lead(seconds{20}, hours{1}) == seconds{60});
  CHECK(lead(seconds{1}, hours{1}) == seconds{10});
  CHECK(lead(seconds{1}, seconds{20}) == seconds{5}); // a quarter beats the ten seconds
  CHECK(lead(hours{1}, hours{4}) == hours{1});
  CHECK(lead(hours{1}, {}) == hours{3});
  policy.lead = minutes{5};
  CHECK(lead(seconds{1}, hours{1}) == minutes{5});
  CHECK(lead(hours{1}, {}) == minutes{5});
  CHECK(lead({}, minutes{8}) == minutes{4}); // half of the time is for working
}

TEST_CASE("the proof checkpoint comes first") {
  Policy policy;
  RunFacts facts;
  CHECK(next_checkpoint(policy, facts) == at(minutes{10}, Trigger::proof));
  facts.time_limit = hours{24};
  CHECK(next_checkpoint(policy, facts) == at(minutes{10}, Trigger::proof));
  facts.time_limit = minutes{200};
  CHECK(next_checkpoint(policy, facts) == at(minutes{10}, Trigger::proof));
  facts.time_limit = minutes{100};
  CHECK(next_checkpoint(policy, facts) == at(minutes{5}, Trigger::proof));
  facts.time_limit = minutes{1};
  CHECK(next_checkpoint(policy, facts) == at(seconds{3}, Trigger::proof));
  policy.every.kind = Interval::Kind::off;
  CHECK(next_checkpoint(policy, facts) == at(seconds{3}, Trigger::proof));
  // A shorter interval is earlier; on a tie the proof has the name.
  facts.time_limit = hours{24};
  CHECK(next_checkpoint(every(minutes{1}), facts) == at(minutes{1}, Trigger::interval));
  CHECK(next_checkpoint(every(minutes{10}), facts) == at(minutes{10}, Trigger::proof));
  facts.proven = true;
  CHECK(next_checkpoint(every(minutes{10}), facts) == at(minutes{10}, Trigger::interval));
}

TEST_CASE("intervals count from the freeze of the newest sealed one") {
  RunFacts facts = proven_at(minutes{20});
  CHECK(next_checkpoint(every(minutes{5}), facts) == at(minutes{5}, Trigger::interval));
  facts.last_frozen = minutes{18};
  CHECK(next_checkpoint(every(minutes{5}), facts) == at(minutes{23}, Trigger::interval));
  Policy off;
  off.every.kind = Interval::Kind::off;
  CHECK_FALSE(next_checkpoint(off, facts));
}

TEST_CASE("the checkpoint before walltime") {
  Policy policy = every(minutes{10});
  policy.lead = seconds{60};
  RunFacts facts = proven_at(minutes{45});
  facts.time_limit = hours{1};
  facts.allocation_end = minutes{60};
  facts.last_frozen = minutes{45};
  CHECK(next_checkpoint(policy, facts) == at(minutes{55}, Trigger::interval));
  facts.last_frozen = minutes{49} - milliseconds{1};
  CHECK(next_checkpoint(policy, facts) == at(minutes{59} - milliseconds{1}, Trigger::interval));
  facts.last_frozen = minutes{49}; // both at 59: the one that ends the attempt
  CHECK(next_checkpoint(policy, facts) == at(minutes{59}, Trigger::before_walltime));
  facts.last_frozen = minutes{50};
  CHECK(next_checkpoint(policy, facts) == at(minutes{59}, Trigger::before_walltime));
  facts.allocation_end = minutes{70}; // the limit was extended
  CHECK(next_checkpoint(policy, facts) == at(minutes{60}, Trigger::interval));
  facts.allocation_end = minutes{40}; // … or cut: it is due
  CHECK(next_checkpoint(policy, facts) == at(minutes{39}, Trigger::before_walltime));
  facts.last_checkpoint_taken = true;
  CHECK_FALSE(next_checkpoint(policy, facts));
}

TEST_CASE("a preemption is answered at once") {
  Policy policy = every(hours{1});
  RunFacts facts = proven_at(minutes{20});
  facts.allocation_end = hours{10};
  facts.preempt_at = minutes{25};
  CHECK(next_checkpoint(policy, facts) == at(minutes{20}, Trigger::preemption));
  facts.preempt_at = minutes{19}; // already past: still the best we can do
  CHECK(next_checkpoint(policy, facts) == at(minutes{20}, Trigger::preemption));
  facts.allocation_end = minutes{20} + seconds{15}; // the kill, and no walltime to park for
  CHECK(next_checkpoint(policy, facts) == at(minutes{20}, Trigger::preemption));
  facts.last_checkpoint_taken = true;
  CHECK_FALSE(next_checkpoint(policy, facts));
}

TEST_CASE("a preemption's retry leaves time for itself") {
  RunFacts facts = proven_at(seconds{101});
  facts.preempt_at = seconds{120};
  facts.failures_in_a_row = 1;
  facts.last_try_ended = seconds{100};
  // 20 s are left: a quarter of them, not ten seconds.
  CHECK(next_checkpoint(every(hours{1}), facts) == at(seconds{105}, Trigger::preemption));
  facts.last_try_ended = seconds{60};
  CHECK(next_checkpoint(every(hours{1}), facts) == at(seconds{70}, Trigger::preemption));
  facts.last_try_ended = seconds{130};
  CHECK(next_checkpoint(every(hours{1}), facts) == at(seconds{130}, Trigger::preemption));
  facts.allocation_end = seconds{138}; // the grace time ends later than it was announced
  CHECK(next_checkpoint(every(hours{1}), facts) == at(seconds{132}, Trigger::preemption));
}

TEST_CASE("stop-after and total-time count the run time of all attempts") {
  Policy policy = every(hours{1});
  policy.stop_after = minutes{90};
  RunFacts facts = proven_at(minutes{10});
  facts.run_before = minutes{60};
  CHECK(next_checkpoint(policy, facts) == at(minutes{30}, Trigger::stop));
  facts.run_before = minutes{100};
  CHECK(next_checkpoint(policy, facts) == at(-minutes{10}, Trigger::stop));
  facts.run_before = minutes{30}; // on a tie with the interval
  CHECK(next_checkpoint(policy, facts) == at(hours{1}, Trigger::stop));
  policy.total_time = minutes{80};
  facts.total_before = minutes{30};
  CHECK(next_checkpoint(policy, facts) == at(minutes{50}, Trigger::stop));
  facts.total_before = minutes{45}; // a quarter of an hour was lost: spent all the same
  CHECK(next_checkpoint(policy, facts) == at(minutes{35}, Trigger::stop));
  facts.total_before = minutes{30};
  policy.stop_after.reset();
  CHECK(next_checkpoint(policy, facts) == at(minutes{50}, Trigger::stop));
}

TEST_CASE("failures push the next try back, doubling") {
  const Policy policy = every(minutes{5});
  RunFacts facts = proven_at(minutes{20});
  facts.last_frozen = minutes{10};
  facts.last_try_ended = minutes{20};
  const auto delay = [&](int failures) {
    facts.failures_in_a_row = failures;
    return next_checkpoint(policy, facts)->at - minutes{20};
  };
  CHECK(delay(0) == -minutes{5}); // overdue: no failure, no patience
  CHECK(delay(1) == seconds{10});
  CHECK(delay(2) == seconds{20});
  CHECK(delay(3) == seconds{40});
  CHECK(delay(5) == seconds{160});
  CHECK(delay(6) == minutes{5}); // at most the interval
  CHECK(delay(1000) == minutes{5});
  // The proof likewise, bounded also where there is no interval.
  Policy off;
  off.every.kind = Interval::Kind::off;
  facts.proven = false;
  facts.failures_in_a_row = 50;
  CHECK(next_checkpoint(off, facts) == at(minutes{50}, Trigger::proof));
}

TEST_CASE("failures never push the last checkpoint past the lead time") {
  Policy policy = every(minutes{30});
  policy.lead = seconds{60};
  RunFacts facts = proven_at(minutes{58});
  facts.time_limit = hours{1};
  facts.allocation_end = minutes{60};
  facts.failures_in_a_row = 6;
  facts.last_try_ended = minutes{58};
  CHECK(next_checkpoint(policy, facts) == at(minutes{59}, Trigger::before_walltime));
  facts.last_try_ended = minutes{59};
  CHECK(next_checkpoint(policy, facts) == at(minutes{59}, Trigger::before_walltime));
  // It failed itself: again soon, with time left for the try.
  facts.last_try_ended = minutes{59} + seconds{20};
  CHECK(next_checkpoint(policy, facts) == at(minutes{59} + seconds{30}, Trigger::before_walltime));
  facts.last_try_ended = minutes{61};
  CHECK(next_checkpoint(policy, facts) == at(minutes{61}, Trigger::before_walltime));
}
