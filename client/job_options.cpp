#include "client/job_options.hpp"

#include "core/base/process.hpp"
#include "core/base/strings.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>
#include <sys/stat.h>

namespace ckpt::client {
namespace {

using nlohmann::json;

double in_seconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1000.0;
}

tl::unexpected<Error> usage(const std::string& message, const std::string& advice) {
  return fail(ErrorClass::usage, "usage", message, advice);
}

/// A duration, or one of the words.
Result<json> duration_or(const std::string& option,
                         const std::string& text,
                         const std::vector<std::string>& words) {
  for (const std::string& one : words) {
    if (text == one) {
      return json(text);
    }
  }
  const auto duration = parse_duration(text);
  if (!duration) {
    return usage(option + ": " + duration.error().message,
                 "Write " + join(words, ", ") + ", or a duration with its unit, like 30m.");
  }
  return json(in_seconds(*duration));
}

Result<std::pair<std::string, std::string>> key_and_value(const std::string& option,
                                                          const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return usage(option + ": '" + text + "' has no name and value",
                 "Write " + option + " NAME=VALUE.");
  }
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

template <class T> void put(json& object, const char* name, const std::optional<T>& value) {
  if (value) {
    object[name] = *value;
  }
}

int current_umask() {
  // The call that asks also sets. One thread only, so nobody sees it in between.
  const mode_t mask = umask(077);
  umask(mask);
  return static_cast<int>(mask);
}

Result<std::string> absolute_folder(const std::string& text) {
  std::error_code error;
  const Path folder = std::filesystem::absolute(text, error).lexically_normal();
  if (error || !std::filesystem::is_directory(folder, error)) {
    return fail(ErrorClass::not_found,
                "no_such_folder",
                "there is no folder " + text,
                "Name an existing one with --chdir.");
  }
  return folder.string();
}

} // namespace

Result<std::string> current_folder(const Session& session) {
  std::error_code error;
  const Path real = std::filesystem::current_path(error);
  if (error) {
    return fail(ErrorClass::failed,
                "no_current_folder",
                "this folder is not there any more: " + error.message(),
                "Change to another one.");
  }
  const std::string logical = session.env_value("PWD");
  const bool same = !logical.empty() && logical.front() == '/' &&
                    std::filesystem::equivalent(logical, real, error) && !error;
  return same ? logical : real.string();
}

void add_policy_options(Verb& verb, PolicyOptions& options) {
  verb.group("Checkpoints and restarts")
      .text("--every", options.every, "D|auto|off", "Between checkpoints (auto)")
      .text("--lead", options.lead, "D|auto", "Last checkpoint this long before walltime (auto)")
      .number("--keep", options.keep, 1, "Sealed generations kept (2)")
      .flag("--overwrite", options.overwrite, "The same as --keep 1")
      .number("--keep-after-success",
              options.keep_after_success,
              0,
              "Generations kept once it has completed (0)")
      .text("--compress", options.compress, "zstd|none", "After sealing (zstd)")
      .number("--max-restarts", options.max_restarts, 0, "Then it is parked (100)")
      .duration("--total-time", options.total_time, "Of run time, then it is parked")
      .duration("--stop-after", options.stop_after, "Checkpoint once after this, and park")
      .text("--at-walltime", options.at_walltime, "requeue|park", "At the end of an allocation")
      .text("--stdout-on-restart",
            options.stdout_on_restart,
            "exact|append",
            "Cut output back to the checkpoint, or not (exact)")
      .texts("--ckpt-files",
             options.ckpt_files,
             "GLOB",
             "Files rewritten in place: saved with each generation")
      .texts("--append-files",
             options.append_files,
             "GLOB",
             "Files appended to: cut back at a restart")
      .text(
          "--local-files", options.local_files, "save|warn|ignore", "Open files on the node's disk")
      .text("--shield-term", options.shield_term, "auto|on|off", "Keep SIGTERM from the program")
      .texts("--tag", options.tags, "K=V", "A mark to select by");
}

Result<std::string> policy_patch(const PolicyOptions& options) {
  json patch = json::object();
  if (options.every) {
    auto value = duration_or("--every", *options.every, {"auto", "off"});
    if (!value) {
      return tl::unexpected(value.error());
    }
    patch["every_seconds"] = *value;
  }
  if (options.lead) {
    auto value = duration_or("--lead", *options.lead, {"auto"});
    if (!value) {
      return tl::unexpected(value.error());
    }
    patch["lead_seconds"] = *value;
  }
  if (options.overwrite && options.keep && *options.keep != 1) {
    return usage("--overwrite and --keep " + std::to_string(*options.keep) + " contradict",
                 "Give one of them.");
  }
  put(patch, "keep", options.overwrite ? std::optional(1) : options.keep);
  put(patch, "keep_after_success", options.keep_after_success);
  put(patch, "compress", options.compress);
  put(patch, "max_restarts", options.max_restarts);
  if (options.total_time) {
    patch["total_time_seconds"] = in_seconds(*options.total_time);
  }
  if (options.stop_after) {
    patch["stop_after_seconds"] = in_seconds(*options.stop_after);
  }
  put(patch, "at_walltime", options.at_walltime);
  put(patch, "stdout_on_restart", options.stdout_on_restart);
  if (!options.ckpt_files.empty()) {
    patch["ckpt_files"] = options.ckpt_files;
  }
  if (!options.append_files.empty()) {
    patch["append_files"] = options.append_files;
  }
  put(patch, "local_files", options.local_files);
  put(patch, "shield_term", options.shield_term);
  for (const std::string& tag : options.tags) {
    const auto pair = key_and_value("--tag", tag);
    if (!pair) {
      return tl::unexpected(pair.error());
    }
    patch["tags"][pair->first] = pair->second;
  }
  if (patch.empty()) {
    return std::string();
  }
  if (const auto checked = patch_policy(Policy{}, patch); !checked) {
    return tl::unexpected(checked.error());
  }
  return dump_json(patch);
}

