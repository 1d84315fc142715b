#include "daemon/commands.hpp"

#include "core/base/kill_point.hpp"
#include "core/domain/machines.hpp"
#include "core/store/generations.hpp"

#include <algorithm>

// The writing use cases but submit and restart.

namespace ckpt::daemon {

using store::JobEventKind;

Commands::Commands(Reconciler& reconciler, CommandsConfig config)
    : reconciler_(reconciler), config_(std::move(config)) {}

Result<JobModel> Commands::model(JobId id) {
  if (removing_.contains(id)) {
    return fail(ErrorClass::not_found,
                "no_such_job",
                id.str() + " is being removed",
                "`ckpt ls --all` lists the others");
  }
  if (const LiveJob* live = reconciler_.find(id)) {
    return live->model;
  }
  auto loaded = reconciler_.ports().registry.load(id);
  if (!loaded) {
    return tl::unexpected(loaded.error());
  }
  if (!*loaded) {
    return fail(ErrorClass::not_found,
                "no_such_job",
                "there is no job " + id.str(),
                "`ckpt ls --all` lists them");
  }
  return **std::move(loaded);
}

Result<std::optional<std::string>> Commands::seen_before(const std::string& call,
                                                         std::int64_t job,
                                                         const std::string& key,
                                                         const std::string& request) {
  if (key.empty()) {
    return std::nullopt;
  }
  const auto found = reconciler_.ports().registry.idempotent(call, job, key);
  if (!found) {
    return tl::unexpected(found.error());
  }
  if (!*found) {
    return std::nullopt;
  }
  if (!(*found)->request.empty() && (*found)->request != request) {
    return fail(ErrorClass::conflict,
                "idempotency_conflict",
                "the idempotency key '" + key + "' was used with another request",
                "use a new key");
  }
  return (*found)->result;
}

Result<PendingCheckpoint> Commands::checkpoint(JobId id, const api::CheckpointRequest& request) {
  LiveJob* job = reconciler_.find(id);
  if (job != nullptr) {
    reconciler_.attend(*job);
    job = reconciler_.find(id);
  }
  if (const auto seen = seen_before("checkpoint", id.value, request.idempotency_key, "");
      !seen || *seen) {
    if (!seen) {
      return tl::unexpected(seen.error());
    }
    return PendingCheckpoint{id, {}, 0, GenerationId::parse(**seen).value_or(GenerationId{})};
  }
  const AttemptRow* attempt = job == nullptr ? nullptr : job->model.newest_attempt();
  const bool runs = job != nullptr && job->model.job.state == JobState::running &&
                    attempt != nullptr && attempt->live() && attempt->started_at;
  if (!runs) {
    return fail(ErrorClass::conflict,
                "not_running",
                id.str() + " has no program running that could be checkpointed",
                "`ckpt why " + id.str() + "` tells why, and what to type");
  }
  const store::Generations generations(job->folder.path());
  const auto allocated = generations.allocate();
  if (!allocated) {
    return tl::unexpected(allocated.error());
  }
  const std::optional<GenerationId> generation = *allocated;
  kill_point("checkpoint.allocated");
  Change change;
  GenerationRow& row = job->model.generations[*generation];
  row.id = *generation;
  row.trigger = request.trigger;
  row.attempt = attempt->n;
  row.requested_at = reconciler_.ports().clock.now();
  change.generations.insert(*generation);
  change.events.push_back({*row.requested_at,
                           "checkpoint_requested",
                           attempt->n,
                           *generation,
                           "checkpoint " + generation->str() + " requested",
                           "user",
                           "daemon",
                           std::nullopt});
  if (!request.idempotency_key.empty()) {
    change.keys.push_back({"checkpoint", request.idempotency_key, "", generation->str()});
  }
  if (const Status done = reconciler_.commit(*job, change); !done) {
    return tl::unexpected(done.error());
  }
  store::Order order;
  order.epoch = reconciler_.epoch;
  order.expires_at = *row.requested_at + reconciler_.config().order_validity;
  order.kind = store::OrderKind::checkpoint;
  order.trigger = request.trigger;
  order.generation = generation;
  const auto given = job->folder.attempt(attempt->n).give_order(order);
  if (!given) {
    return tl::unexpected(given.error());
  }
  kill_point("checkpoint.ordered");
  reconciler_.ring(*job);
  return PendingCheckpoint{id, attempt->n, given->number, *generation};
}

Result<std::optional<api::GenerationView>>
Commands::checkpoint_result(const PendingCheckpoint& pending) {
  auto found = model(pending.job);
  if (!found) {
    return tl::unexpected(found.error());
  }
  GenerationId wanted = pending.generation;
  bool answered = false;
  const LiveJob* live = reconciler_.find(pending.job);
  if (live != nullptr && live->answers_of == pending.attempt) {
    const auto answer = live->answers.find(pending.order);
    if (answer != live->answers.end()) {
      if (!answer->second.done) {
        return fail(ErrorClass::failed,
                    answer->second.code.empty() ? "checkpoint_failed" : answer->second.code,
                    "the checkpoint was not taken: " + answer->second.reason,
                    "`ckpt logs --runner` has the details");
      }
      wanted = answer->second.generation.value_or(wanted); // one served several requests
      answered = true;
    }
  }
  const auto row = found->generations.find(wanted);
  if (row == found->generations.end()) {
    return std::nullopt;
  }
  const AttemptRow* attempt = found->attempt(pending.attempt);
  const bool live_attempt = attempt == nullptr || attempt->live();
  if (row->second.state == GenerationState::failed && !answered && live_attempt) {
    return std::nullopt; // it may get another number; the answer tells
  }
  if (row->second.state == GenerationState::failed) {
    return fail(ErrorClass::failed,
                "checkpoint_failed",
                wanted.str() + " failed: " + row->second.reason,
                "`ckpt logs --runner` has the details");
  }
  if (row->second.state == GenerationState::requested ||
      row->second.state == GenerationState::writing ||
      row->second.state == GenerationState::verifying) {
    if (!live_attempt) {
      return fail(ErrorClass::conflict,
                  "attempt_ended",
                  "attempt " + attempt->n.str() + " ended before it was taken",
                  "`ckpt show " + pending.job.str() + "` shows how it ended");
    }
    return std::nullopt;
  }
  return generation_view(*found, row->second);
}

namespace {

tl::unexpected<Error> over(const JobModel& model, const std::string& wish) {
  const std::string state(word(model.job.state));
  return fail(ErrorClass::conflict,
              "job_" + state,
              model.job.id.str() + " is " + state + " and cannot be " + wish,
              model.job.state == JobState::completed
                  ? ""
                  : "`ckpt restart " + model.job.id.str() + "` starts it again");
}

} // namespace

Status Commands::stop(JobId id, const api::StopRequest& request) {
  const auto seen = seen_before("stop", id.value, request.idempotency_key, "");
  if (!seen || *seen) {
    return seen ? Status{} : tl::unexpected(seen.error());
  }
  const auto found = model(id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  LiveJob* job = reconciler_.find(id);
  if (job == nullptr || is_final(found->job.state)) {
    return over(*found, "stopped");
  }
  if (found->job.state != JobState::parked && !found->job.wish_stop) {
    store::JobEvent event;
    event.kind = JobEventKind::stop_requested;
    event.by = "user";
    event.reason = "stopped by the user";
    event.idempotency_key = request.idempotency_key;
    if (const Status done = reconciler_.record(*job, event); !done) {
      return done;
    }
  }
  reconciler_.attend(*job);
  return {};
}

Status Commands::cancel(JobId id, const api::CancelRequest& request) {
  const auto seen = seen_before("cancel", id.value, request.idempotency_key, "");
  if (!seen || *seen) {
    return seen ? Status{} : tl::unexpected(seen.error());
  }
  const auto found = model(id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  if (found->job.state == JobState::cancelled) {
    return {};
  }
  LiveJob* job = reconciler_.find(id);
  if (job == nullptr || is_final(found->job.state)) {
    return over(*found, "cancelled");
  }
  store::JobEvent event;
  event.by = "user";
  event.reason = "cancelled by the user";
  event.idempotency_key = request.idempotency_key;
  event.kind = JobEventKind::cancel_requested;
  if (const Status done = reconciler_.record(*job, event); !done) {
    return done;
  }
  if (job->model.job.state == JobState::parked && job->model.open_submission() == nullptr) {
    event.kind = JobEventKind::cancelled; // nothing of it is left to end
    event.idempotency_key.clear();
    return reconciler_.record(*job, event);
  }
  reconciler_.attend(*job);
  return {};
}

} // namespace ckpt::daemon
