#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "core/domain/array.hpp"
#include "core/scheduler/slurm/options.hpp"
#include "core/store/array_folder.hpp"
#include "daemon/commands.hpp"
#include "daemon/use_cases.hpp"

#include <algorithm>

// A job array: as many jobs as it has tasks. Their folders come first, then one file says that the
// array is accepted, then each gets its first event. A death before that file leaves nothing, one
// behind it nothing to be done but these events, which the recovery writes.

namespace ckpt::daemon {
namespace {

constexpr std::size_t kFoldersAtOnce = 20;       // the loop has other work, too
constexpr Duration kAcceptPatience = minutes{3}; // an fsync a task, on a slow disk

/// Each task has another file by it: "%a", "%4j", but not "%%a".
bool tells_tasks_apart(const std::string& pattern) {
  for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      continue;
    }
    ++i;
    while (i < pattern.size() && pattern[i] >= '0' && pattern[i] <= '9') {
      ++i;
    }
    if (i < pattern.size() && (pattern[i] == 'a' || pattern[i] == 'j')) {
      return true;
    }
  }
  return false;
}

/// Several tasks that write one file would cut it back under each other at every restart.
Status check_outputs(const api::SubmitRequest& request) {
  if (request.policy.stdout_on_restart == StdoutOnRestart::append) {
    return {};
  }
  for (const std::string& pattern : {request.spec.stdout_path, request.spec.stderr_path}) {
    const bool own = pattern.empty() || pattern == "/dev/null" || tells_tasks_apart(pattern);
    if (!own) {
      return fail(ErrorClass::usage,
                  "output_shared",
                  "all tasks of the array would write '" + pattern +
                      "', and a restart of one cuts its output back to its checkpoint",
                  "put %a (the task's index) into its name, or say --stdout-on-restart append");
    }
  }
  return {};
}

/// A restart puts such files back as they were at its checkpoint, and would do so with the others'.
Status check_files(const Policy& policy) {
  for (const auto* patterns : {&policy.ckpt_files, &policy.append_files}) {
    for (const std::string& pattern : *patterns) {
      if (pattern.find("%a") == std::string::npos) {
        return fail(ErrorClass::usage,
                    "files_shared_by_tasks",
                    "a restart of one task would put back what '" + pattern +
                        "' names of all tasks of the array",
                    "put %a (the task's index) into --ckpt-files and --append-files");
      }
    }
  }
  return {};
}

void put_index(std::vector<std::string>& patterns, std::int64_t index) {
  for (std::string& pattern : patterns) {
    for (std::size_t at = pattern.find("%a"); at != std::string::npos; at = pattern.find("%a")) {
      pattern.replace(at, 2, std::to_string(index));
    }
  }
}

Status check_arguments(const std::vector<std::string>& sbatch_args) {
  const auto options = scheduler::slurm::parse_options(sbatch_args);
  if (options && scheduler::slurm::last_value(*options, "array")) {
    return fail(ErrorClass::usage,
                "array_twice",
                "the indexes of a job array stand in `indexes`, not among sbatch's options");
  }
  return {};
}

} // namespace

Result<ArrayPlan> Commands::plan_array(const api::ArrayRequest& request) {
  ArrayPlan plan;
  plan.digest = request.indexes + "|" + request_digest(request.job);
  const auto seen = seen_before("submit", 0, request.job.idempotency_key, plan.digest);
  if (!seen || *seen) {
    if (!seen) {
      return tl::unexpected(seen.error());
    }
    plan.of = JobId::parse(**seen).value_or(JobId{});
    return plan;
  }
  const auto indexes = parse_indexes(request.indexes);
  if (!indexes) {
    return tl::unexpected(indexes.error());
  }
  if (reconciler_.ports().scheduler.kind() != SchedulerKind::slurm) {
    return fail(ErrorClass::usage,
                "array_needs_slurm",
                "only Slurm has job arrays, and this daemon runs jobs on this machine",
                "submit a job for each index");
  }
  if (request.job.policy.tags.contains(kArrayTag)) {
    return fail(ErrorClass::usage,
                "tag_taken",
                std::string("the tag '") + kArrayTag + "' is what all tasks of an array get",
                "choose another name for yours");
  }
  for (const Status& fine : {check_outputs(request.job),
                             check_files(request.job.policy),
                             check_arguments(request.job.spec.sbatch_args)}) {
    if (!fine) {
      return tl::unexpected(fine.error());
    }
  }
  auto wanted = prepare_request(request.job);
  if (!wanted) {
    return tl::unexpected(wanted.error());
  }
  const JobSpec& spec = wanted->full.spec;
  const bool named = !spec.name.empty() && !wanted->full.script;
  plan.tasks = tasks_of(*indexes,
                        SubmissionToken{random_hex(16)},
                        spec.name.empty() ? default_name(spec) : spec.name);
  for (const ArrayTask& task : plan.tasks) {
    const std::string name = task.name + "_" + std::to_string(task.index);
    if (const Status free = named ? check_name(name) : Status{}; !free) {
      return tl::unexpected(free.error());
    }
  }
  plan.wanted = *std::move(wanted);
  plan.policy = plan.wanted.full.policy;
  return plan;
}