void add_spec_options(Verb& verb, SpecOptions& options) {
  verb.group("Job")
      .text("-J,--job-name", options.name, "NAME", "Unique among your unfinished jobs")
      .time_limit("-t,--time", options.time_limit, "Limit of ONE allocation (as for sbatch)")
      .text("-o,--output", options.output, "FILE", "Standard output (slurm-%j.out)")
      .text("-e,--error", options.error, "FILE", "Standard error (with the output)")
      .text("-D,--chdir", options.chdir, "FOLDER", "Where it runs (here)")
      .text("--wrap", options.wrap, "CMD", "A shell command instead of a program");
  add_own_spec_options(verb, options);
}

void add_own_spec_options(Verb& verb, SpecOptions& options) {
  verb.text("--engine", options.engine, "auto|dmtcp|criu|app", "What checkpoints it (auto)")
      .texts("--env", options.env, "K=V", "Set in its environment")
      .texts("--module", options.modules, "NAME", "Load before it starts")
      .text("--setup", options.setup, "CMD", "Shell command before it starts")
      .text("--ckpt-signal", options.ckpt_signal, "SIG", "app: makes it checkpoint itself")
      .text("--ckpt-command", options.ckpt_command, "CMD", "app: likewise, by a command")
      .text("--restart-command", options.restart_command, "CMD", "app: from the second attempt on");
}

Result<api::SubmitRequest> make_submit_request(const Session& session,
                                               const SpecOptions& options,
                                               const PolicyOptions& policy,
                                               std::vector<std::string> argv,
                                               std::vector<std::string> sbatch_args) {
  api::SubmitRequest request;
  JobSpec& spec = request.spec;
  if (options.wrap && !argv.empty()) {
    return usage("there are both --wrap and a program", "Give one of them.");
  }
  spec.argv =
      options.wrap ? std::vector<std::string>{"/bin/sh", "-c", *options.wrap} : std::move(argv);
  if (spec.argv.empty() || spec.argv.front().empty()) {
    return usage("there is no program to run", "Write it behind --: `ckpt submit -- ./simulate`.");
  }
  auto folder = options.chdir ? absolute_folder(*options.chdir) : current_folder(session);
  if (!folder) {
    return tl::unexpected(folder.error());
  }
  spec.cwd = std::move(*folder);
  spec.umask = current_umask();
  spec.env = session.env();
  spec.env["PWD"] = spec.cwd;
  for (const std::string& text : options.env) {
    auto pair = key_and_value("--env", text);
    if (!pair) {
      return tl::unexpected(pair.error());
    }
    spec.env[pair->first] = pair->second;
  }
  spec.time_limit = options.time_limit;
  spec.name = options.name.value_or(""); // a default would not be unique
  spec.stdout_path = options.output.value_or("");
  spec.stderr_path = options.error.value_or("");
  spec.modules = options.modules;
  spec.setup = options.setup.value_or("");
  spec.app.signal = options.ckpt_signal.value_or("");
  spec.app.command = options.ckpt_command.value_or("");
  spec.app.restart_command = options.restart_command.value_or("");
  if (!spec.app.signal.empty() && !parse_signal(spec.app.signal)) {
    return usage("--ckpt-signal: '" + spec.app.signal + "' is no signal",
                 "Write USR1, for example.");
  }
  spec.sbatch_args = std::move(sbatch_args);
  if (options.engine) {
    const auto engine = from_word<EngineWish>(*options.engine);
    if (!engine) {
      return usage("--engine: '" + *options.engine + "' is not known",
                   "Write one of: auto, dmtcp, criu, app.");
    }
    if (*engine == EngineWish::mana) {
      return fail(ErrorClass::unusable,
                  "engine_unusable",
                  "--engine: MANA, for MPI over several nodes, is not supported yet",
                  "Take dmtcp, criu or app, for a program on one node, or leave --engine out.");
    }
    spec.engine = *engine;
  }
  const auto patch = policy_patch(policy);
  if (!patch) {
    return tl::unexpected(patch.error());
  }
  if (!patch->empty()) {
    request.policy = patch_policy(Policy{}, *parse_json(*patch)).value_or(Policy{});
  }
  return request;
}

} // namespace ckpt::client
