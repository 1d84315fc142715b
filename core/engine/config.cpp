#include "core/engine/app/app_engine.hpp"
#include "core/engine/criu/criu_engine.hpp"
#include "core/engine/dmtcp/dmtcp_engine.hpp"
#include "core/engine/engine.hpp"

#include <cstdlib>

namespace ckpt::engine {
namespace {

// Known by name so that a job that asks for it gets an answer; its images and tools differ from
// DMTCP's.
class ManaEngine final : public Engine {
public:
  EngineKind kind() const override { return EngineKind::mana; }
  Result<EngineVersion> version() override { return unsupported(); }
  Suitability suits(const ProgramInfo&) override {
    return {.usable = false, .reason = unsupported().value().message};
  }
  bool can_shield_term() const override { return false; }
  Result<std::unique_ptr<Session>> launch(const LaunchRequest&) override { return unsupported(); }
  Result<std::unique_ptr<Session>> restart(const RestartRequest&) override { return unsupported(); }

private:
  static tl::unexpected<Error> unsupported() {
    return fail(ErrorClass::unusable,
                "engine_unusable",
                "MANA, DMTCP's sibling for MPI over several nodes, is not supported yet",
                "use --engine dmtcp for MPI on one node");
  }
};

std::string value_of(const std::map<std::string, std::string>& env, const std::string& name) {
  const auto found = env.find(name);
  return found == env.end() ? std::string{} : found->second;
}

} // namespace

EngineConfig EngineConfig::from_environment(const std::map<std::string, std::string>& env) {
  EngineConfig config;
  config.dmtcp_root = value_of(env, "CKPT_DMTCP_ROOT");
  config.criu = value_of(env, "CKPT_CRIU");
  return config;
}

EngineConfig EngineConfig::for_job(const std::map<std::string, std::string>& job,
                                   const EngineConfig& otherwise) {
  EngineConfig config = otherwise;
  const EngineConfig own = from_environment(job);
  config.dmtcp_root = own.dmtcp_root.empty() ? config.dmtcp_root : own.dmtcp_root;
  config.criu = own.criu.empty() ? config.criu : own.criu;
  config.path = value_of(job, "PATH") + ":" + otherwise.folders();
  return config;
}

std::string EngineConfig::folders() const {
  const char* own = std::getenv("PATH");
  return !path.empty() ? path : own != nullptr ? own : "";
}

std::unique_ptr<Engine> make_engine(EngineKind kind, const EngineConfig& config) {
  switch (kind) {
  case EngineKind::dmtcp:
    return make_dmtcp_engine(config);
  case EngineKind::criu:
    return make_criu_engine(config);
  case EngineKind::app:
    return make_app_engine(config);
  case EngineKind::mana:
    break;
  }
  return std::make_unique<ManaEngine>();
}

} // namespace ckpt::engine
