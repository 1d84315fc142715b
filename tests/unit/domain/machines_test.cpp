#include "core/domain/machines.hpp"

#include <doctest/doctest.h>

#include <map>
#include <sstream>
#include <string>

using namespace ckpt;

namespace {

/// One line a state: its word, then for each event in turn the next state, or "-" for a refusal.
template <class State, class Event> std::string as_text() {
  std::string out;
  for (const State state : Words<State>::kAll) {
    out += std::string(word(state)) + ":";
    for (const Event event : Words<Event>::kAll) {
      const auto next = next_state(state, event);
      out += " " + (next ? std::string(word(*next)) : "-");
    }
    out += "\n";
  }
  return out;
}

template <class State, class Event> void check_repetition() {
  for (const State state : Words<State>::kAll) {
    for (const Event event : Words<Event>::kAll) {
      if (const auto next = next_state(state, event)) {
        CAPTURE(word(state));
        CAPTURE(word(event));
        CHECK(next_state(*next, event) == next);
      }
    }
  }
}

} // namespace

TEST_CASE("every pair of job state and event") {
  // attempt_started attempt_over stop_asked parked restart_asked completed failed cancelled
  CHECK(as_text<JobState, JobEventType>() ==
        "queued: running queued stopping parked queued completed failed cancelled\n"
        "running: running queued stopping parked - completed failed cancelled\n"
        "stopping: stopping stopping stopping parked - completed failed cancelled\n"
        "parked: running - parked parked queued completed failed cancelled\n"
        "completed: - - - - - completed - -\n"
        "failed: - - - - queued - failed -\n"
        "cancelled: - - - - queued - - cancelled\n");
}

TEST_CASE("every pair of attempt state and event") {
  // queued allocated program_runs checkpoint_began checkpoint_over stop_began suspended resumed
  // sight_lost ended
  CHECK(as_text<AttemptState, AttemptEventType>() ==
        "submitted: pending starting running - - stopping - - unknown ended\n"
        "pending: pending starting running - - stopping - - unknown ended\n"
        "starting: - starting running - - stopping suspended starting unknown ended\n"
        "running: - running running checkpointing running stopping suspended running unknown "
        "ended\n"
        "checkpointing: - checkpointing running checkpointing running stopping suspended "
        "checkpointing unknown ended\n"
        "stopping: - stopping stopping stopping stopping stopping stopping stopping unknown ended\n"
        "suspended: - suspended suspended suspended suspended stopping suspended running unknown "
        "ended\n"
        "unknown: pending starting running checkpointing running stopping suspended running "
        "unknown ended\n"
        "ended: - - - - - - - - - ended\n");
}

TEST_CASE("every pair of generation state and event") {
  // write_began written sealed failed pruned found_corrupt
  CHECK(as_text<GenerationState, GenerationEventType>() ==
        "requested: writing verifying sealed failed - -\n"
        "writing: writing verifying sealed failed - -\n"
        "verifying: - verifying sealed failed - -\n"
        "sealed: - - sealed - pruned corrupt\n"
        "failed: - - sealed failed pruned -\n"
        "pruned: - - - - pruned -\n"
        "corrupt: - - - - pruned corrupt\n");
}

TEST_CASE("an event that repeats itself changes nothing") {
  check_repetition<JobState, JobEventType>();
  check_repetition<AttemptState, AttemptEventType>();
  check_repetition<GenerationState, GenerationEventType>();
}

TEST_CASE("nothing but a person's restart moves a final job") {
  for (const JobState state : Words<JobState>::kAll) {
    if (!is_final(state)) {
      continue;
    }
    for (const JobEventType event : Words<JobEventType>::kAll) {
      CAPTURE(word(state));
      CAPTURE(word(event));
      const auto next = next_state(state, event);
      if (event == JobEventType::restart_asked && state != JobState::completed) {
        CHECK(next == JobState::queued);
      } else if (next) {
        CHECK(*next == state);
      }
    }
  }
}

TEST_CASE("from every unfinished job state a job can end, park and be cancelled") {
  for (const JobState state : Words<JobState>::kAll) {
    if (!is_final(state)) {
      CHECK(next_state(state, JobEventType::cancelled) == JobState::cancelled);
      CHECK(next_state(state, JobEventType::completed) == JobState::completed);
      CHECK(next_state(state, JobEventType::parked) == JobState::parked);
    }
  }
}
