#include "core/domain/fork.hpp"

#include "api/codec.hpp"
#include "core/domain/machines.hpp"
#include "core/json/json.hpp"
#include "core/scheduler/dependency.hpp"
#include "core/store/origin.hpp"
#include "daemon/commands.hpp"
#include "daemon/use_cases.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

// A fork: a new job that goes on from a generation of another one. The copy of that generation is
// made on the HTTP thread; what decides, before and after it, is on the loop. Invariant: nothing
// that belongs to the origin is cut back or written unless the caller has said so.

namespace ckpt::daemon {
namespace {

std::string digest_of(JobId origin, const api::ForkRequest& request) {
  return "fork|" + origin.str() + "|" + dump_json(api::to_json(request));
}

bool has_placeholder(const std::string& pattern) {
  for (const char* of_the_job : {"%j", "%A", "%J"}) {
    if (pattern.find(of_the_job) != std::string::npos) {
      return true;
    }
  }
  return false;
}

/// The origin's pattern if it gives this job another file, else the default.
std::string output_of(const std::string& asked, const std::string& origins) {
  return !asked.empty() ? asked : has_placeholder(origins) ? origins : "";
}

/// How that job comes to a checkpoint, or why it has none any more.
std::string way_to_a_checkpoint(const JobModel& model) {
  const std::string id = model.job.id.str();
  const bool had_one =
      std::any_of(model.generations.begin(), model.generations.end(), [](const auto& one) {
        return one.second.sealed_at.has_value();
      });
  switch (model.job.state) {
  case JobState::completed:
    return had_one ? "it has completed, and its checkpoints went with its success; with "
                     "`--keep-after-success 1` the next one keeps its newest"
                   : "it has completed, and never had one; submit it again";
  case JobState::failed:
  case JobState::cancelled:
  case JobState::parked:
    return "`ckpt restart " + id + "` runs it again, and `ckpt checkpoint " + id +
           "` takes one then";
  case JobState::queued:
  case JobState::running:
  case JobState::stopping:
    break;
  }
  return "`ckpt checkpoint " + id + "` takes one while it runs";
}

tl::unexpected<Error> no_generation(const JobModel& model,
                                    const std::optional<GenerationRef>& from) {
  std::string advice = way_to_a_checkpoint(model);
  if (from) {
    advice += "; what it was forked from is " + from->job.str() + " " + from->generation.str();
  }
  return fail(ErrorClass::conflict,
              "no_generation",
              model.job.id.str() + " has no sealed generation to start from",
              advice);
}

struct Risk {
  JobId origin;
  JobState state = JobState::completed;
  std::vector<std::string> files;
  bool known = true;

