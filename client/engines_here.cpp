#include "client/engines_here.hpp"

#include "api/config.hpp"
#include "client/daemon_control.hpp"
#include "core/base/strings.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace ckpt::client {
namespace {

/// How the engines say it.
constexpr std::array<std::string_view, 4> kWanting{
    "no engine can checkpoint", "cannot be used", "there is no DMTCP ", "criu is not on PATH"};

std::string value_of(const std::map<std::string, std::string>& env, const char* variable) {
  const auto found = env.find(variable);
  return found == env.end() ? std::string() : found->second;
}

/// Where it runs it may find more than here.
bool is_set_up_there(const JobSpec& spec) {
  return !spec.modules.empty() || !spec.setup.empty() || value_of(spec.env, "PATH").empty() ||
         !value_of(spec.env, "CKPT_DMTCP_ROOT").empty() || !value_of(spec.env, "CKPT_CRIU").empty();
}

bool saves_itself(const JobSpec& spec) {
  const bool can = !spec.app.signal.empty() || !spec.app.command.empty();
  return spec.engine == EngineWish::app || (spec.engine == EngineWish::automatic && can);
}

bool is_wished(EngineKind engine, EngineWish wish) {
  return wish == EngineWish::automatic ? engine != EngineKind::app : word(engine) == word(wish);
}

bool can_be_run(const Path& tool) {
  std::error_code error;
  return tool.is_absolute() && std::filesystem::is_regular_file(tool, error) &&
         ::access(tool.c_str(), X_OK) == 0;
}

/// As far as its environment tells.
bool lacks_engine_here(const JobSpec& spec) {
  constexpr std::array kFound{EngineKind::dmtcp, EngineKind::criu};
  const bool here = std::any_of(kFound.begin(), kFound.end(), [&](EngineKind engine) {
    return is_wished(engine, spec.engine) && !engine_program(engine, spec.env).empty();
  });
  return !here && !saves_itself(spec) && !is_set_up_there(spec);
}

/// As in a job: what a variable names is that or nothing, and PATH counts without one.
Path named_or_found(const Path& named,
                    const char* name,
                    const std::map<std::string, std::string>& env) {
  return named.empty() ? find_program(name, env) : can_be_run(named) ? named : Path();
}

} // namespace

Path engine_program(EngineKind engine, const std::map<std::string, std::string>& env) {
  switch (engine) {
  case EngineKind::dmtcp: {
    const std::string root = value_of(env, "CKPT_DMTCP_ROOT");
    return named_or_found(
        root.empty() ? Path() : Path(root) / "bin" / "dmtcp_launch", "dmtcp_launch", env);
  }
  case EngineKind::criu:
    return named_or_found(value_of(env, "CKPT_CRIU"), "criu", env);
  case EngineKind::mana:
    return find_program(std::string(word(engine)), env);
  case EngineKind::app:
    break;
  }
  return {};
}

std::string misnamed_engine(EngineKind engine, const std::map<std::string, std::string>& env) {
  const char* const variable = engine == EngineKind::dmtcp  ? "CKPT_DMTCP_ROOT"
                               : engine == EngineKind::criu ? "CKPT_CRIU"
                                                            : "";
  const std::string value = value_of(env, variable);
  return value.empty() || !engine_program(engine, env).empty()
             ? ""
             : std::string(variable) + "=" + value + " names none that can be run here";
}

std::string engine_path(const std::map<std::string, std::string>& env) {
  std::vector<std::string> folders;
  for (const EngineKind engine : {EngineKind::dmtcp, EngineKind::criu}) {
    const Path tool = engine_program(engine, env);
    const std::string folder = tool.parent_path().string();
    if (tool.is_absolute() && folder.find(':') == std::string::npos &&
        std::find(folders.begin(), folders.end(), folder) == folders.end()) {
      folders.push_back(folder);
    }
  }
  return join(folders, ":");
}

std::string
engine_note(const JobSpec& spec, const std::vector<api::EngineView>& engines, bool configured) {
  const bool usable = std::any_of(engines.begin(), engines.end(), [&](const api::EngineView& one) {
    return one.usable && is_wished(one.engine, spec.engine);
  });
  if (usable || configured || !lacks_engine_here(spec)) {
    return "";
  }
  const std::string which = spec.engine == EngineWish::automatic
                                ? "checkpoint engine"
                                : "engine " + std::string(word(spec.engine));
  return "note: no " + which + " in this shell; `ckpt doctor` tells what to do";
}

void mention_engine(Session& session, const JobSpec& spec, SchedulerKind scheduler) {
  if (session.json() || scheduler != SchedulerKind::slurm) {
    return; // on this machine the daemon looks itself, and refuses
  }
  if (!lacks_engine_here(spec)) {
    return; // nobody needs to be asked
  }
  const auto paths = session.paths();
  const auto config =
      paths ? api::Config::load(paths->config_file, session.env()) : tl::unexpected(paths.error());
  const auto daemon = session.daemon();
  const auto status = daemon ? (*daemon)->status() : tl::unexpected(daemon.error());
  if (!config || !status) {
    return; // what is not known is not told
  }
  const bool configured =
      !config->text("engine.dmtcp.root").empty() || !config->text("engine.criu.path").empty();
  if (const std::string note = engine_note(spec, status->engines, configured); !note.empty()) {
    session.say(note);
  }
}

bool is_for_want_of_engine(const std::string& reason) {
  return std::any_of(kWanting.begin(), kWanting.end(), [&](std::string_view text) {
    return reason.find(text) != std::string::npos;
  });
}

} // namespace ckpt::client
