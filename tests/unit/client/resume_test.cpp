#include "client/resume.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::client;

TEST_CASE("what --resume makes of a job, by its state") {
  const auto with = [](JobState state, bool generation = false) {
    api::JobView job;
    job.state = state;
    if (generation) {
      job.latest_generation.emplace();
    }
    return resumption_of(job);
  };
  CHECK(resumption_of(std::nullopt) == Resumption::submit);
  for (const JobState state : {JobState::queued, JobState::running, JobState::stopping}) {
    CHECK(with(state) == Resumption::goes_on);
  }
  CHECK(with(JobState::parked) == Resumption::restart);
  CHECK(with(JobState::completed, true) == Resumption::done);
  CHECK(with(JobState::failed, true) == Resumption::restart);
  CHECK(with(JobState::failed) == Resumption::submit); // nothing to go on from
  CHECK(with(JobState::cancelled, true) == Resumption::cancelled);
}
