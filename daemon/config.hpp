#pragma once

#include "core/base/files.hpp"
#include "core/domain/time.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ckpt::daemon {

/// A setting and where it came from ("default", "file", "CKPTD_STORE").
struct Setting {
  std::string value;
  std::string origin;
};

/// The configuration: every known key with a value. Precedence: environment, file, default.
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

} // namespace ckpt::daemon
