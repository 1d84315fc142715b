#include "core/json/fields.hpp"

#include "core/json/base64.hpp"

#include <algorithm>
#include <cmath>

namespace ckpt {

namespace {

constexpr double kMostSeconds = 1e12; // 30,000 years: still exact in milliseconds

std::string type_of(const nlohmann::json& value) {
  return value.type_name();
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

} // namespace

Fields::Fields(const nlohmann::json& object, std::string where)
    : object_(object), where_(std::move(where)) {
  if (!object_.is_object()) {
    error_ = fail(ErrorClass::usage,
                  "invalid_field",
                  where_ + ": must be an object, not " + type_of(object_))
                 .value();
  }
}

bool Fields::has(const char* name) const {
  return object_.is_object() && object_.contains(name);
}

void Fields::reject(const char* name, const std::string& why) {
  if (!error_) {
    error_ = fail(ErrorClass::usage, "invalid_field", where_ + "." + name + ": " + why).value();
  }
}

void Fields::reject(Error error) {
  if (!error_) {
    error_ = std::move(error);
  }
}

const nlohmann::json* Fields::find(const char* name, bool required) {
  if (std::find(known_.begin(), known_.end(), name) == known_.end()) {
    known_.emplace_back(name);
  }
  if (!object_.is_object()) {
    return nullptr;
  }
  const auto found = object_.find(name);
  if (found == object_.end()) {
    if (required) {
      reject(name, "is missing");
    }
    return nullptr;
  }
  return &*found;
}

const nlohmann::json* Fields::raw(const char* name) {
  return find(name, false);
}

std::string Fields::text(const char* name) {
  const nlohmann::json* value = find(name, true);
  if (value == nullptr) {
    return {};
  }
  if (!value->is_string()) {
    reject(name, "must be text, not " + type_of(*value));
    return {};
  }
  return value->get_ref<const std::string&>();
}

std::string Fields::text_or(const char* name, std::string fallback) {
  return find(name, false) == nullptr ? std::move(fallback) : text(name);
}

std::optional<std::string> Fields::optional_text(const char* name) {
  const nlohmann::json* value = find(name, false);
  return value == nullptr || value->is_null() ? std::nullopt : std::optional(text(name));
}

std::string Fields::bytes(const char* name) {
  const nlohmann::json* value = find(name, true);
  if (value == nullptr) {
    return {};
  }
  auto bytes = bytes_from_json(*value);
  if (!bytes) {
    reject(name, bytes.error());
    return {};
  }
  return *std::move(bytes);
}

std::string Fields::bytes_or(const char* name, std::string fallback) {
  return find(name, false) == nullptr ? std::move(fallback) : bytes(name);
}

std::int64_t Fields::integer(const char* name) {
  const nlohmann::json* value = find(name, true);
  if (value == nullptr) {
    return 0;
  }
  if (!value->is_number_integer()) {
    reject(name,
           "must be a whole number, not " + (value->is_number() ? value->dump() : type_of(*value)));
    return 0;
  }
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > std::uint64_t{INT64_MAX}) {
    reject(name, "is too large");
    return 0;
  }
  return value->get<std::int64_t>();
}

std::int64_t Fields::integer_in(const char* name, std::int64_t lowest, std::int64_t highest) {
  const std::int64_t value = integer(name);
  if (value < lowest) {
    reject(name, "must be at least " + std::to_string(lowest));
    return lowest;
  }
  if (value > highest) {
    reject(name, "must be at most " + std::to_string(highest));
    return highest;
  }
  return value;
}

std::int64_t Fields::integer_or(const char* name, std::int64_t fallback) {
  return find(name, false) == nullptr ? fallback : integer(name);
}

std::optional<std::int64_t> Fields::optional_integer(const char* name) {
  const nlohmann::json* value = find(name, false);
  return value == nullptr || value->is_null() ? std::nullopt : std::optional(integer(name));
}

bool Fields::boolean_or(const char* name, bool fallback) {
  const nlohmann::json* value = find(name, false);
  if (value == nullptr) {
    return fallback;
  }
  if (!value->is_boolean()) {
    reject(name, "must be true or false, not " + type_of(*value));
    return fallback;
  }
  return value->get<bool>();
}

Duration Fields::duration(const char* name) {
  const nlohmann::json* value = find(name, true);
  if (value == nullptr) {
    return Duration{0};
  }
  if (!value->is_number()) {
    reject(name, "must be a number of seconds, not " + type_of(*value));
    return Duration{0};
  }
  const double count = value->get<double>();
  if (!(std::abs(count) <= kMostSeconds)) {
    reject(name, "is too large");
    return Duration{0};
  }
  return Duration{std::llround(count * 1000)};
}

std::optional<Duration> Fields::optional_duration(const char* name) {
  const nlohmann::json* value = find(name, false);
  return value == nullptr || value->is_null() ? std::nullopt : std::optional(duration(name));
}

TimePoint Fields::time(const char* name) {
  const std::string value = text(name);
  if (error_) {
    return {};
  }
  const auto time = parse_rfc3339(value);
  if (!time) {
    reject(name, time.error().message);
    return {};
  }
  return *time;
}

std::optional<TimePoint> Fields::optional_time(const char* name) {
  const nlohmann::json* value = find(name, false);
  return value == nullptr || value->is_null() ? std::nullopt : std::optional(time(name));
}

Status Fields::finish() {
  if (!error_) {
    for (const auto& item : object_.items()) {
      if (std::find(known_.begin(), known_.end(), item.key()) == known_.end()) {
        return fail(ErrorClass::usage,
                    "invalid_field",
                    where_ + "." + item.key() + ": unknown field",
                    "known fields: " + joined(known_));
      }
    }
    return {};
  }
  return tl::unexpected(*error_);
}

nlohmann::json seconds_json(Duration duration) {
  if (duration.count() % 1000 == 0) {
    return duration.count() / 1000;
  }
  return static_cast<double>(duration.count()) / 1000.0;
}

nlohmann::json bytes_json(const std::string& bytes) {
  if (is_utf8(bytes)) {
    return bytes;
  }
  return {{"base64", to_base64(bytes)}};
}

tl::expected<std::string, std::string> bytes_from_json(const nlohmann::json& json) {
  if (json.is_string()) {
    return json.get<std::string>();
  }
  if (!json.is_object() || json.size() != 1 || !json.contains("base64") ||
      !json["base64"].is_string()) {
    return tl::unexpected(std::string("must be text or {\"base64\": \"…\"}"));
  }
  auto bytes = from_base64(json["base64"].get_ref<const std::string&>());
  if (!bytes) {
    return tl::unexpected(std::string("is no valid base64"));
  }
  return *std::move(bytes);
}

} // namespace ckpt
