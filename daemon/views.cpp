#include "daemon/views.hpp"

#include "core/domain/machines.hpp"
#include "core/domain/timing.hpp"
#include "daemon/accounting.hpp"

#include <algorithm>
#include <filesystem>

namespace ckpt::daemon {
namespace {

api::AttemptView attempt_view(const JobModel& model,
                              const AttemptRow& row,
                              const ViewContext& context,
                              const std::map<AttemptId, Duration>& lost) {
  api::AttemptView view;
  view.n = row.n;
  view.job = model.job.id;
  view.scheduler_job_id = row.scheduler_job_id;
  view.restart_count = row.restart_count;
  view.node = row.node;
  view.state = row.state;
  view.reason = row.reason;
  view.end_reason = row.end_reason;
  for (const SubmissionRow& submission : model.submissions) {
    if (submission.token == row.token) {
      view.submitted_at = submission.submitted_at.value_or(submission.intended_at);
    }
  }
  view.started_at = row.started_at;
  view.ended_at = row.ended_at;
  view.walltime_ends_at = row.walltime_ends_at;
  if (row.started_from) {
    view.started_from = GenerationRef{model.job.id, *row.started_from};
  } else if (row.started_at) {
    view.started_from = context.fork_of; // a fork's beginning
  }
  view.engine = row.engine;
  view.engine_version = row.engine_version;
  view.exit_code = row.exit_code;
  view.signal = row.signal;
  const auto found = lost.find(row.n);
  view.lost = found == lost.end() ? Duration{0} : found->second;
  return view;
}

/// The interpreter and its argument are all that can stand before it. Of a fork it is the origin's.
std::string kept_script(const std::vector<std::string>& argv) {
  constexpr std::size_t kBefore = 2;
  for (std::size_t i = 1; i < argv.size() && i <= kBefore; ++i) {
    const std::filesystem::path path(argv[i]);
    if (path.filename() == "script" && path.parent_path().parent_path().filename() == "jobs" &&
        JobId::parse(path.parent_path().filename().string())) {
      return argv[i];
    }
  }
  return {};
}

/// What waits for its runner: a submission without a claim, or a requeue of one.
std::optional<api::AttemptView> waiting_view(const JobModel& model, const ViewContext& context) {
  const SubmissionRow* open = model.open_submission();
  if (open == nullptr || is_final(model.job.state)) {
    return std::nullopt;
  }
  const AttemptRow* newest = model.newest_attempt();
  const bool claimed = newest != nullptr && newest->token == open->token;
  const int seen_count = context.allocation != nullptr ? context.allocation->restart_count : 0;
  if (claimed && (newest->live() || seen_count <= newest->restart_count)) {
    return std::nullopt;
  }
  api::AttemptView view;
  view.n = AttemptId{static_cast<std::int64_t>(model.attempts.size()) + 1};
  view.job = model.job.id;
  view.scheduler_job_id = open->scheduler_job_id.value_or(SchedulerJobId{});
  view.restart_count = seen_count;
  view.submitted_at = open->submitted_at.value_or(open->intended_at);
  view.state = AttemptState::submitted;
  if (model.attempts.empty()) {
    view.started_from = context.fork_of; // what it will start from
  }
  view.reason = context.waits_for;
  if (context.allocation != nullptr) {
    view.reason = context.allocation->reason;
    view.node = context.allocation->node;
    const bool waits = context.allocation->state == AllocationState::pending ||
                       context.allocation->state == AllocationState::held;
    view.state = waits ? AttemptState::pending : AttemptState::starting;
  }
  return view;
}

/// The newest sealed generation on the lineage of the newest attempt.
const GenerationRow* newest_good(const JobModel& model) {
  const GenerationRow* best = nullptr;
  for (const auto& [id, row] : model.generations) {
    if (row.state == GenerationState::sealed) {
      best = &row;
    }
  }
  const AttemptRow* newest = model.newest_attempt();
  while (best != nullptr && newest != nullptr && newest->started_from) {
    // Behind a rollback, what is newer than the start and was not written since is off the lineage.
    const auto behind = model.generations.find(*newest->started_from);
    if (best->attempt == newest->n || behind == model.generations.end() ||
        behind->second.state != GenerationState::sealed) {
      break;
    }
    return &behind->second;
  }
  return best;
}

/// Its attempt was ended by somebody, and what follows from that is not settled: the scheduler has
/// not told yet by whom and what for, or has told of a cancellation that is being written down.
bool ended_from_outside(const JobModel& model, const ViewContext& context) {
  const SubmissionRow* open = model.open_submission();
  const AttemptRow* newest = model.newest_attempt();
  if (model.job.state != JobState::queued || open == nullptr || newest == nullptr ||
      newest->token != open->token || newest->live() ||
      newest->end_reason != EndReason::interrupted || !newest->term_seen) {
    return false;
  }
  const Allocation* shown = context.allocation;
  return shown == nullptr || shown->state == AllocationState::cancelled ||
         (!is_over(shown->state) && shown->restart_count <= newest->restart_count);
}

/// Told to end, and nobody of us has wished it. The program may still run, for seconds.
bool being_ended(const JobModel& model) {
  const AttemptRow* newest = model.newest_attempt();
  return model.job.state == JobState::running && !model.job.wish_cancel && !model.job.wish_stop &&
         newest != nullptr && newest->live() && newest->term_seen;
}

std::string asking_why(const JobModel& model, const ViewContext& context) {
  const std::string who = model.job.scheduler == SchedulerKind::slurm ? "Slurm" : "the scheduler";
  return context.scheduler_silent ? who + ", which does not answer now, is asked why until it does"
                                  : "asking " + who + " why, which takes some seconds";
}

std::string reason_of(const JobModel& model, const ViewContext& context) {
  const JobRow& job = model.job;
  if (job.state == JobState::queued && job.hold == HoldWish::held) {
    return "held by the user" + (job.reason.empty() ? "" : "; " + job.reason);
  }
  if (job.state == JobState::queued && job.hold == HoldWish::releasing) {
    return "being released";
  }
  if (job.state == JobState::running && job.hold == HoldWish::held && job.reason.empty()) {
    return "no further attempt begins until `ckpt release " + job.id.str() + "`";
  }
  if (ended_from_outside(model, context)) {
    return "its allocation was ended from outside; " + asking_why(model, context);
  }
  if (being_ended(model)) {
    return "its allocation is being ended from outside; " + asking_why(model, context);
  }
  return job.reason.empty() && job.state == JobState::queued ? context.waits_for : job.reason;
}

void next_checkpoint_of(const JobModel& model, TimePoint now, api::JobView& view) {
  const AttemptRow* row = model.newest_attempt();
  if (row == nullptr || !row->live() || !row->started_at || row->term_seen ||
      model.job.state != JobState::running) {
    return;
  }
  RunFacts facts;
  facts.now = now - *row->started_at;
  for (const AttemptRow& earlier : model.attempts) {
    facts.total_before += earlier.n < row->n ? run_time(earlier, now) : Duration{0};
  }
  facts.run_before = work_behind(work_of(model, now), row->n);
  if (row->walltime_ends_at) {
    facts.allocation_end = *row->walltime_ends_at - *row->started_at;
    facts.time_limit = facts.allocation_end;
  }
  for (const auto& [id, generation] : model.generations) {
    if (generation.state == GenerationState::failed && generation.attempt == row->n &&
        generation.requested_at) {
      ++facts.failures_in_a_row;
      facts.last_try_ended = *generation.requested_at - *row->started_at; // at least
    }
    if (generation.state != GenerationState::sealed || !generation.sealed_at) {
      continue;
    }
    facts.proven = true;
    facts.costs.last_blocked = generation.blocked;
    const Duration took =
        *generation.sealed_at - generation.frozen_at.value_or(*generation.sealed_at);
    facts.costs.slowest_freeze_to_sealed =
        std::max(facts.costs.slowest_freeze_to_sealed.value_or(Duration{0}), took);
    if (generation.attempt == row->n) {
      facts.failures_in_a_row = 0;
      facts.last_frozen = generation.frozen_at.value_or(*generation.sealed_at) - *row->started_at;
      facts.last_try_ended = *generation.sealed_at - *row->started_at;
    }
  }
  if (const auto next = next_checkpoint(model.job.policy, facts)) {
    // What is due is being begun: nobody is told of a time that has passed.
    view.next_checkpoint_at = std::max(*row->started_at + next->at, now);
    view.next_checkpoint_trigger = next->trigger;
  }
}

} // namespace

std::vector<api::AttemptView> attempt_views(const JobModel& model, const ViewContext& context) {
  std::vector<api::AttemptView> views;
  const auto lost = lost_work(work_of(model, context.now));
  for (const AttemptRow& row : model.attempts) {
    views.push_back(attempt_view(model, row, context, lost));
  }
  if (auto waiting = waiting_view(model, context)) {
    views.push_back(*std::move(waiting));
  }
  return views;
}

api::GenerationView generation_view(const JobModel& model, const GenerationRow& row) {
  api::GenerationView view;
  view.id = row.id;
  view.job = model.job.id;
  view.state = row.state;
  view.trigger = row.trigger;
  view.reason = row.reason;
  view.attempt = row.attempt;
  view.parent = row.parent;
  view.requested_at = row.requested_at;
  view.frozen_at = row.frozen_at;
  view.sealed_at = row.sealed_at;
  view.bytes = row.bytes;
  view.stored_bytes = row.stored_bytes;
  view.blocked = row.blocked;
  view.engine = row.engine;
  view.engine_version = row.engine_version;
  view.host = row.host;
  view.pinned = row.pinned;
  view.verified_at = row.verified_at;
  return view;
}

api::JobView job_view(const JobModel& model, const ViewContext& context) {
  const JobRow& job = model.job;
  api::JobView view;
  view.id = job.id;
  view.name = job.name;
  view.array = job.array;
  view.state = job.state;
  view.reason = reason_of(model, context);
  view.scheduler = job.scheduler;
  view.engine_wish = job.engine_wish;
  view.engine = job.engine;
  view.created_at = job.created_at;
  view.ended_at = job.ended_at;
  view.exit_code = job.exit_code;
  view.signal = job.signal;
  view.tags = job.policy.tags;
  view.policy = job.policy;
  view.argv = job.argv;
  view.script_path = kept_script(job.argv);
  view.cwd = job.cwd;
  view.stdout_path = context.stdout_path;
  view.stderr_path = context.stderr_path;
  auto attempts = attempt_views(model, context);
  view.attempts_count = static_cast<int>(model.attempts.size());
  view.restarts_count = std::max(view.attempts_count - 1, 0);
  if (!attempts.empty()) {
    view.current_attempt = std::move(attempts.back());
  }
  view.generations_count = static_cast<int>(
      std::count_if(model.generations.begin(), model.generations.end(), [](const auto& entry) {
        return entry.second.state == GenerationState::sealed;
      }));
  if (const GenerationRow* best = newest_good(model)) {
    view.latest_generation = generation_view(model, *best);
  }
  next_checkpoint_of(model, context.now, view);
  view.accounting = accounting_of(model, job.ended_at.value_or(context.now));
  view.warnings = job.warnings;
  view.warnings.insert(view.warnings.end(), context.warnings.begin(), context.warnings.end());
  return view;
}

api::EventView event_view(const StoredEvent& event) {
  return {event.seq,
          event.row.at,
          event.row.type,
          event.job,
          event.row.attempt,
          event.row.generation,
          event.row.message,
          event.row.by};
}

} // namespace ckpt::daemon
