#include "client/batch_options.hpp"

#include "core/base/strings.hpp"
#include "core/domain/time_limit.hpp"

#include <algorithm>
#include <array>

namespace ckpt::client {

using script::Given;

std::optional<std::string> wish_for(const std::vector<Given>& options, const char* name) {
  const Given* found = last_given(options, name);
  return found == nullptr ? std::nullopt : std::optional(found->option.value.value_or(""));
}

Result<std::vector<Given>> typed_options(const std::vector<std::string>& words) {
  auto options = scheduler::slurm::parse_options(words);
  if (!options) {
    return tl::unexpected(options.error());
  }
  std::vector<Given> given;
  for (auto& option : *options) {
    given.push_back({std::move(option), 0, "command line"});
  }
  return given;
}

Status look_at(Session& session, const script::Subject& subject) {
  std::string refusals;
  for (const script::Finding& finding : script::inspect(subject)) {
    std::string text = finding.where + ": " + finding.message +
                       (finding.advice.empty() ? "" : "; " + finding.advice) +
                       (finding.translated.empty() ? "" : "\n    " + finding.translated);
    if (finding.refuses) {
      refusals += "\n  " + text;
    } else {
      session.say(text);
    }
  }
  return refusals.empty() ? Status{}
                          : fail(ErrorClass::refused,
                                 "script_refused",
                                 subject.name + " was not submitted:" + refusals,
                                 "");
}

Status take_over(SpecOptions& spec, const std::vector<Given>& options) {
  if (const auto time = wish_for(options, "time"); time && !spec.time_limit) {
    const auto limit = parse_time_limit(*time);
    if (!limit) {
      Error error = limit.error();
      error.message = last_given(options, "time")->source + ": " + error.message;
      return tl::unexpected(error);
    }
    spec.time_limit = *limit;
  }
  const auto take = [&](std::optional<std::string>& field, const char* name) {
    field = field ? field : wish_for(options, name);
  };
  take(spec.name, "job-name");
  take(spec.output, "output");
  take(spec.error, "error");
  return {};
}

std::vector<std::string> remaining_options(Session& session, const std::vector<Given>& options) {
  constexpr std::array<std::string_view, 17> kInTheRequest{"time",
                                                           "array",
                                                           "job-name",
                                                           "output",
                                                           "error",
                                                           "chdir",
                                                           "wrap",
                                                           "export",
                                                           "get-user-env",
                                                           "parsable",
                                                           "quiet",
                                                           "wait",
                                                           "requeue",
                                                           "no-requeue",
                                                           "open-mode",
                                                           "verbose",
                                                           "ignore-pbs"};
  std::vector<std::string> words;
  for (const Given& given : options) {
    const auto& [name, value, as_written] = given.option;
    if (std::find(kInTheRequest.begin(), kInTheRequest.end(), name) == kInTheRequest.end()) {
      words.push_back("--" + name + (value ? "=" + *value : ""));
    }
  }
  const Given* tasks = last_given(options, "ntasks");
  if (tasks != nullptr && tasks->option.value != "1" && !wish_for(options, "nodes")) {
    words.emplace_back("--nodes=1");
    session.say(tasks->source + ": --nodes=1 is added, since all tasks must be on one node");
  }
  return words;
}

ExportedEnvironment exported_environment(const std::map<std::string, std::string>& env,
                                         const std::string& wish) {
  ExportedEnvironment exported;
  const bool all = wish.empty() || wish == "ALL" || wish.starts_with("ALL,");
  if (all) {
    exported.env = env;
  } else {
    exported.setup = ":"; // a login shell makes the rest, as slurmd does it by `su -`
    for (const auto& [name, value] : env) {
      const bool of_person =
          name == "HOME" || name == "USER" || name == "LOGNAME" || name == "SHELL";
      if (of_person || name.starts_with("SLURM_")) {
        exported.env.emplace(name, value);
      }
    }
    exported.env["PATH"] = "/usr/local/bin:/usr/bin:/bin";
  }
  for (const std::string& part : split(wish, ',')) {
    if (part.empty() || part == "ALL" || part == "NONE") {
      continue;
    }
    const std::size_t equals = part.find('=');
    const std::string name = part.substr(0, equals);
    const auto present = env.find(name);
    if (equals == std::string::npos && present == env.end()) {
      continue;
    }
    const std::string value =
        equals == std::string::npos ? present->second : part.substr(equals + 1);
    exported.env[name] = value;
    if (!all) { // what a person names counts more than what a login shell makes of it
      exported.setup += "; export " + name + "=" + shell_quote(value);
    }
  }
  return exported;
}

void export_as_wished(JobSpec& spec,
                      const std::vector<Given>& options,
                      const std::vector<std::string>& named) {
  auto exported = exported_environment(spec.env, wish_for(options, "export").value_or(""));
  for (const std::string& pair : named) {
    const std::string name = pair.substr(0, pair.find('='));
    const std::string& value = exported.env[name] = spec.env.at(name);
    if (!exported.setup.empty()) {
      exported.setup += "; export " + name + "=" + shell_quote(value);
    }
  }
  spec.env = std::move(exported.env);
  spec.env["PWD"] = spec.cwd;
  if (!exported.setup.empty()) {
    spec.setup = exported.setup + (spec.setup.empty() ? "" : "\n" + spec.setup);
  }
}

} // namespace ckpt::client
