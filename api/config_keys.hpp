#pragma once

#include <span>

namespace ckpt::api {

/// A key of the configuration.
struct ConfigKey {
  enum class Kind { text, path, duration, scheduler, level, rate };
  const char* name;
  Kind kind;
  const char* fallback;
  const char* variable; ///< of the environment, which wins over the file; or nullptr
  const char* unset;    ///< for people: what applies where it is empty
  const char* help;     ///< for the reference: docs/configuration.md and ckptd.toml(5)
};

/// All of them, by their parts.
std::span<const ConfigKey> config_keys();

/// What the environment can say beside the keys' own variables; for ckpt(1) and ckptd(8).
struct MoreVariable {
  const char* name;
  const char* help;
};
std::span<const MoreVariable> more_variables();

} // namespace ckpt::api