  bool writes() const {
    return state == JobState::queued || state == JobState::running || state == JobState::stopping;
  }
  std::string of_origin() const { return origin.str() + " (" + std::string(word(state)) + ")"; }
};

/// What to do before both have the same files, and the line to type then.
std::string advice_on_files(const Risk& risk, const std::string& sharing) {
  const std::string origin = risk.origin.str();
  return (is_final(risk.state)
              ? ""
              : "Only one of the two can go on with them: end " + origin + " with `ckpt cancel " +
                    origin + "`, unless its result does not matter any more. ") +
         "To keep the files as they are, copy them first. Then type " + sharing;
}

Status check_files(const Risk& risk, const api::ForkRequest& request) {
  if (request.share_files) {
    return {};
  }
  const std::string sharing =
      "`ckpt fork " + risk.origin.str() +
      (request.generation ? " --generation " + request.generation->str() : "") + " --share-files`";
  if (!risk.files.empty()) {
    return fail(ErrorClass::conflict,
                "files_shared",
                "a fork would cut back and go on writing files that belong to " + risk.of_origin() +
                    ", too: " + some_files(risk.files),
                advice_on_files(risk, sharing));
  }
  if (!risk.known && risk.writes()) {
    return fail(ErrorClass::conflict,
                "files_unknown",
                "that generation does not tell which files the program of " + risk.of_origin() +
                    " writes, and a fork would write the same ones",
                "Take a new checkpoint and fork from that; or, if both may write them, type " +
                    sharing);
  }
  return {};
}

std::vector<Warning> warnings_of(const Risk& risk) {
  std::vector<Warning> warnings;
  if (!risk.files.empty()) {
    warnings.push_back({"fork_shares_files",
                        "started from " + risk.of_origin() +
                            ", whose files it cuts back and writes: " + some_files(risk.files),
                        "what " + risk.origin.str() + " had written there since is gone"});
  }
  return warnings;
}

api::WarningView view_of(const Warning& warning, TimePoint now) {
  return {warning.code, warning.text, warning.advice, now};
}

Result<Policy> policy_of_fork(Policy policy, const std::string& patch) {
  policy.tags.erase(kArrayTag);
  policy.revision = 1;
  policy.stop_after.reset(); // it has done its work, or was for the origin
  if (patch.empty()) {
    return policy;
  }
  const auto json = parse_json(patch);
  return json ? patch_policy(policy, *json) : tl::unexpected(json.error());
}

/// A fork is a job by itself, of the same index.
void leave_array(JobSpec& fork) {
  if (!fork.array) {
    return;
  }
  fork.env["SLURM_ARRAY_TASK_ID"] = std::to_string(fork.array->index);
  for (std::string* pattern : {&fork.stdout_path, &fork.stderr_path}) {
    for (std::size_t at = pattern->find("%a"); at != std::string::npos; at = pattern->find("%a")) {
      pattern->replace(at, 2, std::to_string(fork.array->index));
    }
  }
  fork.array.reset();
}

/// Without name and origin.
Result<JobSpec> spec_of_fork(const JobSpec& origin,
                             const RestartOverrides& newest,
                             const api::ForkRequest& request,
                             const std::vector<std::string>& wished_args) {
  JobSpec fork = origin;
  leave_array(fork);
  std::vector<std::string>& args = fork.sbatch_args;
  args.insert(args.end(), newest.sbatch_args.begin(), newest.sbatch_args.end());
  // What the origin has waited for was for its own start.
  args = scheduler::args_of_later_start(args);
  args.insert(args.end(), wished_args.begin(), wished_args.end());
  for (const auto& limit : {newest.time_limit, request.time_limit}) {
    fork.time_limit = limit ? limit : fork.time_limit;
  }
  if (!request.stderr_path.empty() && origin.stderr_path.empty()) {
    return fail(ErrorClass::usage,
                "one_output",
                "the program of " + origin.id.str() + " writes output and errors into one file",
                "leave --error out");
  }
  fork.stdout_path = output_of(request.stdout_path, fork.stdout_path);
  if (!origin.stderr_path.empty()) {
    fork.stderr_path = output_of(request.stderr_path, fork.stderr_path);
    fork.stderr_path = fork.stderr_path.empty() ? "slurm-%j.err" : fork.stderr_path;
  }
  return fork;
}

} // namespace

Result<ForkPlan> Commands::plan_fork(JobId id, const api::ForkRequest& request) {
  const auto seen = seen_before("submit", 0, request.idempotency_key, digest_of(id, request));
  if (!seen) {
    return tl::unexpected(seen.error());
  }
  if (*seen) {
    return ForkPlan{{}, JobId::parse(**seen).value_or(JobId{})};
  }
  const auto shown = view(id);
  const auto found = model(id);
  if (!shown || !found) {
    return tl::unexpected(shown ? found.error() : shown.error());
  }
  if (!request.generation) {
    return shown->latest_generation ? Result<ForkPlan>(ForkPlan{shown->latest_generation->id, {}})
                                    : no_generation(*found, store::fork_of(folder(id)));
  }
  const auto row = found->generations.find(*request.generation);
  if (row == found->generations.end()) {
    return fail(ErrorClass::not_found,
                "no_such_generation",
                id.str() + " has no generation " + request.generation->str(),
                "`ckpt gens " + id.str() + "` lists them");
  }
  if (row->second.state != GenerationState::sealed) {
    return fail(ErrorClass::conflict,
                "generation_not_sealed",
                request.generation->str() + " is " + std::string(word(row->second.state)) +
                    (row->second.reason.empty() ? "" : ": " + row->second.reason),
                "`ckpt gens " + id.str() + "` shows which are sealed");
  }
  return ForkPlan{*request.generation, {}};
}

Result<JobId>
Commands::fork(JobId id, const api::ForkRequest& request, store::StagedOrigin& staged) {
  const auto origin = model(id);
  const auto spec = reconciler_.ports().store.job(id).read_spec();
  if (!origin || !spec) {
    return tl::unexpected(origin ? spec.error() : origin.error());
  }
  const auto wished = name_dependencies(request.sbatch_args);
  const auto name = name_of_fork(request.name, spec->name);
  const auto policy = policy_of_fork(origin->job.policy, request.policy_patch);
  auto fork = wished ? spec_of_fork(*spec, origin->job.overrides, request, *wished)
                     : tl::unexpected(wished.error());
  if (!fork || !name || !policy) {
    return tl::unexpected(!fork ? fork.error() : !name ? name.error() : policy.error());
  }
  fork->started_from = staged.origin.from;
  fork->name = *name;

  const Risk risk{
      id,
      origin->job.state,
      files_at_risk(staged.manifest, staged.origin.tmpdir, origin->job.policy.ckpt_files),
      knows_written_files(staged.manifest)};
  if (const Status fine = check_files(risk, request); !fine) {
    return tl::unexpected(fine.error());
  }
  for (Warning& warning : warnings_of(risk)) {
    staged.origin.warnings.push_back(std::move(warning));
  }
  api::SubmitRequest full;
  full.spec = *std::move(fork);
  full.policy = *policy;
  full.idempotency_key = request.idempotency_key;
  if (const Status fine = check_submit(full); !fine) {
    return tl::unexpected(fine.error());
  }
  const std::string engines = engines_of_fork(request, id);
  const auto made = make_job(full, digest_of(id, request), 0, [&](const Path& to) {
    const Status placed = store::place_origin(staged, to);
    return placed && !engines.empty()
               ? store::JobFolder(to).write_restart_options({.engine_path = engines})
               : placed;
  });
  if (LiveJob* live = made ? reconciler_.find(*made) : nullptr) {
    for (const Warning& warning : staged.origin.warnings) {
      live->model.job.warnings.push_back(view_of(warning, reconciler_.ports().clock.now()));
    }
    std::ignore = reconciler_.commit(*live, {}); // the runner tells them again
  }
  return made;
}

/// Where its origin has found an engine, and where whoever forks has one.
std::string Commands::engines_of_fork(const api::ForkRequest& request, JobId origin) const {
  const auto options = reconciler_.ports().store.job(origin).read_restart_options();
  std::string engines = options ? options->engine_path : std::string();
  engines += engines.empty() || request.engine_path.empty() ? "" : ":";
  return engines + request.engine_path;
}

Result<std::string> Commands::name_of_fork(const std::string& asked, const std::string& origin) {
  std::string name = asked.empty() ? origin : asked;
  for (int n = 1;; ++n) {
    const Status free = check_name(name);
    if (free) {
      return name;
    }
    if (!asked.empty() || free.error().code != "name_taken") {
      return tl::unexpected(free.error());
    }
    name = origin + "-fork" + (n == 1 ? "" : std::to_string(n));
  }
}

Result<api::JobView> DaemonUseCases::fork(const std::string& selector,
                                          const api::ForkRequest& request) {
  const auto id = with_job(selector, [](JobId job) { return Result<JobId>(job); });
  if (!id) {
    return tl::unexpected(id.error());
  }
  const auto plan =
      gate_.call([this, job = *id, request] { return commands_.plan_fork(job, request); });
  if (!plan) {
    return tl::unexpected(plan.error());
  }
  if (plan->made) {
    return gate_.call([this, job = *plan->made] { return commands_.view(job); });
  }
  auto staged = store::stage_origin(commands_.store(), *id, plan->generation);
  if (!staged) {
    return tl::unexpected(staged.error());
  }
  const auto shared = std::make_shared<store::StagedOrigin>(*std::move(staged));
  const auto made = gate_.call(
      [this, job = *id, request, shared] { return commands_.fork(job, request, *shared); },
      seconds{60});
  if (!made) {
    // With an outcome that is not known the loop may yet come to it: the next start tidies up.
    if (made.error().outcome != Outcome::unknown) {
      std::ignore = store::discard(*shared);
    }
    return tl::unexpected(made.error());
  }
  return view_of_new(*made);
}

} // namespace ckpt::daemon
