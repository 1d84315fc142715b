#include "core/engine/engine.hpp"

namespace ckpt::engine {
namespace {

std::optional<EngineKind> named(EngineWish wish) {
  switch (wish) {
  case EngineWish::dmtcp:
    return EngineKind::dmtcp;
  case EngineWish::mana:
    return EngineKind::mana;
  case EngineWish::criu:
    return EngineKind::criu;
  case EngineWish::app:
    return EngineKind::app;
  case EngineWish::automatic:
    break;
  }
  return std::nullopt;
}

bool says_how(const AppCheckpointing& app) {
  return !app.signal.empty() || !app.command.empty();
}

// Why the engine cannot carry the program here; nothing if it can.
std::optional<Error> obstacle(Engine& engine, const ProgramInfo& program) {
  if (const auto version = engine.version(); !version) {
    return version.error();
  }
  const Suitability suits = engine.suits(program);
  if (suits.usable) {
    return std::nullopt;
  }
  return Error{ErrorClass::unusable, Outcome::permanent, "engine_unusable", suits.reason, {}};
}

} // namespace

Result<EngineChoice>
choose_engine(EngineWish wish, const ProgramInfo& program, const EngineConfig& config) {
  EngineChoice choice;
  if (const auto kind = named(wish)) {
    choice.engine = make_engine(*kind, config);
    if (auto error = obstacle(*choice.engine, program)) {
      error->message = "engine " + std::string(word(*kind)) + " cannot be used: " + error->message;
      return tl::unexpected(*error);
    }
    return choice;
  }
  for (const EngineKind kind : {EngineKind::app, EngineKind::dmtcp, EngineKind::criu}) {
    if (kind == EngineKind::app && !says_how(program.app)) {
      choice.passed_over.push_back(
          {kind, "the job does not say how its program checkpoints itself (--ckpt-signal)"});
      continue;
    }
    auto engine = make_engine(kind, config);
    if (const auto error = obstacle(*engine, program)) {
      choice.passed_over.push_back({kind, error->message});
      continue;
    }
    choice.engine = std::move(engine);
    return choice;
  }
  std::string message = "no engine can checkpoint this program here";
  for (const auto& [kind, reason] : choice.passed_over) {
    message += "; " + std::string(word(kind)) + ": " + reason;
  }
  return fail(ErrorClass::unusable, "no_engine", message, "ckpt doctor shows what is missing");
}

} // namespace ckpt::engine
