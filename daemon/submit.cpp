#include "core/base/kill_point.hpp"
#include "core/base/strings.hpp"
#include "core/json/json.hpp"
#include "daemon/commands.hpp"

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>

// A new job: refused as early and as clearly as can be, and durable once accepted.

namespace ckpt::daemon {
namespace {

Status check_program(const JobSpec& spec) {
  const auto facts = engine::inspect_executable(spec.argv.front(), spec.env, spec.cwd);
  if (!facts) {
    return tl::unexpected(facts.error());
  }
  if (::access(facts->resolved.c_str(), X_OK) != 0) {
    return fail(ErrorClass::usage,
                "program_not_executable",
                facts->resolved + " cannot be executed",
                "chmod +x " + shell_quote(facts->resolved));
  }
  return {};
}

/// Only what is certain on this machine: compute nodes may have engines that it has not. The local
/// scheduler runs here, so here the engine must be there.
Status check_engine(const JobSpec& spec, const Policy& policy, const engine::EngineConfig& config) {
  const engine::ProgramInfo program{spec.argv, spec.env, spec.cwd, spec.app, policy.ckpt_files};
  const auto facts = engine::inspect_executable(spec.argv.front(), spec.env, spec.cwd);
  if (spec.engine == EngineWish::dmtcp && facts && facts->elf && !facts->dynamic) {
    return fail(ErrorClass::refused,
                "engine_unsuitable",
                facts->resolved + " is a static binary: DMTCP cannot be loaded into it",
                "link it dynamically, or use --engine criu or app");
  }
  if (spec.engine == EngineWish::app && spec.app.signal.empty() && spec.app.command.empty()) {
    return fail(ErrorClass::usage,
                "engine_app_how",
                "the app engine needs to know how the program saves itself",
                "give --ckpt-signal or --ckpt-command");
  }
  if (spec.scheduler == SchedulerKind::local && spec.modules.empty() && spec.setup.empty()) {
    const auto choice = engine::choose_engine(spec.engine, program, config);
    if (!choice) {
      return tl::unexpected(choice.error());
    }
  }
  return {};
}

std::string digest_of(const api::SubmitRequest& request) {
  JobSpec spec = request.spec;
  spec.id = {};
  spec.created_at = {};
  // Equal requests have equal text; a short form of it is enough to tell others apart.
  return std::to_string(
      std::hash<std::string>{}(dump_json(to_json(spec)) + dump_json(to_json(request.policy))));
}

std::string default_name(const JobSpec& spec) {
  return Path(spec.argv.front()).filename().string();
}

} // namespace

Status Commands::check_submit(const api::SubmitRequest& request) {
  const JobSpec& spec = request.spec;
  if (spec.argv.empty() || spec.argv.front().empty()) {
    return fail(ErrorClass::usage, "no_program", "there is no program to run");
  }
  std::error_code error;
  if (!Path(spec.cwd).is_absolute() || !std::filesystem::is_directory(spec.cwd, error)) {
    return fail(ErrorClass::usage,
                "no_such_cwd",
                "the working directory '" + spec.cwd + "' is no folder here");
  }
  if (spec.time_limit && *spec.time_limit <= Duration{0}) {
    return fail(ErrorClass::usage, "invalid_time_limit", "the time limit must be positive");
  }
  if (request.policy.keep < 1) {
    return fail(ErrorClass::usage,
                "invalid_keep",
                "at least one generation must be kept",
                "use --keep 1 or more");
  }
  if (const Status program = check_program(spec); !program && spec.modules.empty()) {
    return program; // a module may bring the program along
  }
  if (const Status fits = check_engine(spec, request.policy, config_.engine); !fits) {
    return fits;
  }
  const auto& root = reconciler_.ports().store.root();
  const auto space = space_of(root);
  if (!space) {
    return tl::unexpected(space.error());
  }
  if (space->read_only || ::access(root.c_str(), W_OK) != 0) {
    return fail(ErrorClass::refused,
                "store_not_writable",
                "the store " + root.string() + " cannot be written",
                "set store.path to a folder of yours on the shared filesystem");
  }
  if (space->available_bytes < config_.min_free_bytes) {
    return fail(ErrorClass::refused,
                "store_full",
                "only " + human_bytes(space->available_bytes) + " are free in the store " +
                    root.string(),
                "make room, or set store.path to another filesystem");
  }
  return {};
}

Result<JobId> Commands::submit(const api::SubmitRequest& request) {
  const std::string digest = digest_of(request);
  const auto seen = seen_before("submit", 0, request.idempotency_key, digest);
  if (!seen || *seen) {
    if (!seen) {
      return tl::unexpected(seen.error());
    }
    return JobId::parse(**seen).value_or(JobId{});
  }
  api::SubmitRequest full = request;
  JobSpec& spec = full.spec;
  const SchedulerKind ours = reconciler_.ports().scheduler.kind();
  spec.scheduler = request.scheduler.value_or(ours);
  if (spec.scheduler != ours) {
    return fail(ErrorClass::unusable,
                "other_scheduler",
                "this daemon runs jobs by " + std::string(word(ours)) + ", not by " +
                    std::string(word(spec.scheduler)),
                spec.scheduler == SchedulerKind::local
                    ? "`ckpt run` and `ckpt submit --scheduler local` start one for local jobs"
                    : "unset CKPTD_SCHEDULER and scheduler.kind, and restart the daemon");
  }
  if (const Status fine = check_submit(full); !fine) {
    return tl::unexpected(fine.error());
  }
  if (spec.name.empty()) {
    spec.name = default_name(spec);
  } else if (const auto other = reconciler_.ports().registry.unfinished_named(spec.name);
             !other || *other) {
    return other ? fail(ErrorClass::conflict,
                        "name_taken",
                        (*other)->str() + " is unfinished and has the name '" + spec.name + "'",
                        "`ckpt restart " + (*other)->str() + "`, or another name")
                 : tl::unexpected(other.error());
  }
  spec.created_at = reconciler_.ports().clock.now();
  const auto known = reconciler_.ports().registry.all_jobs();
  if (!known) {
    return tl::unexpected(known.error());
  }
  std::int64_t next = known->empty() ? 1 : known->back().value + 1;
  for (;; ++next) { // folders that the registry does not know keep their numbers
    spec.id = JobId{next};
    const auto made = reconciler_.ports().store.create_job(spec, full.policy);
    if (made) {
      break;
    }
    if (made.error().code != "file_exists") {
      return tl::unexpected(made.error());
    }
  }
  kill_point("submit.folder");
  auto job = reconciler_.adopt(model_of(spec, full.policy));
  if (!job) {
    return tl::unexpected(job.error());
  }
  store::JobEvent created;
  created.kind = store::JobEventKind::created;
  created.by = "user";
  created.idempotency_key = request.idempotency_key;
  if (const Status done = reconciler_.record(**job, created, digest); !done) {
    return tl::unexpected(done.error());
  }
  reconciler_.attend(**job);
  return spec.id;
}

Result<bool> Commands::submission_settled(JobId id) {
  const auto found = model(id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  if (found->submissions.empty()) {
    return false;
  }
  const SubmissionRow& first = found->submissions.front();
  if (first.state == SubmissionState::refused || found->job.state == JobState::failed) {
    return fail(ErrorClass::unusable,
                "sbatch_refused",
                first.reason.empty() ? found->job.reason : first.reason,
                "the job is kept as " + id.str() + " (failed)");
  }
  return first.scheduler_job_id.has_value();
}

} // namespace ckpt::daemon
