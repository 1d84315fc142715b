#include "core/json/json.hpp"
#include "core/json/parts.hpp"

#include <limits>

namespace ckpt {

namespace {

// The environment is an object, as people and programs expect it. JSON's names are UTF-8, so the
// rare variables whose names are not go into a list of pairs beside it.

nlohmann::json env_json(const std::map<std::string, std::string>& env) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [name, value] : env) {
    if (bytes_json(name).is_string()) {
      json[name] = bytes_json(value);
    }
  }
  return json;
}

nlohmann::json odd_env_json(const std::map<std::string, std::string>& env) {
  nlohmann::json json = nlohmann::json::array();
  for (const auto& [name, value] : env) {
    if (!bytes_json(name).is_string()) {
      json.push_back({{"name", bytes_json(name)}, {"value", bytes_json(value)}});
    }
  }
  return json;
}

std::string env_problem(const std::string& name, const std::string& value) {
  if (name.empty() || name.find('=') != std::string::npos || name.find('\0') != std::string::npos) {
    return "'" + name + "' cannot be the name of a variable";
  }
  return value.find('\0') == std::string::npos ? "" : name + " contains a NUL byte";
}

std::map<std::string, std::string> read_env(Fields& fields) {
  std::map<std::string, std::string> env;
  const auto add = [&](const char* field, const std::string& name, std::string value) {
    if (const std::string problem = env_problem(name, value); !problem.empty()) {
      fields.reject(field, problem);
    } else if (!env.emplace(name, std::move(value)).second) {
      fields.reject(field, name + " is there twice");
    }
  };
  const nlohmann::json* object = fields.raw("env");
  if (object != nullptr && !object->is_object()) {
    fields.reject("env", "must be an object");
    return env;
  }
  if (object != nullptr) {
    for (const auto& item : object->items()) {
      auto value = bytes_from_json(item.value());
      if (!value) {
        fields.reject("env", item.key() + " " + value.error());
        return env;
      }
      add("env", item.key(), *std::move(value));
    }
  }
  read_objects(fields, "env_odd_names", false, [&](Fields& pair) {
    const std::string name = pair.bytes("name");
    std::string value = pair.bytes("value");
    if (pair.finish()) {
      add("env_odd_names", name, std::move(value));
    }
  });
  return env;
}

std::vector<std::string> read_argv(Fields& fields) {
  std::vector<std::string> argv = read_bytes_list(fields, "argv");
  if (argv.empty() || argv.front().empty()) {
    fields.reject("argv", "must name a program");
  }
  return argv;
}

std::string read_cwd(Fields& fields) {
  std::string cwd = fields.bytes("cwd");
  if (cwd.empty() || cwd.front() != '/' || cwd.find('\0') != std::string::npos) {
    fields.reject("cwd", "must be an absolute path");
  }
  return cwd;
}

AppCheckpointing read_app(Fields& fields) {
  AppCheckpointing app;
  read_object(fields, "app", [&](Fields& inner) {
    app.signal = inner.text_or("signal", "");
    app.command = read_path_or_empty(inner, "command");
    app.restart_command = read_path_or_empty(inner, "restart_command");
  });
  return app;
}

std::optional<GenerationRef> read_started_from(Fields& fields) {
  std::optional<GenerationRef> from;
  read_object(fields, "started_from", [&](Fields& inner) {
    from = GenerationRef{read_id<JobId>(inner, "job"), read_id<GenerationId>(inner, "generation")};
  });
  return from;
}

nlohmann::json array_json(const ArrayTask& task) {
  return {{"of", task.of.str()},
          {"token", task.token.value},
          {"name", task.name},
          {"index", task.index},
          {"count", task.count},
          {"min", task.min},
          {"max", task.max},
          {"step", task.step},
          {"at_once", task.at_once ? nlohmann::json(*task.at_once) : nlohmann::json(nullptr)}};
}

