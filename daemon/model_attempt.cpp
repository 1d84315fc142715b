#include "core/domain/end_words.hpp"
#include "core/domain/machines.hpp"
#include "daemon/event_text.hpp"
#include "daemon/model.hpp"

#include <algorithm>

// What an attempt's own files say. Only the newest attempt of the open submission moves the job: a
// journal that is read late, or again in a rebuild, changes no job that has gone on.

namespace ckpt::daemon {
namespace {

using store::AttemptEventKind;

struct Context {
  JobModel& model;
  AttemptRow& row;
  const store::AttemptEvent& event;
  Change& change;

  bool moves_job() const {
    const SubmissionRow* open = model.open_submission();
    return open != nullptr && open->token == row.token && &row == &model.attempts.back();
  }
  void move_attempt(AttemptEventType type) {
    if (const auto next = next_state(row.state, type)) {
      row.state = *next;
    }
  }
  void move_job(JobEventType type, const std::string& reason) {
    if (!moves_job()) {
      return;
    }
    if (const auto next = next_state(model.job.state, type)) {
      model.job.state = *next;
      model.job.reason = reason;
    }
  }
  GenerationRow* generation() {
    if (!event.generation) {
      return nullptr;
    }
    change.generations.insert(*event.generation);
    GenerationRow& found = model.generations[*event.generation];
    found.id = *event.generation;
    return &found;
  }
};

void program_runs(Context& at) {
  if (at.event.kind == AttemptEventKind::program_restarted) {
    at.row.started_from = at.event.generation;
  }
  at.row.started_at = at.event.at;
  at.row.reason.clear();
  at.move_attempt(AttemptEventType::program_runs);
  at.move_job(JobEventType::attempt_started, "");
  if (at.moves_job() && at.model.job.state == JobState::running) {
    at.model.job.reason.clear(); // what was said before is over, whatever it was
  }
  // It has waited for those before it: one without a last word is gone.
  for (AttemptRow& earlier : at.model.attempts) {
    if (earlier.n < at.row.n && earlier.live()) {
      earlier.state = AttemptState::ended;
      earlier.end_reason = EndReason::lost;
      earlier.marked_lost = true;
      earlier.ended_at = at.event.at;
      earlier.reason = "gone without a word; attempt " + at.row.n.str() + " went on";
      at.change.attempts.insert(earlier.n);
    }
  }
}

void note_engine(Context& at) {
  if (at.event.engine) {
    at.row.engine = at.event.engine->engine;
    at.row.engine_version = at.event.engine->version;
    at.model.job.engine = at.event.engine->engine;
  }
  // With it come the reasons against the others: nothing is wrong.
  at.row.reason.clear();
}

void checkpoint_began(Context& at) {
  at.move_attempt(AttemptEventType::checkpoint_began);
  GenerationRow* generation = at.generation();
  if (generation == nullptr || generation->state == GenerationState::sealed) {
    return;
  }
  generation->state = GenerationState::writing;
  generation->attempt = at.row.n;
  generation->parent = at.row.started_from;
  generation->engine = at.row.engine;
  generation->engine_version = at.row.engine_version;
  generation->host = at.row.node;
  generation->trigger = at.event.trigger.value_or(generation->trigger);
  if (!generation->requested_at) {
    generation->requested_at = at.event.at;
  }
}

void checkpoint_sealed(Context& at) {
  at.move_attempt(AttemptEventType::checkpoint_over);
  GenerationRow* generation = at.generation();
  if (generation == nullptr) {
    return;
  }
  generation->state = GenerationState::sealed;
  generation->attempt = generation->attempt.value_or(at.row.n);
  generation->trigger = at.event.trigger.value_or(generation->trigger);
  generation->sealed_at = at.event.at;
  generation->bytes = at.event.bytes;
  generation->stored_bytes = at.event.bytes;
  generation->blocked = at.event.blocked;
  generation->reason.clear();
  ++at.row.sealed_count;
  at.row.reason.clear();
  at.row.last_frozen_at = generation->frozen_at ? generation->frozen_at : at.event.at;
  at.row.blocked += at.event.blocked.value_or(Duration{0});
}

void checkpoint_failed(Context& at) {
  if (at.event.kind == AttemptEventKind::checkpoint_failed) {
    at.move_attempt(AttemptEventType::checkpoint_over);
  }
  if (at.event.kind != AttemptEventKind::order_refused && at.event.code != "left_over") {
    at.row.reason = at.event.reason; // until one is sealed
  }
  GenerationRow* generation = at.generation();
  if (generation != nullptr && generation->state != GenerationState::sealed) {
    generation->state = GenerationState::failed;
    generation->trigger = at.event.trigger.value_or(generation->trigger);
    generation->reason = at.event.reason.empty() ? at.event.code : at.event.reason;
  }
}

void settle_generation(Context& at, GenerationState state) {
  if (GenerationRow* generation = at.generation()) {
    generation->state = state;
    generation->reason = at.event.reason;
  }
}

void note_warning(Context& at) {
  auto& warnings = at.model.job.warnings;
  api::WarningView warning{at.event.code, at.event.reason, at.event.advice, at.event.at};
  const auto known = std::find_if(warnings.begin(), warnings.end(), [&](const auto& other) {
    return other.code == warning.code;
  });
  if (known == warnings.end()) {
    warnings.push_back(std::move(warning));
  } else {
    warning.first_seen = known->first_seen; // the same one, with other details
    *known = std::move(warning);
  }
}

void warning_gone(Context& at) {
  std::erase_if(at.model.job.warnings,
                [&](const auto& warning) { return warning.code == at.event.code; });
}

/// A final end is left to decide(), which makes it durable; until then the job stays as it is.
bool goes_on(EndReason reason) {
  switch (reason) {
  case EndReason::completed:
  case EndReason::failed:
  case EndReason::cancelled:
  case EndReason::stopped:
    return false;
  case EndReason::walltime:
  case EndReason::preempted:
  case EndReason::requeued:
  case EndReason::node_fail:
  case EndReason::out_of_memory:
  case EndReason::launch_failed:
  case EndReason::restart_failed:
  case EndReason::interrupted:
  case EndReason::fenced:
  case EndReason::lost:
  case EndReason::unknown:
    return true;
  }
  return true;
}

void ended(Context& at) {
  const EndReason reason = at.event.end_reason.value_or(EndReason::unknown);
  at.row.state = AttemptState::ended;
  at.row.end_reason = reason;
  at.row.reason = at.event.reason;
  at.row.ended_at = at.event.at;
  at.row.exit_code = at.event.exit_code;
  at.row.signal = at.event.signal;
  fail_open_generations(at.model, at.row.n, at.change);
  if (reason == EndReason::interrupted && at.row.term_seen &&
      at.model.job.state == JobState::cancelled && &at.row == &at.model.attempts.back()) {
    at.row.end_reason = EndReason::cancelled; // that is why: known before the runner's last word
    at.row.reason = at.model.job.reason;
  }
  if (goes_on(reason)) {
    at.move_job(JobEventType::attempt_over,
                "attempt " + at.row.n.str() + " " + end_words(reason) +
                    (at.event.reason.empty() ? "" : ": " + at.event.reason));
  }
}

std::string type_of(AttemptEventKind kind) {
  const std::string name(word(kind));
  if (name.rfind("checkpoint_", 0) == 0 || name.rfind("order_", 0) == 0) {
    return name;
  }
  if (kind == AttemptEventKind::compressed || kind == AttemptEventKind::pruned ||
      kind == AttemptEventKind::corrupt) {
    return "generation_" + name;
  }
  return "attempt_" + name;
}

void apply_kind(Context& at) {
  switch (at.event.kind) {
  case AttemptEventKind::starting:
    return note_engine(at);
  case AttemptEventKind::waiting:
    at.row.reason = at.event.reason;
    if (at.moves_job() && at.model.job.state == JobState::queued) {
      at.model.job.reason = at.event.reason;
    }
    return;
  case AttemptEventKind::program_started:
  case AttemptEventKind::program_restarted:
    return program_runs(at);
  case AttemptEventKind::walltime_known:
    at.row.walltime_ends_at = at.event.time;
    return;
  case AttemptEventKind::checkpoint_started:
    return checkpoint_began(at);
  case AttemptEventKind::checkpoint_frozen:
    if (GenerationRow* generation = at.generation()) {
      generation->frozen_at = at.event.time.value_or(at.event.at);
    }
    return;
  case AttemptEventKind::checkpoint_sealed:
    return checkpoint_sealed(at);
  case AttemptEventKind::checkpoint_failed:
  case AttemptEventKind::checkpoint_refused:
  case AttemptEventKind::order_refused:
    return checkpoint_failed(at);
  case AttemptEventKind::compressed:
    if (GenerationRow* generation = at.generation()) {
      generation->stored_bytes = at.event.bytes;
    }
    return;
  case AttemptEventKind::pruned:
    return settle_generation(at, GenerationState::pruned);
  case AttemptEventKind::corrupt:
    return settle_generation(at, GenerationState::corrupt);
  case AttemptEventKind::term_seen:
    at.row.term_seen = true;
    return;
  case AttemptEventKind::warning:
    return note_warning(at);
  case AttemptEventKind::warning_gone:
    return warning_gone(at);
  case AttemptEventKind::suspended:
    return at.move_attempt(AttemptEventType::suspended);
  case AttemptEventKind::resumed:
    return at.move_attempt(AttemptEventType::resumed);
  case AttemptEventKind::requeue_intent:
    at.row.requeue_intent = true;
    return;
  case AttemptEventKind::node_refused:
    at.row.reason = at.event.reason;
    at.change.node_refusals.push_back({at.row.node, at.event.reason, at.event.at});
    return;
  case AttemptEventKind::ended:
    return ended(at);
  case AttemptEventKind::restart_failed:
    at.row.reason = at.event.reason;
    return;
  case AttemptEventKind::claimed:
  case AttemptEventKind::order_done:
  case AttemptEventKind::policy_applied:
  case AttemptEventKind::lease_lost:
  case AttemptEventKind::lease_renewed:
  case AttemptEventKind::requeue_done:
  case AttemptEventKind::requeue_failed:
    return;
  }
}

} // namespace

void apply(JobModel& model, const store::Claim& claim, Change& change) {
  if (model.attempt(claim.attempt) != nullptr) {
    return;
  }
  AttemptRow row;
  row.n = claim.attempt;
  row.token = claim.token;
  row.scheduler_job_id = claim.scheduler_job_id;
  row.restart_count = claim.restart_count;
  row.node = claim.host;
  row.claimed_at = claim.at;
  model.attempts.push_back(row);
  change.attempts.insert(row.n);
  // A claim proves that the scheduler took the submission, whatever sbatch told us.
  if (SubmissionRow* open = model.open_submission(); open && open->token == claim.token) {
    open->state = SubmissionState::submitted;
    open->scheduler_job_id = claim.scheduler_job_id;
    change.submissions.insert(open->token.value);
  }
}

void apply(JobModel& model, AttemptId attempt, const store::AttemptEvent& event, Change& change) {
  AttemptRow* row = model.attempt(attempt);
  if (row == nullptr) {
    return;
  }
  change.attempts.insert(attempt);
  change.events.push_back({event.at,
                           type_of(event.kind),
                           attempt,
                           event.generation,
                           event_text(*row, event),
                           "runner",
                           "attempt",
                           event.number});
  Context at{model, *row, event, change};
  apply_kind(at);
}

void fail_open_generations(JobModel& model, AttemptId attempt, Change& change) {
  for (auto& [id, generation] : model.generations) {
    const bool open = generation.state == GenerationState::writing ||
                      generation.state == GenerationState::verifying;
    if (open && generation.attempt == attempt) {
      generation.state = GenerationState::failed;
      generation.reason = "its attempt ended before it was sealed";
      change.generations.insert(id);
    }
  }
}

void show_attempt_state(JobModel& model, AttemptId attempt, AttemptState state, Change& change) {
  AttemptRow* row = model.attempt(attempt);
  if (row != nullptr && row->live() && row->state != state) {
    row->state = state;
    change.attempts.insert(attempt);
  }
}

} // namespace ckpt::daemon
