#include "client/engines_here.hpp"

#include "client/daemon_control.hpp"

#include <algorithm>

namespace ckpt::client {
namespace {

bool names_one(const std::map<std::string, std::string>& env, const char* variable) {
  const auto found = env.find(variable);
  return found != env.end() && !found->second.empty();
}

/// Where it runs it may find more than here.
bool is_set_up_there(const JobSpec& spec) {
  return !spec.modules.empty() || !spec.setup.empty() || !names_one(spec.env, "PATH") ||
         names_one(spec.env, "CKPT_DMTCP_ROOT") || names_one(spec.env, "CKPT_CRIU");
}

bool saves_itself(const JobSpec& spec) {
  const bool can = !spec.app.signal.empty() || !spec.app.command.empty();
  return spec.engine == EngineWish::app || (spec.engine == EngineWish::automatic && can);
}

bool is_wished(EngineKind engine, EngineWish wish) {
  return wish == EngineWish::automatic ? engine != EngineKind::app : word(engine) == word(wish);
}

} // namespace

Path engine_program(EngineKind engine, const std::map<std::string, std::string>& env) {
  return engine == EngineKind::app     ? Path()
         : engine == EngineKind::dmtcp ? find_program("dmtcp_launch", env)
                                       : find_program(std::string(word(engine)), env);
}

std::string
engine_note(const JobSpec& spec, const std::vector<api::EngineView>& engines, bool configured) {
  const bool found = std::any_of(engines.begin(), engines.end(), [&](const api::EngineView& one) {
    return is_wished(one.engine, spec.engine) &&
           (one.usable || !engine_program(one.engine, spec.env).empty());
  });
  if (found || configured || saves_itself(spec) || is_set_up_there(spec)) {
    return "";
  }
  const std::string which = spec.engine == EngineWish::automatic
                                ? "checkpoint engine"
                                : "engine " + std::string(word(spec.engine));
  return "note: no " + which + " in this shell; `ckpt doctor` tells what to do";
}

} // namespace ckpt::client
