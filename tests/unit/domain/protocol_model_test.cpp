#include <doctest/doctest.h>

#include "protocol_explorer.hpp"

using namespace ckpt::protocol::model;

namespace {

Faults quiet() {
  Faults faults;
  faults.crashes = faults.delays = faults.ends = faults.checkpoints = 0;
  return faults;
}

Faults with(std::uint8_t crashes,
            std::uint8_t delays,
            std::uint8_t splits,
            std::uint8_t runners,
            std::uint8_t tokens = 2) {
  Faults faults = quiet();
  faults.crashes = crashes;
  faults.delays = delays;
  faults.splits = splits;
  faults.runners = runners;
  faults.tokens = tokens;
  return faults;
}

/// Everything at once, for long walks.
Faults storm(std::uint8_t cancels) {
  return {.crashes = 2,
          .delays = 3,
          .repeats = 1,
          .splits = 1,
          .ends = 2,
          .cancels = cancels,
          .checkpoints = 2,
          .runners = 5,
          .tokens = 3,
          .daemons = 2};
}

struct Scene {
  Opening opening;
  Faults faults;
};

Findings search(Mutation mutation, const Scene& scene, std::size_t states, std::size_t walks) {
  const Model model(mutation);
  const World world = open_world(model, scene.faults, scene.opening);
  Findings found = explore_all(model, world, states);
  if (found.broken.empty() && walks > 0) {
    const Findings walked = walk_randomly(model, world, walks, 1);
    found.states += walked.states;
    found.settled += walked.settled;
    found.exhausted += walked.exhausted;
    found.broken = walked.broken;
  }
  return found;
}

} // namespace

TEST_CASE("whatever is lost, late, repeated or dies, the protocol keeps its promises") {
  Faults ends = with(1, 1, 0, 3);
  ends.ends = ends.checkpoints = 1;
  Faults cancels = with(1, 1, 0, 3);
  cancels.cancels = cancels.repeats = 1;
  cancels.daemons = 2;
  Faults sealing = with(1, 1, 1, 3);
  sealing.checkpoints = 1;
  const Scene scenes[] = {
      {Opening::nothing, with(0, 1, 0, 2)},
      {Opening::nothing, cancels},
      {Opening::running, ends},
      {Opening::running, with(0, 2, 1, 2)},
      {Opening::split, with(1, 1, 1, 4)},
      {Opening::sealing, sealing},
      {Opening::finishing, with(1, 2, 1, 3)},
      {Opening::thawing, with(0, 2, 1, 3)},
      {Opening::answering, with(1, 2, 2, 4)},
  };
  std::size_t states = 0;
  std::size_t settled = 0;
  for (const Scene& scene : scenes) {
    CAPTURE(static_cast<int>(scene.opening));
    const Findings found = search(Mutation::none, scene, 25'000, 300);
    CHECK(found.broken == "");
    CHECK(found.exhausted == 0);
    states += found.states;
    settled += found.settled;
  }
  CHECK(states > 200'000);
  CHECK(settled > 1'000); // the job does reach its end
}

TEST_CASE("the protocol keeps its promises in long random walks") {
  for (const std::uint8_t cancels : {0, 1}) {
    for (const unsigned seed : {1U, 2U}) {
      const Model model;
      const auto found =
          walk_randomly(model, open_world(model, storm(cancels), Opening::nothing), 1'200, seed);
      CHECK(found.broken == "");
      CHECK(found.exhausted * 100 < found.states);
      CHECK(found.settled > 100);
    }
  }
}

TEST_CASE("every rule is needed: without it the explorer finds what goes wrong") {
  Faults sealing = with(1, 1, 1, 3, 1);
  sealing.checkpoints = 1;
  Faults cancel = with(0, 0, 0, 2);
  cancel.cancels = 1;
  Faults late_cancel = with(0, 1, 0, 2);
  late_cancel.cancels = 1;
  Faults two_daemons = cancel;
  two_daemons.daemons = 2;
  Faults crash = with(1, 0, 0, 3);
  crash.checkpoints = 2;
  Faults twins = with(1, 1, 0, 3);
  twins.repeats = 1;
  const struct {
    Mutation mutation;
    Scene scene;
    const char* expected;
  } cases[] = {
      {Mutation::claims_ignored, {Opening::split, with(0, 0, 1, 2)}, "two programs"},
      {Mutation::newest_lease_only, {Opening::split, with(1, 0, 1, 4, 1)}, "two programs"},
      {Mutation::lease_not_waited_for, {Opening::split, with(0, 0, 1, 2)}, "two programs"},
      {Mutation::never_frozen, {Opening::split, with(0, 0, 1, 2)}, "two programs"},
      {Mutation::thawed_without_look, {Opening::split, with(0, 1, 1, 2)}, "two programs"},
      {Mutation::looked_before_renewal, {Opening::thawing, with(0, 1, 1, 2)}, "two programs"},
      {Mutation::renewal_counts_from_end, {Opening::split, with(0, 1, 1, 2)}, "two programs"},
      {Mutation::started_on_stale_lease, {Opening::answering, with(0, 1, 2, 3)}, "two programs"},
      {Mutation::started_without_mark, {Opening::finishing, with(0, 2, 1, 2)}, "completed job"},
      {Mutation::mark_not_exclusive, {Opening::finishing, with(1, 2, 1, 3)}, "completed job"},
      {Mutation::revoked_only_at_claim, {Opening::nothing, cancel}, "cancelled job"},
      {Mutation::cancellation_not_stored, {Opening::nothing, late_cancel}, "cancelled job"},
      {Mutation::job_not_closed, {Opening::nothing, two_daemons}, "cancelled job"},
      {Mutation::resubmitted_without_wait, {Opening::running, with(0, 0, 1, 2)}, "successor"},
      {Mutation::cancel_is_a_failure, {Opening::running, cancel}, "cancelled job"},
      {Mutation::own_cancel_not_noted, {Opening::nothing, twins}, "no person cancelled"},
      {Mutation::results_ignored, {Opening::finishing, with(0, 1, 1, 2)}, "completed job"},
      {Mutation::newest_by_number, {Opening::sealing, sealing}, "abandoned branch"},
      {Mutation::number_by_count, {Opening::running, crash}, "used twice"},
      {Mutation::no_succession, {Opening::running, with(1, 0, 0, 2)}, "stuck"},
  };
  for (const auto& c : cases) {
    CAPTURE(static_cast<int>(c.mutation));
    const Findings found = search(c.mutation, c.scene, 60'000, 8'000);
    CAPTURE(found.broken);
    CAPTURE(found.states);
    CHECK_FALSE(found.broken.empty());
    CHECK(found.broken.find(c.expected) != std::string::npos);
  }
}
