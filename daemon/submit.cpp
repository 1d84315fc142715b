#include "core/base/kill_point.hpp"
#include "core/base/strings.hpp"
#include "core/json/json.hpp"
#include "core/script/interpreter.hpp"
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
    const auto choice = engine::choose_engine(
        spec.engine, program, engine::EngineConfig::for_job(spec.env, config));
    if (!choice) {
      return tl::unexpected(choice.error());
    }
  }
  return {};
}

} // namespace

std::string Commands::request_digest(const api::SubmitRequest& request) {
  JobSpec spec = request.spec;
  spec.id = {};
  spec.created_at = {};
  // Equal requests have equal text; a short form of it is enough to tell others apart.
  return std::to_string(std::hash<std::string>{}(
      dump_json(to_json(spec)) + dump_json(to_json(request.policy)) + request.script.value_or("")));
}

std::string Commands::default_name(const JobSpec& spec) {
  return Path(spec.script_name.empty() ? spec.argv.front() : spec.script_name).filename().string();
}

namespace {

/// Notes the script's name, and puts the interpreter in its place; the copy comes behind that.
Result<std::size_t> prepare_script(JobSpec& spec, const std::string& text) {
  const auto interpreter = script::interpreter_of(text);
  if (!interpreter) {
    return tl::unexpected(interpreter.error());
  }
  spec.script_name = spec.argv.front();
  spec.argv.insert(spec.argv.begin(), interpreter->begin(), interpreter->end());
  return interpreter->size();
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
  if (const auto mail = scheduler::mail_wish(spec.sbatch_args); !mail) {
    return tl::unexpected(mail.error());
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
  const std::string digest = request_digest(request);
  const auto seen = seen_before("submit", 0, request.idempotency_key, digest);
  if (!seen || *seen) {
    if (!seen) {
      return tl::unexpected(seen.error());
    }
    return JobId::parse(**seen).value_or(JobId{});
  }
  auto wanted = prepare_request(request);
  if (!wanted) {
    return tl::unexpected(wanted.error());
  }
  JobSpec& spec = wanted->full.spec;
  if (spec.name.empty()) {
    spec.name = default_name(spec);
  } else if (wanted->full.script) {
    // sbatch takes any name, and any number of the same script; a number tells them apart.
  } else if (const Status free = check_name(spec.name); !free) {
    return tl::unexpected(free.error());
  }
  return make_job(wanted->full, digest, wanted->script_at, {});
}

/// Checked, and with what the daemon itself says of a job, but for its name.
Result<PreparedRequest> Commands::prepare_request(const api::SubmitRequest& request) {
  PreparedRequest prepared{request, 0};
  api::SubmitRequest& full = prepared.full;
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
  if (full.script && !spec.argv.empty()) {
    const auto at = prepare_script(spec, *full.script);
    if (!at) {
      return tl::unexpected(at.error());
    }
    prepared.script_at = *at;
  }
  if (const Status fine = check_submit(full); !fine) {
    return tl::unexpected(fine.error());
  }
  auto args = name_dependencies(spec.sbatch_args);
  if (!args) {
    return tl::unexpected(args.error());
  }
  spec.sbatch_args = *std::move(args);
  return prepared;
}

Status Commands::check_name(const std::string& name) {
  const auto other = reconciler_.ports().registry.unfinished_named(name);
  if (!other) {
    return tl::unexpected(other.error());
  }
  if (!*other) {
    return {};
  }
  const auto found = model(**other);
  if (!found) {
    return tl::unexpected(found.error());
  }
  const std::string id = (*other)->str();
  const JobState state = found->job.state;
  return fail(ErrorClass::conflict,
              "name_taken",
              id + " is " + std::string(word(state)) + " and has the name '" + name + "'",
              state == JobState::parked
                  ? "`ckpt restart " + id + "` goes on with it; another name makes a new job"
                  : "`ckpt show " + id + "` tells how it goes; another name makes a second job " +
                        "(`ckpt restart " + id + "` is for when it is parked)");
}

Result<JobId> Commands::make_job(api::SubmitRequest full,
                                 const std::string& digest,
                                 std::size_t script_at,
                                 const std::function<Status(const Path& folder)>& prepare) {
  JobSpec& spec = full.spec;
  if (const Status made = make_folder(full, script_at, false); !made) {
    return tl::unexpected(made.error());
  }
  // Until the durable event below nobody was told of this job: a death leaves none.
  if (const Status ready = prepare ? prepare(folder(spec.id)) : Status{}; !ready) {
    std::ignore = reconciler_.ports().store.remove_job(spec.id);
    return tl::unexpected(ready.error());
  }
  kill_point("submit.folder");
  auto job = reconciler_.adopt(model_of(spec, full.policy));
  if (!job) {
    return tl::unexpected(job.error());
  }
  store::JobEvent created = created_event(full.idempotency_key);
  if (spec.started_from) {
    created.reason =
        "a fork of " + spec.started_from->job.str() + " " + spec.started_from->generation.str();
  }
  if (const Status done = reconciler_.record(**job, created, digest); !done) {
    return tl::unexpected(done.error());
  }
  reconciler_.attend(**job);
  return spec.id;
}

Status Commands::make_folder(api::SubmitRequest& full, std::size_t script_at, bool first_task) {
  JobSpec& spec = full.spec;
  spec.created_at = reconciler_.ports().clock.now();
  const auto known = reconciler_.ports().registry.all_jobs();
  if (!known) {
    return tl::unexpected(known.error());
  }
  std::int64_t next = known->empty() ? 1 : known->back().value + 1;
  for (next = std::max(next, spec.id.value);; ++next) {
    // Folders that the registry does not know keep their numbers.
    const store::Store& store = reconciler_.ports().store;
    spec.id = JobId{next};
    if (full.script) {
      spec.argv[script_at] = store.job(spec.id).script().string();
    }
    if (first_task) {
      spec.array->of = spec.id;
      full.policy.tags[kArrayTag] = spec.id.str();
    }
    const auto made = store.create_job(spec, full.policy, full.script);
    if (made || made.error().code != "file_exists") {
      return made ? Status{} : tl::unexpected(made.error());
    }
  }
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
  // Tried, and not possible just now (what it waits for is in no queue): the job says why.
  const bool put_off = first.state == SubmissionState::intended && !first.reason.empty();
  return first.scheduler_job_id.has_value() || put_off;
}

} // namespace ckpt::daemon