std::optional<ArrayTask> read_array(Fields& fields) {
  std::optional<ArrayTask> task;
  read_object(fields, "array", [&](Fields& inner) {
    task.emplace();
    task->of = read_id<JobId>(inner, "of");
    task->token.value = inner.text("token");
    task->name = inner.text_or("name", "");
    task->index = inner.integer_in("index", 0, std::numeric_limits<std::int32_t>::max());
    task->count = inner.integer_or("count", 1);
    task->min = inner.integer_or("min", task->index);
    task->max = inner.integer_or("max", task->index);
    task->step = inner.integer_or("step", 1);
    task->at_once = inner.optional_integer("at_once");
  });
  return task;
}

std::string octal(int mode) {
  constexpr int kDigits = 4;
  std::string text;
  for (int digit = kDigits - 1; digit >= 0; --digit) {
    text += static_cast<char>('0' + ((static_cast<unsigned>(mode) >> (3 * digit)) & 7U));
  }
  return text;
}

int read_umask(Fields& fields) {
  const std::string text = fields.text_or("umask", "0022");
  int value = 0;
  for (const char c : text) {
    value = c >= '0' && c <= '7' && value <= 0777 ? value * 8 + (c - '0') : 01000;
  }
  if (text.empty() || value > 0777) {
    fields.reject("umask", "must be octal digits like \"0022\"");
  }
  return value;
}

} // namespace

nlohmann::json to_json(const JobSpec& spec) {
  nlohmann::json json = {
      {"id", spec.id.str()},
      {"name", spec.name},
      {"created_at", format_rfc3339(spec.created_at)},
      {"argv", bytes_list_json(spec.argv)},
      {"script_name", bytes_json(spec.script_name)},
      {"env", env_json(spec.env)},
      {"cwd", bytes_json(spec.cwd)},
      {"umask", octal(spec.umask)},
      {"setup", bytes_json(spec.setup)},
      {"modules", bytes_list_json(spec.modules)},
      {"stdout_path", bytes_json(spec.stdout_path)},
      {"stderr_path", bytes_json(spec.stderr_path)},
      {"scheduler", word(spec.scheduler)},
      {"sbatch_args", bytes_list_json(spec.sbatch_args)},
      {"time_limit_seconds", nullptr},
      {"engine", word(spec.engine)},
      {"app",
       {{"signal", spec.app.signal},
        {"command", bytes_json(spec.app.command)},
        {"restart_command", bytes_json(spec.app.restart_command)}}},
      {"started_from", nullptr},
  };
  if (nlohmann::json odd = odd_env_json(spec.env); !odd.empty()) {
    json["env_odd_names"] = std::move(odd);
  }
  if (spec.array) {
    json["array"] = array_json(*spec.array);
  }
  if (spec.time_limit) {
    json["time_limit_seconds"] = seconds_json(*spec.time_limit);
  }
  if (spec.started_from) {
    json["started_from"] = {{"job", spec.started_from->job.str()},
                            {"generation", spec.started_from->generation.str()}};
  }
  return json;
}

Result<JobSpec> job_spec_from_json(const nlohmann::json& json) {
  Fields fields(json, "spec");
  JobSpec spec;
  spec.id = read_id<JobId>(fields, "id");
  spec.name = fields.text_or("name", "");
  spec.created_at = fields.time("created_at");
  spec.argv = read_argv(fields);
  spec.script_name = read_path_or_empty(fields, "script_name");
  spec.env = read_env(fields);
  spec.cwd = read_cwd(fields);
  spec.umask = read_umask(fields);
  spec.setup = read_path_or_empty(fields, "setup");
  spec.modules = read_bytes_list(fields, "modules");
  spec.stdout_path = read_path_or_empty(fields, "stdout_path");
  spec.stderr_path = read_path_or_empty(fields, "stderr_path");
  spec.scheduler = fields.word_of<SchedulerKind>("scheduler");
  spec.sbatch_args = read_bytes_list(fields, "sbatch_args");
  spec.time_limit = fields.optional_duration("time_limit_seconds");
  spec.engine = fields.word_or("engine", EngineWish::automatic);
  spec.app = read_app(fields);
  spec.started_from = read_started_from(fields);
  spec.array = read_array(fields);
  if (const Status status = fields.finish(); !status) {
    return tl::unexpected(status.error());
  }
  return spec;
}

} // namespace ckpt
