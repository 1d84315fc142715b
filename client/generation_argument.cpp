#include "client/generation_argument.hpp"

namespace ckpt::client {

Result<GenerationId> generation_argument(const std::string& text, const std::string& job) {
  if (const auto id = GenerationId::parse(text)) {
    return *id;
  }
  return fail(ErrorClass::usage,
              "usage",
              "'" + text + "' is no generation",
              "Write g3; `ckpt gens " + job + "` lists them.");
}

} // namespace ckpt::client
