#pragma once

#include "api/server/routes.hpp"

#include <optional>
#include <set>

namespace ckpt::api {

/// Reads the query of a call. The first error sticks and is returned by finish(), which also
/// refuses parameters that nobody asked for.
class Query {
public:
  explicit Query(const Call& call) : call_(call) {}

  std::optional<std::string> text(const std::string& name); ///< at most once
  std::vector<std::string> all(const std::string& name);    ///< repeated, or separated by commas
  std::optional<std::int64_t> integer(const std::string& name, std::int64_t min, std::int64_t max);
  /// `wait` in seconds (a whole number), cut to the server's limit.
  Duration wait();
  template <class Enum> std::optional<Enum> word_of(const std::string& name);
  void reject(const std::string& name, const std::string& why);
  Status finish();

private:
  const Call& call_;
  std::set<std::string> known_;
  std::optional<Error> error_;
};

template <class Enum> std::optional<Enum> Query::word_of(const std::string& name) {
  const auto value = text(name);
  const auto found = value ? from_word<Enum>(*value) : std::optional<Enum>();
  if (value && !found) {
    reject(name, "'" + *value + "' is not one of: " + std::string(Words<Enum>::kNames));
  }
  return found;
}

} // namespace ckpt::api
