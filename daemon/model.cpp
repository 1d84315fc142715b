#include "daemon/model.hpp"

#include "core/domain/machines.hpp"
#include "daemon/event_text.hpp"

#include <algorithm>
#include <utility>

// Invariants: job.state moves by the table of the state machine alone; a submission that is not
// open is never opened again; job.jsonl alone makes a job final or parked.

namespace ckpt::daemon {
namespace {

using store::JobEventKind;

void move(JobModel& model, JobEventType event) {
  if (const auto next = next_state(model.job.state, event)) {
    model.job.state = *next;
  }
}

void set_submission(JobModel& model,
                    const SubmissionToken& token,
                    SubmissionState state,
                    Change& change) {
  for (SubmissionRow& row : model.submissions) {
    if (row.token == token) {
      row.state = state;
      change.submissions.insert(token.value);
    }
  }
}

void close_open_submission(JobModel& model, SubmissionState state, Change& change) {
  if (const SubmissionRow* open = model.open_submission()) {
    set_submission(model, open->token, state, change);
  }
}

/// While it ended Slurm did not say why: the runner could only note that it was interrupted.
void tell_cancelled(JobModel& model, Change& change) {
  if (model.attempts.empty()) {
    return;
  }
  AttemptRow& row = model.attempts.back();
  if (!row.live() && row.term_seen && row.end_reason == EndReason::interrupted) {
    row.end_reason = EndReason::cancelled;
    row.reason = model.job.reason;
    change.attempts.insert(row.n);
  }
}

void end_job(JobModel& model, JobEventType type, const store::JobEvent& event, Change& change) {
  if (!next_state(model.job.state, type)) {
    return;
  }
  move(model, type);
  model.job.reason = event.reason;
  model.job.ended_at = event.at;
  model.job.exit_code = event.exit_code;
  model.job.signal = event.signal;
  model.job.wish_stop = false;
  model.job.wish_cancel = false;
  close_open_submission(model, SubmissionState::over, change);
}

void park(JobModel& model, const store::JobEvent& event, Change& change) {
  move(model, JobEventType::parked);
  model.job.reason = event.reason;
  model.job.wish_stop = false;
  if (!event.token) { // with a token: held outside, and theirs to release
    close_open_submission(model, SubmissionState::over, change);
  }
}

void restart(JobModel& model, const store::JobEvent& event, Change& change) {
  move(model, JobEventType::restart_asked);
  close_open_submission(model, SubmissionState::revoked, change);
  JobRow& job = model.job;
  job.reason = event.reason;
  job.ended_at.reset();
  job.exit_code.reset();
  job.signal.reset();
  job.wish_stop = job.wish_cancel = false;
  job.hold = HoldWish::none;
  job.wish_reason.clear();
  job.start_from = event.generation;
  job.attempt_floor = model.attempts.empty() ? 0 : model.attempts.back().n.value;
}

void release(JobModel& model, const store::JobEvent& event) {
  model.job.hold = event.by == "user" && model.open_submission() != nullptr ? HoldWish::releasing
                                                                            : HoldWish::none;
  if (event.by == "scheduler") { // a hold from outside that parked it is gone
    move(model, JobEventType::restart_asked);
    model.job.reason = event.reason;
    const AttemptRow* newest = model.newest_attempt();
    if (newest != nullptr && newest->live() && newest->started_at) { // it has begun meanwhile
      move(model, JobEventType::attempt_started);
      model.job.reason.clear();
    }
  } // a person's hold is no reason of the row: see job_view
}

/// "node_fail: allocation 12 is over…": the reconciler puts the word first.
EndReason lost_reason(const std::string& reason) {
  return from_word<EndReason>(reason.substr(0, reason.find(':'))).value_or(EndReason::lost);
}

void lose_attempt(JobModel& model, const store::JobEvent& event, Change& change) {
  AttemptRow* row = event.attempt ? model.attempt(*event.attempt) : nullptr;
  if (row == nullptr || !row->live()) {
    return;
  }
  row->state = AttemptState::ended;
  row->end_reason = lost_reason(event.reason);
  row->reason = event.reason;
  row->ended_at = event.at;
  row->marked_lost = true;
  fail_open_generations(model, row->n, change);
  change.attempts.insert(row->n);
  move(model, JobEventType::attempt_over);
  model.job.reason = event.reason;
}

/// In a replay the row may come later: what a person wished is not lost over that.
GenerationRow* generation_of(JobModel& model, const store::JobEvent& event, Change& change) {
  if (!event.generation) {
    return nullptr;
  }
  GenerationRow& row = model.generations[*event.generation];
  row.id = *event.generation;
  change.generations.insert(row.id);
  return &row;
}

void pin(JobModel& model, const store::JobEvent& event, bool pinned, Change& change) {
  if (GenerationRow* row = generation_of(model, event, change)) {
    row->pinned = pinned;
  }
}

void prune(JobModel& model, const store::JobEvent& event, Change& change) {
  if (GenerationRow* row = generation_of(model, event, change)) {
    row->state = GenerationState::pruned;
    row->reason = event.reason;
  }
}

/// Nobody was told, and nobody will be: whoever looks at the job shall see it.
void warn_of_silence(JobModel& model, const store::JobEvent& event) {
  const std::string code = "notification_failed";
  std::erase_if(model.job.warnings, [&](const auto& known) { return known.code == code; });
  model.job.warnings.push_back(
      {code,
       "nobody could be told of a change of it" + (event.reason.empty() ? "" : ": " + event.reason),
       "look at notify.mail_command and notify.command in the "
       "configuration",
       event.at});
}

std::string type_of(JobEventKind kind) {
  switch (kind) {
  case JobEventKind::submit_intent:
    return "submission_intended";
  case JobEventKind::submitted:
    return "submission_accepted";
  case JobEventKind::submit_failed:
    return "submission_refused";
  case JobEventKind::token_revoked:
    return "submission_closed";
  case JobEventKind::pinned:
  case JobEventKind::unpinned:
    return "generation_" + std::string(word(kind));
  case JobEventKind::attempt_lost:
    return "attempt_lost";
  case JobEventKind::pruned:
    return "generation_pruned";
  case JobEventKind::notified:
  case JobEventKind::notify_failed:
    return std::string(word(kind));
  case JobEventKind::created:
  case JobEventKind::stop_requested:
  case JobEventKind::parked:
  case JobEventKind::restart_requested:
  case JobEventKind::cancel_requested:
  case JobEventKind::cancelled:
  case JobEventKind::completed:
  case JobEventKind::failed:
  case JobEventKind::held:
  case JobEventKind::released:
  case JobEventKind::policy_changed:
  case JobEventKind::tagged:
  case JobEventKind::began:
    break;
  }
  return "job_" + std::string(word(kind));
}

void note_idempotency(const JobModel& model, const store::JobEvent& event, Change& change) {
  if (event.idempotency_key.empty()) {
    return;
  }
  std::string call;
  if (event.kind == JobEventKind::created) {
    call = "submit";
  } else if (event.kind == JobEventKind::stop_requested) {
    call = "stop";
  } else if (event.kind == JobEventKind::restart_requested) {
    call = "restart";
  } else if (event.kind == JobEventKind::cancel_requested) {
    call = "cancel";
  } else if (event.kind == JobEventKind::held) {
    call = "hold";
  } else if (event.kind == JobEventKind::released) {
    call = "release";
  } else {
    return;
  }
  change.keys.push_back({call, event.idempotency_key, "", model.job.id.str()});
}

} // namespace

Duration run_time(const AttemptRow& row, TimePoint now) {
  if (!row.started_at) {
    return Duration{0};
  }
  const TimePoint end =
      row.marked_lost ? row.last_frozen_at.value_or(*row.started_at) : row.ended_at.value_or(now);
  return std::max(end - *row.started_at, Duration{0});
}

void merge(Change& into, const Change& more) {
  into.events.insert(into.events.end(), more.events.begin(), more.events.end());
  into.submissions.insert(more.submissions.begin(), more.submissions.end());
  into.attempts.insert(more.attempts.begin(), more.attempts.end());
  into.generations.insert(more.generations.begin(), more.generations.end());
  into.keys.insert(into.keys.end(), more.keys.begin(), more.keys.end());
  into.node_refusals.insert(
      into.node_refusals.end(), more.node_refusals.begin(), more.node_refusals.end());
}

bool SubmissionRow::open() const {
  return state == SubmissionState::intended || state == SubmissionState::asked ||
         state == SubmissionState::submitted || state == SubmissionState::refused;
}

SubmissionRow* JobModel::open_submission() {
  return !submissions.empty() && submissions.back().open() ? &submissions.back() : nullptr;
}

const SubmissionRow* JobModel::open_submission() const {
  return !submissions.empty() && submissions.back().open() ? &submissions.back() : nullptr;
}

AttemptRow* JobModel::attempt(AttemptId n) {
  const auto found = std::find_if(
      attempts.begin(), attempts.end(), [n](const AttemptRow& row) { return row.n == n; });
  return found == attempts.end() ? nullptr : &*found;
}

const AttemptRow* JobModel::newest_attempt() const {
  return attempts.empty() ? nullptr : &attempts.back();
}

std::optional<GenerationId> JobModel::chosen_start() const {
  const bool ran_since = std::any_of(attempts.begin(), attempts.end(), [&](const AttemptRow& row) {
    return row.n.value > job.attempt_floor && row.started_at;
  });
  return ran_since || is_final(job.state) ? std::nullopt : job.start_from;
}

JobModel model_of(const JobSpec& spec, const Policy& policy) {
  JobModel model;
  model.job.id = spec.id;
  model.job.name = spec.name;
  model.job.scheduler = spec.scheduler;
  model.job.engine_wish = spec.engine;
  model.job.created_at = spec.created_at;
  model.job.argv = spec.argv;
  model.job.cwd = spec.cwd;
  model.job.policy = policy;
  if (spec.array) {
    model.job.array = api::ArrayTaskView{spec.array->of, spec.array->index};
  }
  return model;
}

void apply(JobModel& model, const store::JobEvent& event, Change& change) {
  change.events.push_back({event.at,
                           type_of(event.kind),
                           event.attempt,
                           event.generation,
                           event_text(event),
                           event.by,
                           "job",
                           event.number});
  note_idempotency(model, event, change);
  switch (event.kind) {
  case JobEventKind::submit_intent:
    close_open_submission(model, SubmissionState::revoked, change);
    if (event.token) {
      model.submissions.push_back(
          {*event.token, SubmissionState::intended, {}, "", event.at, std::nullopt});
      change.submissions.insert(event.token->value);
    }
    break;
  case JobEventKind::submitted:
  case JobEventKind::submit_failed:
    if (SubmissionRow* row = model.open_submission(); row && row->token == event.token) {
      const bool taken = event.kind == JobEventKind::submitted;
      row->state = taken ? SubmissionState::submitted : SubmissionState::refused;
      row->scheduler_job_id = taken ? event.scheduler_job_id : row->scheduler_job_id;
      row->submitted_at = taken ? std::optional(event.at) : std::nullopt;
      row->reason = event.reason;
      change.submissions.insert(row->token.value);
    }
    break;
  case JobEventKind::token_revoked:
    if (event.token) {
      set_submission(model, *event.token, SubmissionState::revoked, change);
      for (SubmissionRow& row : model.submissions) {
        if (row.token == *event.token) {
          row.reason = event.reason;
        }
      }
    }
    break;
  case JobEventKind::stop_requested:
    move(model, JobEventType::stop_asked);
    model.job.wish_stop = true;
    model.job.reason = event.reason;
    break;
  case JobEventKind::parked:
    park(model, event, change);
    break;
  case JobEventKind::restart_requested:
    restart(model, event, change);
    break;
  case JobEventKind::cancel_requested:
    model.job.wish_cancel = true;
    model.job.wish_reason = event.reason;
    break;
  case JobEventKind::cancelled:
    end_job(model, JobEventType::cancelled, event, change);
    tell_cancelled(model, change);
    break;
  case JobEventKind::completed:
    end_job(model, JobEventType::completed, event, change);
    break;
  case JobEventKind::failed:
    end_job(model, JobEventType::failed, event, change);
    break;
  case JobEventKind::held:
    model.job.hold = HoldWish::held;
    break;
  case JobEventKind::released:
    release(model, event);
    break;
  case JobEventKind::pinned:
  case JobEventKind::unpinned:
    pin(model, event, event.kind == JobEventKind::pinned, change);
    break;
  case JobEventKind::pruned:
    prune(model, event, change);
    break;
  case JobEventKind::attempt_lost:
    lose_attempt(model, event, change);
    break;
  case JobEventKind::notify_failed:
    warn_of_silence(model, event);
    break;
  case JobEventKind::created:
  case JobEventKind::policy_changed:
  case JobEventKind::tagged:
  case JobEventKind::began:
  case JobEventKind::notified:
    break;
  }
}

} // namespace ckpt::daemon
