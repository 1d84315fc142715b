#include "daemon/accounting.hpp"

#include "core/domain/machines.hpp"

#include <algorithm>

namespace ckpt::daemon {
namespace {

/// Nothing goes on after it. What a person restarted goes on after all.
bool counts(const JobRow& job, const AttemptRow& row) {
  const bool result = row.end_reason == EndReason::completed || row.end_reason == EndReason::failed;
  return row.live() || (result && row.n.value > job.attempt_floor);
}

/// Of what was sealed. One that was pruned since has done its work; a corrupt one is good for
/// nothing.
std::optional<WorkGeneration> sealed_work(const GenerationRow& row) {
  if (!row.attempt || !row.sealed_at || row.state == GenerationState::failed) {
    return std::nullopt;
  }
  return WorkGeneration{row.id,
                        *row.attempt,
                        row.frozen_at.value_or(*row.sealed_at),
                        row.state != GenerationState::corrupt};
}

} // namespace

Work work_of(const JobModel& model, TimePoint now) {
  Work work;
  for (const AttemptRow& row : model.attempts) {
    if (row.started_at) {
      work.attempts.push_back({row.n,
                               *row.started_at,
                               row.ended_at.value_or(now),
                               row.started_from,
                               counts(model.job, row)});
    }
  }
  for (const auto& [id, row] : model.generations) {
    if (const auto sealed = sealed_work(row)) {
      work.generations.push_back(*sealed);
    }
  }
  work.chosen = model.chosen_start();
  return work;
}

api::AccountingView accounting_of(const JobModel& model, TimePoint now) {
  api::AccountingView total;
  for (const auto& [attempt, lost] : lost_work(work_of(model, now))) {
    total.lost += lost;
  }
  for (const AttemptRow& row : model.attempts) {
    total.checkpoint += row.blocked;
    if (row.started_at) {
      total.run += row.ended_at.value_or(now) - *row.started_at;
    }
  }
  for (const SubmissionRow& submission : model.submissions) {
    TimePoint from = submission.intended_at;
    for (const AttemptRow& row : model.attempts) {
      if (row.token == submission.token) {
        total.queue += std::max(row.claimed_at - from, Duration{0});
        from = row.ended_at.value_or(now);
      }
    }
    if (submission.open() && (model.attempts.empty() || !model.attempts.back().live())) {
      total.queue += std::max(now - from, Duration{0});
    }
  }
  return total;
}

Duration saved_of(const JobModel& model, TimePoint now) {
  const Work work = work_of(model, now);
  Duration total{0};
  for (const WorkAttempt& one : work.attempts) {
    total += work_behind(work, one.id);
  }
  return total;
}

} // namespace ckpt::daemon
