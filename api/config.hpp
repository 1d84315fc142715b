#pragma once

#include "core/base/files.hpp"
#include "core/domain/time.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ckpt::api {

/// A setting and where it came from: "default", the file, or the variable.
struct Setting {
  std::string value;
  std::string origin;
  std::string unset; ///< for people: what applies where the value is empty
};

/// The configuration: every known key with a value. Precedence: environment, file, default. The
/// daemon heeds it; the client asks it where the daemon is and shows it.
class Config {
public:
  /// A file that is not there is an empty one. Codes (class usage): `config_syntax` (with the
  /// line), `config_unknown_key` (names the nearest known one), `config_value`.
  static Result<Config> load(const Path& file, const std::map<std::string, std::string>& env);

  const std::map<std::string, Setting>& all() const { return settings_; }
  std::string text(const std::string& key) const; ///< empty when it is not set
  Duration duration(const std::string& key) const;

private:
  std::map<std::string, Setting> settings_;
};

} // namespace ckpt::api
