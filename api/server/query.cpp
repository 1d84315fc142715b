#include "api/server/query.hpp"

#include "core/base/strings.hpp"

#include <algorithm>
#include <charconv>

namespace ckpt::api {

void Query::reject(const std::string& name, const std::string& why) {
  if (!error_) {
    error_ = Error{ErrorClass::usage,
                   Outcome::permanent,
                   "invalid_parameter",
                   "the parameter '" + name + "' is wrong: " + why,
                   "The parameters of this request are listed in openapi.yaml."};
  }
}

std::optional<std::string> Query::text(const std::string& name) {
  known_.insert(name);
  const auto [begin, end] = call_.query.equal_range(name);
  if (begin == end) {
    return std::nullopt;
  }
  if (std::next(begin) != end) {
    reject(name, "it is there more than once");
  }
  return begin->second;
}

std::vector<std::string> Query::all(const std::string& name) {
  known_.insert(name);
  std::vector<std::string> values;
  const auto [begin, end] = call_.query.equal_range(name);
  for (auto it = begin; it != end; ++it) {
    for (std::string& value : split(it->second, ',')) {
      values.push_back(std::move(value));
    }
  }
  return values;
}

std::optional<std::int64_t>
Query::integer(const std::string& name, std::int64_t min, std::int64_t max) {
  const auto value = text(name);
  if (!value) {
    return std::nullopt;
  }
  std::int64_t number = 0;
  const char* end = value->data() + value->size();
  const auto parsed = std::from_chars(value->data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number < min || number > max) {
    reject(name,
           "'" + *value + "' is not a whole number from " + std::to_string(min) + " to " +
               std::to_string(max));
    return std::nullopt;
  }
  return number;
}

Duration Query::wait() {
  constexpr std::int64_t kDay = 86400;
  const auto asked = integer("wait", 0, kDay);
  return std::min<Duration>(seconds{asked.value_or(0)}, call_.max_wait);
}

Status Query::finish() {
  for (const auto& [name, value] : call_.query) {
    if (!known_.contains(name)) {
      const std::string near = nearest(name, {known_.begin(), known_.end()});
      reject(name, near.empty() ? "it is not known here" : "did you mean '" + near + "'?");
    }
  }
  return error_ ? Status(tl::unexpected(*error_)) : Status();
}

} // namespace ckpt::api