Result<bool> Commands::make_tasks(ArrayPlan& plan, std::size_t most) {
  const store::ArrayFolder folder(store().root(), plan.tasks.front().token);
  if (plan.made.empty()) {
    if (const Status made = folder.make(); !made) {
      return tl::unexpected(made.error());
    }
  }
  api::SubmitRequest& full = plan.wanted.full;
  for (std::size_t i = 0; i < most && plan.made.size() < plan.tasks.size(); ++i) {
    const bool first = plan.made.empty();
    ArrayTask task = plan.tasks[plan.made.size()];
    task.of = first ? JobId{} : plan.made.front();
    full.spec.name = task.name + "_" + std::to_string(task.index);
    full.spec.array = task;
    full.policy.ckpt_files = plan.policy.ckpt_files;
    full.policy.append_files = plan.policy.append_files;
    put_index(full.policy.ckpt_files, task.index);
    put_index(full.policy.append_files, task.index);
    if (const Status made = make_folder(full, plan.wanted.script_at, first); !made) {
      return tl::unexpected(made.error());
    }
    plan.made.push_back(full.spec.id);
    if (const Status linked = folder.link_task(task.index, full.spec.id); !linked) {
      return tl::unexpected(linked.error());
    }
    kill_point("array.linked");
  }
  return plan.made.size() == plan.tasks.size();
}

void Commands::drop_array(const ArrayPlan& plan) {
  // First what may say that it is accepted; jobs without it go at the next start, if not now.
  const store::ArrayFolder folder(store().root(), plan.tasks.front().token);
  if (const Status removed = folder.remove(); !removed) {
    return log::error(removed.error().message);
  }
  for (const JobId id : plan.made) {
    if (const Status removed = store().remove_job(id); !removed) {
      log::error(removed.error().message);
    }
  }
}

Status Commands::accept_array(ArrayPlan& plan) {
  std::vector<Reconciler::JobAndEvent> created;
  const std::string& key = plan.wanted.full.idempotency_key;
  const store::ArrayFolder folder(store().root(), plan.tasks.front().token);
  // First all that may fail: from the acceptance on there is no way back.
  std::vector<JobModel> models;
  for (const JobId id : plan.made) {
    const auto spec = store().job(id).read_spec();
    const auto policy = store().job(id).read_policy();
    if (!spec || !policy) {
      return tl::unexpected(spec ? policy.error() : spec.error());
    }
    models.push_back(model_of(*spec, *policy));
  }
  if (const Status accepted = folder.accept(key); !accepted) {
    return accepted;
  }
  const auto half_made = [](const Error& error) {
    return fail(ErrorClass::failed,
                "array_half_made",
                "the array is accepted, but not all of its tasks could be taken up: " +
                    error.message,
                "`ckpt daemon restart` takes up the others",
                Outcome::unknown);
  };
  for (JobModel& model : models) {
    const bool first = created.empty();
    auto job = reconciler_.adopt(std::move(model));
    if (!job) {
      return half_made(job.error());
    }
    created.push_back({*job, created_event(first ? key : "")});
  }
  if (const Status done = reconciler_.record_all(created, plan.digest); !done) {
    return half_made(done.error());
  }
  reconciler_.attend(*created.front().job); // which submits all
  return {};
}

Result<api::ArrayView> Commands::array_view(JobId of) {
  api::ArrayView view;
  view.id = of;
  view.tag = {{kArrayTag, of.str()}};
  const auto models = reconciler_.ports().registry.query({{}, {}, JobId{of.value - 1}, -1});
  if (!models) {
    return tl::unexpected(models.error());
  }
  for (const JobModel& model : *models) {
    if (model.job.array && model.job.array->id == of) {
      auto job = this->view(model.job.id);
      if (!job) {
        return tl::unexpected(job.error());
      }
      view.items.push_back(*std::move(job));
    }
  }
  return view;
}

Result<api::ArrayView> DaemonUseCases::submit_array(const api::ArrayRequest& request) {
  const std::lock_guard one_at_a_time(making_array_); // a key that comes again waits for the first
  const auto plan = std::make_shared<Result<ArrayPlan>>(
      gate_.call([this, request] { return commands_.plan_array(request); }, seconds{60}));
  if (!*plan) {
    return tl::unexpected(plan->error());
  }
  JobId of = (*plan)->of.value_or(JobId{});
  if (!(*plan)->of) {
    const auto made = make_array(std::shared_ptr<ArrayPlan>(plan, &**plan));
    if (!made) {
      return tl::unexpected(made.error());
    }
    of = *made;
  }
  // They are refused together, or not at all.
  if (const auto first = view_of_new(of); !first) {
    return tl::unexpected(first.error());
  }
  return gate_.call([this, of] { return commands_.array_view(of); }, seconds{60});
}

Result<JobId> DaemonUseCases::make_array(const std::shared_ptr<ArrayPlan>& plan) {
  for (bool all = false; !all;) {
    const auto some = gate_.call(
        [this, plan] { return commands_.make_tasks(*plan, kFoldersAtOnce); }, seconds{60});
    if (!some) {
      const auto dropped = gate_.call([this, plan] {
        commands_.drop_array(*plan);
        return Result<bool>(true);
      });
      if (!dropped) {
        log::warning("what was made of an array is removed at the next start");
      }
      return tl::unexpected(some.error());
    }
    all = *some;
  }
  return gate_.call(
      [this, plan]() -> Result<JobId> {
        const Status done = commands_.accept_array(*plan);
        if (!done && done.error().code != "array_half_made") {
          commands_.drop_array(*plan);
        }
        return done ? Result<JobId>(plan->made.front()) : tl::unexpected(done.error());
      },
      kAcceptPatience);
}

} // namespace ckpt::daemon
