#include "core/base/kill_point.hpp"
#include "core/domain/machines.hpp"
#include "core/json/json.hpp"
#include "daemon/commands.hpp"

#include <nlohmann/json.hpp>

// The use cases that neither start nor end a job: its policy, holds, a move to another allocation.

namespace ckpt::daemon {

using store::JobEventKind;

Result<LiveJob*> Commands::unfinished(JobId id, const std::string& what) {
  LiveJob* job = reconciler_.find(id);
  if (job != nullptr && !is_final(job->model.job.state)) {
    return job;
  }
  const auto found = model(id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  const std::string state(word(found->job.state));
  return fail(ErrorClass::conflict,
              "job_" + state,
              id.str() + " is " + state + " and cannot be " + what,
              "");
}

Status Commands::change_policy(JobId id, const api::PolicyRequest& request) {
  auto found = model(id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  const auto json = parse_json(request.patch);
  auto patched = json ? patch_policy(found->job.policy, *json) : tl::unexpected(json.error());
  if (!patched) {
    return tl::unexpected(patched.error());
  }
  if (patched->keep < 1) {
    return fail(ErrorClass::usage,
                "invalid_keep",
                "at least one generation must be kept",
                "use --keep 1 or more");
  }
  patched->revision = found->job.policy.revision;
  if (*patched == found->job.policy) {
    return {};
  }
  ++patched->revision;
  const auto adopted = reconciler_.adopt(*std::move(found));
  if (!adopted) {
    return tl::unexpected(adopted.error());
  }
  LiveJob& job = **adopted;
  if (const Status written = job.folder.write_policy(*patched); !written) {
    return written;
  }
  kill_point("policy.written");
  job.model.job.policy = *patched;
  store::JobEvent event;
  event.kind = JobEventKind::policy_changed;
  event.by = "user";
  event.revision = patched->revision;
  event.reason = dump_json(*json);
  if (const Status done = reconciler_.record(job, event); !done) {
    return done;
  }
  reconciler_.attend(job);
  return {};
}

Status Commands::hold(JobId id, bool held, const api::ActionRequest& request) {
  const char* const call = held ? "hold" : "release";
  const auto seen = seen_before(call, id.value, request.idempotency_key, "");
  if (!seen || *seen) {
    return seen ? Status{} : tl::unexpected(seen.error());
  }
  const auto job = unfinished(id, held ? "held" : "released");
  if (!job) {
    return tl::unexpected(job.error());
  }
  // A release is for a hold of anybody's (`--hold`, scontrol), which may not have been seen yet.
  const HoldWish hold = (*job)->model.job.hold;
  const bool nothing_to_do =
      held ? hold == HoldWish::held
           : hold == HoldWish::releasing ||
                 (hold == HoldWish::none && (*job)->model.open_submission() == nullptr);
  if (nothing_to_do) {
    return {};
  }
  store::JobEvent event;
  event.kind = held ? JobEventKind::held : JobEventKind::released;
  event.by = "user";
  event.reason = held ? "held by the user" : "released by the user";
  event.idempotency_key = request.idempotency_key;
  if (const Status done = reconciler_.record(**job, event); !done) {
    return done;
  }
  (*job)->done.held_at.reset(); // an earlier one was for another wish
  reconciler_.poll_soon();
  reconciler_.attend(**job);
  return {};
}

Status Commands::requeue(JobId id, const api::ActionRequest& request) {
  const auto seen = seen_before("requeue", id.value, request.idempotency_key, "");
  if (!seen || *seen) {
    return seen ? Status{} : tl::unexpected(seen.error());
  }
  const auto job = unfinished(id, "requeued");
  if (!job) {
    return tl::unexpected(job.error());
  }
  const AttemptRow* attempt = (*job)->model.newest_attempt();
  if ((*job)->model.job.state != JobState::running || attempt == nullptr || !attempt->live() ||
      !attempt->started_at) {
    return fail(ErrorClass::conflict,
                "not_running",
                id.str() + " has no program running that could move to another allocation",
                "`ckpt why " + id.str() + "` tells why, and what to type");
  }
  // First the order: it is on the disk then. A key without it would make a repeated call do
  // nothing; a second order finds the attempt ending.
  if (const Status given = reconciler_.order_requeue(**job); !given) {
    return given;
  }
  Change change;
  change.events.push_back({reconciler_.ports().clock.now(),
                           "requeue_requested",
                           attempt->n,
                           {},
                           "asked for by the user: a checkpoint, then another allocation",
                           "user",
                           "daemon",
                           std::nullopt});
  if (!request.idempotency_key.empty()) {
    change.keys.push_back({"requeue", request.idempotency_key, "", id.str()});
  }
  return reconciler_.commit(**job, change);
}

Status Commands::pin(JobId id, GenerationId generation, bool pinned) {
  const auto shown = this->generation(id, generation);
  if (!shown) {
    return tl::unexpected(shown.error());
  }
  if (shown->pinned == pinned) {
    return {};
  }
  if (pinned && shown->state != GenerationState::sealed) {
    return fail(ErrorClass::conflict,
                "generation_not_sealed",
                generation.str() + " is " + std::string(word(shown->state)) +
                    ", and only a sealed one can be pinned",
                "`ckpt gens " + id.str() + "` shows which are sealed");
  }
  auto found = model(id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  const auto job = reconciler_.adopt(*std::move(found));
  if (!job) {
    return tl::unexpected(job.error());
  }
  store::JobEvent event;
  event.kind = pinned ? JobEventKind::pinned : JobEventKind::unpinned;
  event.by = "user";
  event.generation = generation;
  return reconciler_.record(**job, event);
}

} // namespace ckpt::daemon
