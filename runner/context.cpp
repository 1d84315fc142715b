#include "runner/context.hpp"

#include "core/domain/array.hpp"

#include <unistd.h>

#include <charconv>

extern char** environ;

namespace ckpt::runner {
namespace {

std::string value_of(const std::map<std::string, std::string>& env, const char* name) {
  const auto found = env.find(name);
  return found == env.end() ? std::string{} : found->second;
}

int number_of(const std::string& text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Status
read_duration(const std::map<std::string, std::string>& env, const char* name, Duration& to) {
  const std::string text = value_of(env, name);
  if (text.empty()) {
    return {};
  }
  const auto duration = parse_duration(text);
  if (!duration) {
    return tl::unexpected<Error>(duration.error());
  }
  to = *duration;
  return {};
}

} // namespace

std::map<std::string, std::string> current_environment() {
  std::map<std::string, std::string> env;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos && equals > 0) {
      env[text.substr(0, equals)] = text.substr(equals + 1);
    }
  }
  return env;
}

SchedulerJobId slurm_job_id(const std::map<std::string, std::string>& env) {
  const std::string array = value_of(env, "SLURM_ARRAY_JOB_ID");
  const std::string task = value_of(env, "SLURM_ARRAY_TASK_ID");
  return {array.empty() || task.empty() ? value_of(env, "SLURM_JOB_ID") : array + "_" + task};
}

Status find_own_folder(Context& context) {
  const std::string index = value_of(context.env, "SLURM_ARRAY_TASK_ID");
  if (context.scheduler != SchedulerKind::slurm || index.empty() ||
      context.job_path.filename() != index) {
    return {};
  }
  std::error_code error;
  const Path real = std::filesystem::canonical(context.job_path, error);
  if (error) {
    return tl::unexpected<Error>(
        errno_error(error.value(), "cannot find this task's job:", context.job_path));
  }
  context.job_path = real;
  const auto spec = context.folder().read_spec();
  if (!spec) {
    return tl::unexpected<Error>(spec.error());
  }
  if (!spec->array || std::to_string(spec->array->index) != index ||
      context.token != task_token(spec->array->token, spec->array->index)) {
    return fail(ErrorClass::failed,
                "not_this_task",
                real.string() + " is not the job of task " + index + " of this array");
  }
  return {};
}

Result<Context> read_context(const std::vector<std::string>& arguments,
                             const std::map<std::string, std::string>& env) {
  Context context;
  context.env = env;
  for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
    if (arguments[i] == "--job") {
      context.job_path = arguments[i + 1];
    } else if (arguments[i] == "--token") {
      context.token.value = arguments[i + 1];
    } else {
      return fail(ErrorClass::usage, "bad_arguments", "unknown option '" + arguments[i] + "'");
    }
  }
  if (arguments.size() % 2 != 0 || !context.job_path.is_absolute() || context.token.empty()) {
    return fail(ErrorClass::usage,
                "bad_arguments",
                "usage: ckpt-runner run --job FOLDER --token TOKEN",
                "batch scripts made by ckptd call it; nobody needs to by hand");
  }
  // A local attempt can be started from inside a Slurm job; the other way round there is no such
  // variable.
  const bool slurm = value_of(env, "CKPT_LOCAL_JOB_ID").empty();
  context.scheduler = slurm ? SchedulerKind::slurm : SchedulerKind::local;
  context.scheduler_job_id =
      slurm ? slurm_job_id(env) : SchedulerJobId{value_of(env, "CKPT_LOCAL_JOB_ID")};
  context.restart_count =
      number_of(value_of(env, slurm ? "SLURM_RESTART_COUNT" : "CKPT_LOCAL_RESTART_COUNT"));
  context.local_state_dir = value_of(env, "CKPT_LOCAL_STATE");
  if (context.scheduler_job_id.empty()) {
    return fail(ErrorClass::usage,
                "bad_arguments",
                "neither SLURM_JOB_ID nor CKPT_LOCAL_JOB_ID is set: not inside an allocation");
  }
  for (auto [name, to] : {std::pair{"CKPT_LEASE", &context.lease},
                          std::pair{"CKPT_RESTART_DELAY", &context.restart_delay},
                          std::pair{"CKPT_LOOK_EVERY", &context.look_every},
                          std::pair{"CKPT_STORE_PATIENCE", &context.store_patience},
                          std::pair{"CKPT_ASK_SCHEDULER_EVERY", &context.ask_scheduler_every}}) {
    if (auto read = read_duration(env, name, *to); !read) {
      return tl::unexpected<Error>(read.error());
    }
  }
  return context;
}

} // namespace ckpt::runner
