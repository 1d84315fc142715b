#include "runner/start_point.hpp"

#include "core/domain/lineage.hpp"
#include "core/domain/protocol.hpp"
#include "core/domain/retry.hpp"
#include "core/store/fate.hpp"
#include "core/store/journal.hpp"

#include <algorithm>

namespace ckpt::runner {
namespace {

constexpr int kQuickFailures = 3;
constexpr Duration kQuick = minutes{15};

} // namespace

std::vector<GenerationId> start_order(const std::vector<Manifest>& sealed,
                                      const std::vector<EarlierAttempt>& attempts,
                                      std::optional<GenerationId> chosen) {
  std::vector<LineageGeneration> generations;
  for (const Manifest& manifest : sealed) {
    generations.push_back({manifest.id, manifest.attempt, manifest.parent});
  }
  std::vector<LineageAttempt> marked;
  for (const EarlierAttempt& attempt : attempts) {
    marked.push_back({attempt.id, attempt.program_ran, attempt.started_from});
  }
  return ckpt::start_order(generations, marked, chosen);
}

int broke_in_a_row(const std::vector<EarlierAttempt>& attempts, std::int64_t floor) {
  int quick = 0;
  for (auto attempt = attempts.rbegin(); attempt != attempts.rend() && attempt->id.value > floor;
       ++attempt) {
    const bool broke = attempt->end_reason == EndReason::interrupted ||
                       attempt->end_reason == EndReason::restart_failed ||
                       attempt->end_reason == EndReason::launch_failed;
    if (attempt->id.value <= floor || !broke || attempt->sealed_any ||
        attempt->program_time > kQuick) {
      break;
    }
    ++quick;
  }
  return quick;
}

std::optional<std::string> loop_guard(const std::vector<EarlierAttempt>& attempts,
                                      std::int64_t floor) {
  const int quick = broke_in_a_row(attempts, floor);
  if (quick < kQuickFailures) {
    return std::nullopt;
  }
  return "the last " + std::to_string(quick) +
         " attempts broke within a quarter of an hour, without a new generation; the newest: " +
         std::string(word(*attempts.back().end_reason)) +
         (attempts.back().end_detail.empty() ? "" : " (" + attempts.back().end_detail + ")");
}

std::optional<TimePoint> next_try(const std::vector<EarlierAttempt>& attempts,
                                  std::int64_t floor,
                                  Duration first,
                                  TimePoint now) {
  const Duration delay = restart_delay(broke_in_a_row(attempts, floor), first);
  if (delay <= Duration{0}) {
    return std::nullopt;
  }
  const TimePoint at = std::min(attempts.back().last_event_at.value_or(now), now) + delay;
  return at > now ? std::optional(at) : std::nullopt;
}

Duration total_run(const std::vector<EarlierAttempt>& attempts) {
  Duration total{0};
  for (const EarlierAttempt& attempt : attempts) {
    total += std::max(attempt.program_time, Duration{0});
  }
  return total;
}

std::optional<EarlierAttempt> finished_attempt(const std::vector<EarlierAttempt>& attempts,
                                               std::int64_t floor) {
  std::vector<EarlierAttempt> counted;
  std::vector<protocol::AttemptRecord> records;
  for (const EarlierAttempt& attempt : attempts) {
    if (attempt.id.value > floor) {
      counted.push_back(attempt);
      records.push_back(
          {attempt.program_ran, false, attempt.result.has_value(), attempt.started_from});
    }
  }
  const auto found = protocol::attempt_with_result(records);
  return found ? std::optional(counted[*found]) : std::nullopt;
}

Result<std::vector<Manifest>> good_generations(const store::Generations& generations) {
  const auto all = generations.list();
  if (!all) {
    return tl::unexpected<Error>(all.error());
  }
  std::vector<Manifest> good;
  for (const store::GenerationOnDisk& generation : *all) {
    if (generation.manifest && generation.tombstone.empty() && generation.corruption.empty()) {
      good.push_back(*generation.manifest);
    }
  }
  return good;
}

std::vector<Warning> warnings_of_earlier(const std::vector<EarlierAttempt>& attempts) {
  std::vector<Warning> standing;
  for (const EarlierAttempt& attempt : attempts) {
    for (const Warning& told : attempt.warnings) {
      std::erase_if(standing, [&](const Warning& other) { return other.code == told.code; });
      if (is_hazard_code(told.code) && !told.text.empty()) {
        standing.push_back(told);
      }
    }
  }
  return standing;
}

Result<std::vector<EarlierAttempt>> read_earlier_attempts(const store::JobFolder& folder,
                                                          AttemptId before) {
  std::vector<EarlierAttempt> attempts;
  for (std::int64_t number = 1; number < before.value; ++number) {
    EarlierAttempt attempt;
    attempt.id = AttemptId{number};
    const auto batch = store::read_attempt_events(folder.attempt(attempt.id).journal());
    const auto fate = store::read_fate(folder, attempt.id);
    if (!batch && is_storage_trouble(batch.error())) {
      return tl::unexpected<Error>(batch.error());
    }
    if (!fate && is_storage_trouble(fate.error())) {
      return tl::unexpected<Error>(fate.error());
    }
    std::optional<TimePoint> started_at;
    bool marked = false;
    for (const store::AttemptEvent& event :
         batch ? batch->events : std::vector<store::AttemptEvent>{}) {
      using Kind = store::AttemptEventKind;
      if (event.kind == Kind::starting) {
        marked = true;
        attempt.started_from = event.generation;
      } else if (event.kind == Kind::warning || event.kind == Kind::warning_gone) {
        attempt.warnings.push_back({event.code, event.reason, event.advice});
      } else if (event.kind == Kind::program_started || event.kind == Kind::program_restarted) {
        started_at = event.at;
      } else if (event.kind == Kind::ended) {
        attempt.ended = true;
        attempt.end_reason = event.end_reason;
        attempt.end_detail = event.reason;
        if (event.end_reason == EndReason::completed || event.end_reason == EndReason::failed) {
          attempt.result = ExitStatus{event.exit_code, event.signal};
        }
      }
      attempt.sealed_any = attempt.sealed_any || event.kind == Kind::checkpoint_sealed;
      attempt.last_event_at = event.at;
      attempt.program_time = started_at ? event.at - *started_at : Duration{0};
    }
    // The journal of a result's writer may end before it: the fate was there first. Another fate
    // than a result leaves none.
    if (fate && *fate) {
      const bool result = (*fate)->kind == store::FateKind::result;
      attempt.result =
          result ? std::optional(ExitStatus{(*fate)->exit_code, (*fate)->signal}) : std::nullopt;
      if (result) {
        attempt.ended = true;
        attempt.end_reason = store::end_by_fate(**fate).end_reason;
      }
    }
    attempt.program_ran = marked && !(attempt.ended && !started_at);
    attempts.push_back(attempt);
  }
  return attempts;
}

} // namespace ckpt::runner
