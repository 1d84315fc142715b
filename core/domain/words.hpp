#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

// The words of the project. Enumerators are spelled as API, files and people spell them, so that
// one table a type is enough; a word that is not known gives nullopt and never some other value.

namespace ckpt {

enum class JobState { queued, running, stopping, parked, completed, failed, cancelled };

enum class AttemptState {
  submitted, ///< handed to the scheduler, or about to be
  pending,
  starting, ///< allocated; no program yet
  running,
  checkpointing,
  stopping,
  suspended,
  unknown, ///< the scheduler says something we cannot read, or nothing
  ended,
};

enum class EndReason {
  completed,
  failed,
  walltime,
  preempted,
  requeued, ///< by a person or by Slurm, from outside
  node_fail,
  out_of_memory,
  cancelled,
  stopped, ///< checkpointed and ended because the user asked for it
  launch_failed,
  restart_failed,
  interrupted, ///< the program died after TERM was seen: not its own result
  fenced,      ///< it lost its lease or claim to a newer attempt
  lost,        ///< nobody knows it any more and its lease ran out
  unknown,
};

enum class GenerationState { requested, writing, verifying, sealed, failed, pruned, corrupt };

enum class Trigger {
  proof,
  interval,
  before_walltime,
  preemption,
  drain,
  manual,
  stop,
  program,
  signal
};

enum class EngineKind { dmtcp, mana, criu, app };
enum class SchedulerKind { slurm, local };

/// Lists every enumerator with its word; specialised below for each enum.
template <class Enum> struct Words;

#define CKPT_WORDS(Enum, ...)                                                                      \
  template <> struct Words<Enum> {                                                                 \
    using enum Enum;                                                                               \
    static constexpr std::array kAll{__VA_ARGS__};                                                 \
    static constexpr std::string_view kNames = #__VA_ARGS__;                                       \
  }

CKPT_WORDS(JobState, queued, running, stopping, parked, completed, failed, cancelled);
CKPT_WORDS(AttemptState,
           submitted,
           pending,
           starting,
           running,
           checkpointing,
           stopping,
           suspended,
           unknown,
           ended);
CKPT_WORDS(EndReason,
           completed,
           failed,
           walltime,
           preempted,
           requeued,
           node_fail,
           out_of_memory,
           cancelled,
           stopped,
           launch_failed,
           restart_failed,
           interrupted,
           fenced,
           lost,
           unknown);
CKPT_WORDS(GenerationState, requested, writing, verifying, sealed, failed, pruned, corrupt);
CKPT_WORDS(
    Trigger, proof, interval, before_walltime, preemption, drain, manual, stop, program, signal);
CKPT_WORDS(EngineKind, dmtcp, mana, criu, app);
CKPT_WORDS(SchedulerKind, slurm, local);

/// The word of an enumerator ("before_walltime"). Enums used with it have consecutive values from
/// 0.
template <class Enum> constexpr std::string_view word(Enum value) {
  std::string_view rest = Words<Enum>::kNames;
  for (const Enum candidate : Words<Enum>::kAll) {
    const std::size_t comma = rest.find(',');
    if (candidate == value) {
      return rest.substr(0, comma);
    }
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\n')) {
      rest.remove_prefix(1);
    }
  }
  return "?";
}

/// The enumerator of a word, or nothing.
template <class Enum> constexpr std::optional<Enum> from_word(std::string_view text) {
  for (const Enum candidate : Words<Enum>::kAll) {
    if (word(candidate) == text) {
      return candidate;
    }
  }
  return std::nullopt;
}

static_assert(word(Trigger::before_walltime) == "before_walltime");
static_assert(from_word<JobState>("parked") == JobState::parked);
static_assert(!from_word<JobState>("nonsense"));

} // namespace ckpt
