#pragma once

#include "core/domain/result.hpp"
#include "core/domain/time.hpp"
#include "core/domain/words.hpp"

#include <nlohmann/json.hpp>

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

// For .cpp files that read JSON objects strictly.

namespace ckpt {

/// Reads the fields of one JSON object. The first error sticks (`error()`); reads after it give
/// defaults. `finish()` also reports unknown fields.
class Fields {
public:
  Fields(const nlohmann::json& object, std::string where);
  bool has(const char* name) const;

  std::string text(const char* name); ///< required
  std::string text_or(const char* name, std::string fallback);
  std::string bytes(const char* name); ///< required; text or {"base64": …}
  std::string bytes_or(const char* name, std::string fallback);
  std::int64_t integer(const char* name);
  /// Required; beyond the bounds is an error.
  std::int64_t integer_in(const char* name, std::int64_t lowest, std::int64_t highest);
  std::int64_t integer_or(const char* name, std::int64_t fallback);
  std::optional<std::int64_t> optional_integer(const char* name);
  std::optional<std::string> optional_text(const char* name);
  bool boolean_or(const char* name, bool fallback);
  Duration duration(const char* name); ///< required; seconds, may be negative
  std::optional<Duration> optional_duration(const char* name); ///< null or absent: nothing
  TimePoint time(const char* name);
  std::optional<TimePoint> optional_time(const char* name);
  const nlohmann::json* raw(const char* name); ///< marks it as known; nullptr when absent
  template <class Enum> Enum word_of(const char* name);
  template <class Enum> Enum word_or(const char* name, Enum fallback);

  void reject(const char* name, const std::string& why);
  void reject(Error error); ///< one that names its field itself (of an object within)
  /// "policy.every_seconds", for objects within.
  std::string where(const char* name) const { return where_ + "." + name; }
  Status finish();

private:
  const nlohmann::json* find(const char* name, bool required);
  const nlohmann::json& object_;
  std::string where_;
  std::vector<std::string> known_;
  std::optional<Error> error_;
};

template <class Enum> Enum Fields::word_of(const char* name) {
  const std::string value = text(name);
  if (error_) {
    return Enum{};
  }
  if (const auto found = from_word<Enum>(value)) {
    return *found;
  }
  reject(name, "unknown word '" + value + "' (known: " + std::string(Words<Enum>::kNames) + ")");
  return Enum{};
}

template <class Enum> Enum Fields::word_or(const char* name, Enum fallback) {
  return has(name) ? word_of<Enum>(name) : fallback;
}

/// A number of seconds with three decimals at most.
nlohmann::json seconds_json(Duration duration);
nlohmann::json bytes_json(const std::string& bytes); ///< text if it is UTF-8, else {"base64": …}
/// The reverse; the error is what a message says behind the field's name.
tl::expected<std::string, std::string> bytes_from_json(const nlohmann::json& json);

} // namespace ckpt
