#include "core/domain/machines.hpp"

#include <array>
#include <cstddef>

// One row a state, one column an event, in the order of the enumerations; kNo refuses. Whatever an
// event leads to accepts the same event again without a change (a test walks every pair).

namespace ckpt {
namespace {

template <class State, class Event>
using Table = std::array<std::array<std::optional<State>, Words<Event>::kAll.size()>,
                         Words<State>::kAll.size()>;

constexpr std::nullopt_t kNo = std::nullopt;

constexpr Table<JobState, JobEventType> job_table() {
  using enum JobState;
  // A parked job can be found running: somebody released the hold that had parked it. A stop holds
  // until it is parked, whatever its attempts do. What a person cancelled only a person restarts.
  // attempt_started, attempt_over, stop_asked, parked, restart_asked, completed, failed, cancelled
  return {{
      /* queued    */ {{running, queued, stopping, parked, queued, completed, failed, cancelled}},
      /* running   */ {{running, queued, stopping, parked, kNo, completed, failed, cancelled}},
      /* stopping  */ {{stopping, stopping, stopping, parked, kNo, completed, failed, cancelled}},
      /* parked    */ {{running, kNo, parked, parked, queued, completed, failed, cancelled}},
      /* completed */ {{kNo, kNo, kNo, kNo, kNo, completed, kNo, kNo}},
      /* failed    */ {{kNo, kNo, kNo, kNo, queued, kNo, failed, kNo}},
      /* cancelled */ {{kNo, kNo, kNo, kNo, queued, kNo, kNo, cancelled}},
  }};
}

constexpr Table<AttemptState, AttemptEventType> attempt_table() {
  using enum AttemptState;
  constexpr AttemptState ckpt = checkpointing;
  // Scheduler and journal report at their own pace: what one says late of a stage that the other
  // has shown to be over changes nothing. `unknown` is left by whatever is seen next.
  // queued, allocated, program_runs, checkpoint_began, checkpoint_over,
  //     stop_began, suspended, resumed, sight_lost, ended
  return {{
      /* submitted */
      {{pending, starting, running, kNo, kNo, stopping, kNo, kNo, unknown, ended}},
      /* pending */
      {{pending, starting, running, kNo, kNo, stopping, kNo, kNo, unknown, ended}},
      /* starting */
      {{kNo, starting, running, kNo, kNo, stopping, suspended, starting, unknown, ended}},
      /* running */
      {{kNo, running, running, ckpt, running, stopping, suspended, running, unknown, ended}},
      /* checkpointing */
      {{kNo, ckpt, running, ckpt, running, stopping, suspended, ckpt, unknown, ended}},
      /* stopping */
      {{kNo, stopping, stopping, stopping, stopping, stopping, stopping, stopping, unknown, ended}},
      /* suspended */
      {{kNo,
        suspended,
        suspended,
        suspended,
        suspended,
        stopping,
        suspended,
        running,
        unknown,
        ended}},
      /* unknown */
      {{pending, starting, running, ckpt, running, stopping, suspended, running, unknown, ended}},
      /* ended */
      {{kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, ended}},
  }};
}

constexpr Table<GenerationState, GenerationEventType> generation_table() {
  using enum GenerationState;
  // A manifest that is there wins, so `sealed` is reached from wherever we thought it was: also
  // from `failed`, when the next attempt seals a complete set that a killed runner left behind.
  // write_began, written, sealed, failed, pruned, found_corrupt
  return {{
      /* requested */ {{writing, verifying, sealed, failed, kNo, kNo}},
      /* writing   */ {{writing, verifying, sealed, failed, kNo, kNo}},
      /* verifying */ {{kNo, verifying, sealed, failed, kNo, kNo}},
      /* sealed    */ {{kNo, kNo, sealed, kNo, pruned, corrupt}},
      /* failed    */ {{kNo, kNo, sealed, failed, pruned, kNo}},
      /* pruned    */ {{kNo, kNo, kNo, kNo, pruned, kNo}},
      /* corrupt   */ {{kNo, kNo, kNo, kNo, pruned, corrupt}},
  }};
}

template <class State, class Event>
std::optional<State> look_up(const Table<State, Event>& table, State state, Event event) {
  return table.at(static_cast<std::size_t>(state)).at(static_cast<std::size_t>(event));
}

constexpr auto kJobTable = job_table();
constexpr auto kAttemptTable = attempt_table();
constexpr auto kGenerationTable = generation_table();

} // namespace

std::optional<JobState> next_state(JobState state, JobEventType event) {
  return look_up(kJobTable, state, event);
}

std::optional<AttemptState> next_state(AttemptState state, AttemptEventType event) {
  return look_up(kAttemptTable, state, event);
}

std::optional<GenerationState> next_state(GenerationState state, GenerationEventType event) {
  return look_up(kGenerationTable, state, event);
}

bool is_final(JobState state) {
  return state == JobState::completed || state == JobState::failed || state == JobState::cancelled;
}

} // namespace ckpt
