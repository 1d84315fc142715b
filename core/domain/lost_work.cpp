#include "core/domain/lost_work.hpp"

#include "core/domain/lineage.hpp"

#include <algorithm>

// Invariants: the way back goes to earlier attempts only, so that it ends; an attempt is on it at
// most once, so that nothing is told twice; 0 <= lost <= run time of the attempt.

namespace ckpt {
namespace {

const WorkAttempt* attempt_of(const Work& work, AttemptId id) {
  const auto found = std::find_if(work.attempts.begin(),
                                  work.attempts.end(),
                                  [&](const WorkAttempt& one) { return one.id == id; });
  return found == work.attempts.end() ? nullptr : &*found;
}

/// Or the newest older one: a rebuilt registry does not know of those whose files are gone.
const WorkGeneration* generation_of(const Work& work, GenerationId id) {
  const WorkGeneration* best = nullptr;
  for (const WorkGeneration& one : work.generations) {
    if (one.id <= id && (best == nullptr || best->id < one.id)) {
      best = &one;
    }
  }
  return best;
}

/// What the next attempt will start from.
std::optional<GenerationId> next_start(const Work& work) {
  std::vector<LineageGeneration> good;
  for (const WorkGeneration& one : work.generations) {
    if (one.good) {
      const WorkAttempt* writer = attempt_of(work, one.attempt);
      good.push_back({one.id, one.attempt, writer ? writer->started_from : std::nullopt});
    }
  }
  std::vector<LineageAttempt> ran;
  for (const WorkAttempt& one : work.attempts) {
    ran.push_back({one.id, true, one.started_from});
  }
  const std::vector<GenerationId> order = start_order(good, ran, work.chosen);
  return order.empty() ? std::nullopt : std::optional(order.front());
}

/// The way back from a generation to the job's beginning, over attempts older than `before`: of
/// each attempt on it, up to when its run counts.
std::map<AttemptId, TimePoint>
way_back(const Work& work, std::optional<GenerationId> from, std::optional<AttemptId> before) {
  std::map<AttemptId, TimePoint> counts_until;
  while (from) {
    const WorkGeneration* generation = generation_of(work, *from);
    const WorkAttempt* writer = generation ? attempt_of(work, generation->attempt) : nullptr;
    if (writer == nullptr || (before && writer->id >= *before)) {
      break;
    }
    counts_until[writer->id] = std::clamp(
        generation->frozen_at, writer->started_at, std::max(writer->started_at, writer->ended_at));
    from = writer->started_from;
    before = writer->id;
  }
  return counts_until;
}

} // namespace

std::map<AttemptId, Duration> lost_work(const Work& work) {
  std::map<AttemptId, Duration> lost;
  if (work.attempts.empty()) {
    return lost;
  }
  const WorkAttempt& newest = work.attempts.back();
  std::map<AttemptId, TimePoint> counts_until;
  if (!newest.counts || work.chosen) {
    counts_until = way_back(work, next_start(work), std::nullopt);
  } else {
    counts_until = way_back(work, newest.started_from, newest.id);
    counts_until[newest.id] = newest.ended_at;
  }
  for (const WorkAttempt& one : work.attempts) {
    const auto until = counts_until.find(one.id);
    const TimePoint from = until == counts_until.end() ? one.started_at : until->second;
    lost[one.id] = std::max(one.ended_at - from, Duration{0});
  }
  return lost;
}

Duration work_behind(const Work& work, AttemptId attempt) {
  const WorkAttempt* one = attempt_of(work, attempt);
  Duration total{0};
  if (one != nullptr) {
    for (const auto& [id, until] : way_back(work, one->started_from, attempt)) {
      total += until - attempt_of(work, id)->started_at;
    }
  }
  return total;
}

} // namespace ckpt
