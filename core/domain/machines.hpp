#pragma once

#include "core/domain/words.hpp"

#include <optional>
#include <string_view>

// The state machines as tables: every (state, event) pair is decided, either a next state or a
// refusal. State changes through these alone. An event that repeats itself (we are where it leads)
// is accepted and changes nothing: actions are repeated after crashes.

namespace ckpt {

enum class JobEventType {
  attempt_started, ///< a program of it runs
  attempt_over,    ///< its attempt ended and it goes on in a next one
  stop_asked,
  parked,
  restart_asked,
  completed,
  failed,
  cancelled,
};
CKPT_WORDS(JobEventType,
           attempt_started,
           attempt_over,
           stop_asked,
           parked,
           restart_asked,
           completed,
           failed,
           cancelled);

enum class AttemptEventType {
  queued, ///< the scheduler has it
  allocated,
  program_runs,
  checkpoint_began,
  checkpoint_over,
  stop_began,
  suspended,
  resumed,
  sight_lost, ///< the scheduler says nothing, or something we cannot read
  ended,
};
CKPT_WORDS(AttemptEventType,
           queued,
           allocated,
           program_runs,
           checkpoint_began,
           checkpoint_over,
           stop_began,
           suspended,
           resumed,
           sight_lost,
           ended);

enum class GenerationEventType { write_began, written, sealed, failed, pruned, found_corrupt };
CKPT_WORDS(GenerationEventType, write_began, written, sealed, failed, pruned, found_corrupt);

/// The next state, or nothing if the state does not allow the event.
std::optional<JobState> next_state(JobState state, JobEventType event);
std::optional<AttemptState> next_state(AttemptState state, AttemptEventType event);
std::optional<GenerationState> next_state(GenerationState state, GenerationEventType event);

/// completed, failed, cancelled. (`failed` and `cancelled` jobs can be restarted by a person;
/// nothing else moves them.)
bool is_final(JobState state);

} // namespace ckpt
