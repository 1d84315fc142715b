#pragma once

#include "core/domain/generation.hpp"
#include "core/json/fields.hpp"

#include <map>
#include <string>
#include <vector>

// Pieces that several of the JSON forms share. For .cpp files of core/json and core/store.

namespace ckpt {

nlohmann::json bytes_list_json(const std::vector<std::string>& list);
/// An array of text or {"base64": …}; absent: empty. With `no_nul`, a NUL byte is an error (what
/// goes to execve or open cannot hold one).
std::vector<std::string> read_bytes_list(Fields& fields, const char* name, bool no_nul = true);
/// One such value that must hold no NUL byte; absent: empty.
std::string read_path_or_empty(Fields& fields, const char* name);

template <class Id> Id read_id(Fields& fields, const char* name) {
  const std::string value = fields.text(name);
  if (const auto id = Id::parse(value)) {
    return *id;
  }
  fields.reject(name, "'" + value + "' is no id like '" + Id{1}.str() + "'");
  return {};
}

template <class Id> std::optional<Id> read_optional_id(Fields& fields, const char* name) {
  const nlohmann::json* value = fields.raw(name);
  return value == nullptr || value->is_null() ? std::nullopt
                                              : std::optional(read_id<Id>(fields, name));
}

/// Attempts are plain numbers: 2.
inline AttemptId read_attempt(Fields& fields, const char* name) {
  return AttemptId{fields.integer_in(name, 1, 1'000'000'000)};
}

nlohmann::json to_json(const EngineVersion& engine);
EngineVersion read_engine_version(Fields& fields, const char* name);

/// Calls read(Fields&) for the object under `name`, and passes its error on. Absent: not called.
template <class Read> void read_object(Fields& fields, const char* name, const Read& read) {
  const nlohmann::json* value = fields.raw(name);
  if (value == nullptr || value->is_null()) {
    return;
  }
  Fields inner(*value, fields.where(name));
  read(inner);
  if (const Status status = inner.finish(); !status) {
    fields.reject(status.error());
  }
}

/// Calls read(Fields&) for each object of the array under `name`. Absent: an error if `required`.
template <class Read>
void read_objects(Fields& fields, const char* name, bool required, const Read& read) {
  const nlohmann::json* value = fields.raw(name);
  if (value == nullptr || !value->is_array()) {
    if (value != nullptr || required) {
      fields.reject(name, value == nullptr ? "is missing" : "must be an array");
    }
    return;
  }
  std::size_t index = 0;
  for (const nlohmann::json& item : *value) {
    Fields inner(item, fields.where(name) + "[" + std::to_string(index++) + "]");
    read(inner);
    if (const Status status = inner.finish(); !status) {
      fields.reject(status.error());
      return;
    }
  }
}

/// Absolute, no "." or ".." component, no double or trailing slash, no NUL byte.
bool is_normal_absolute_path(std::string_view path);
/// Likewise relative: names something below the folder it is relative to.
bool is_normal_relative_path(std::string_view path);

} // namespace ckpt
