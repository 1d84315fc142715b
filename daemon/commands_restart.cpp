#include "daemon/commands.hpp"

#include "core/domain/machines.hpp"
#include "core/domain/retry.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>

// A restart: what is against it, and what it asks for.

namespace ckpt::daemon {

using store::JobEventKind;

Status Commands::check_restart(const JobModel& found, const api::RestartRequest& request) {
  if (!next_state(found.job.state, JobEventType::restart_asked) ||
      found.job.state == JobState::queued) {
    const std::string state(word(found.job.state));
    const std::string id = found.job.id.str();
    return fail(ErrorClass::conflict,
                "job_" + state,
                id + " is " + state + " and cannot be restarted",
                found.job.state == JobState::completed ? "submit it again"
                : found.job.state == JobState::queued
                    ? "it goes on by itself: `ckpt why " + id +
                          "` tells what it waits for; `ckpt stop " + id +
                          "` first, to start it in another way"
                    : "`ckpt stop " + id + "` first");
  }
  if (const auto mail = scheduler::mail_wish(request.sbatch_args); !mail) {
    return tl::unexpected(mail.error());
  }
  if (request.generation) {
    const auto row = found.generations.find(*request.generation);
    if (row == found.generations.end()) {
      return fail(ErrorClass::not_found,
                  "no_such_generation",
                  found.job.id.str() + " has no generation " + request.generation->str(),
                  "`ckpt gens " + found.job.id.str() + "` lists them");
    }
    if (row->second.state != GenerationState::sealed) {
      return fail(ErrorClass::conflict,
                  "generation_not_sealed",
                  request.generation->str() + " is " + std::string(word(row->second.state)) +
                      (row->second.reason.empty() ? "" : ": " + row->second.reason),
                  "`ckpt gens " + found.job.id.str() + "` shows which are sealed");
    }
  }
  return {};
}

namespace {

Duration total_run(const JobModel& model, TimePoint now) {
  Duration total{0};
  for (const AttemptRow& row : model.attempts) {
    total += run_time(row, now);
  }
  return total;
}

} // namespace

/// Before anything is written: what would park it again at once.
Status Commands::check_budget(const JobModel& found, const Policy& policy) {
  const Duration spent = total_run(found, reconciler_.ports().clock.now());
  if (!budget_used_up(policy, spent)) {
    return {};
  }
  return fail(ErrorClass::refused,
              "time_budget_used_up",
              found.job.id.str() + " has run for " + format_duration(spent) +
                  ", and its time budget is " + format_duration(*policy.total_time),
              "give it a larger one: `ckpt restart " + found.job.id.str() + " --total-time " +
                  format_duration(2 * *policy.total_time) + "`");
}

/// A --stop-after that has stopped it has done its work, unless it is given anew.
std::string
Commands::end_of_limits(const JobModel& found, const api::RestartRequest& request, Policy& policy) {
  const bool anew = request.policy_patch.find("stop_after_seconds") != std::string::npos;
  if (!policy.stop_after || anew ||
      total_run(found, reconciler_.ports().clock.now()) < *policy.stop_after) {
    return "";
  }
  policy.stop_after.reset();
  policy.revision = found.job.policy.revision + 1;
  return "; --stop-after has done its work";
}

Status Commands::restart(JobId id, const api::RestartRequest& request) {
  const std::string digest = (request.generation ? request.generation->str() : "") + "|" +
                             request.policy_patch + "|" +
                             std::to_string(request.sbatch_args.size());
  const auto seen = seen_before("restart", id.value, request.idempotency_key, digest);
  if (!seen || *seen) {
    return seen ? Status{} : tl::unexpected(seen.error());
  }
  auto found = model(id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  if (const Status fine = check_restart(*found, request); !fine) {
    return fine;
  }
  Policy policy = found->job.policy;
  if (!request.policy_patch.empty()) {
    const auto json = parse_json(request.policy_patch);
    const auto patched = json ? patch_policy(policy, *json) : tl::unexpected(json.error());
    if (!patched) {
      return tl::unexpected(patched.error());
    }
    policy = *patched;
    policy.revision = found->job.policy.revision + 1;
  }
  const std::string served = end_of_limits(*found, request, policy);
  if (const auto used = check_budget(*found, policy); !used) {
    return used;
  }
  const auto args = name_dependencies(request.sbatch_args);
  if (!args) {
    return tl::unexpected(args.error());
  }
  auto adopted = reconciler_.adopt(*std::move(found));
  if (!adopted) {
    return tl::unexpected(adopted.error());
  }
  LiveJob& job = **adopted;
  store::RestartOptions options{*args, request.time_limit, request.engine_path};
  if (const auto before = job.folder.read_restart_options();
      before && options.engine_path.empty()) {
    options.engine_path = before->engine_path;
  }
  if (const Status written = job.folder.write_restart_options(options); !written) {
    return written;
  }
  if (policy.revision != job.model.job.policy.revision) {
    if (const Status written = job.folder.write_policy(policy); !written) {
      return written;
    }
    job.model.job.policy = policy;
  }
  if (const SubmissionRow* open = job.model.open_submission()) {
    if (const Status revoked = job.folder.revoke(open->token); !revoked) {
      return revoked; // parked by a hold from outside: that allocation must not run it as well
    }
  }
  job.model.job.overrides = {options.sbatch_args, options.time_limit};
  store::JobEvent event;
  event.kind = JobEventKind::restart_requested;
  event.by = "user";
  event.generation = request.generation;
  event.reason = request.generation ? "restarted by the user from " + request.generation->str()
                                    : "restarted by the user";
  event.reason += served;
  event.idempotency_key = request.idempotency_key;
  if (const Status done = reconciler_.record(job, event, digest); !done) {
    return done;
  }
  reconciler_.attend(job);
  return {};
}

} // namespace ckpt::daemon
