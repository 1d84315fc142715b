#include "core/json/parts.hpp"

namespace ckpt {

nlohmann::json bytes_list_json(const std::vector<std::string>& list) {
  nlohmann::json json = nlohmann::json::array();
  for (const std::string& bytes : list) {
    json.push_back(bytes_json(bytes));
  }
  return json;
}

std::vector<std::string> read_bytes_list(Fields& fields, const char* name, bool no_nul) {
  const nlohmann::json* value = fields.raw(name);
  std::vector<std::string> list;
  if (value == nullptr) {
    return list;
  }
  if (!value->is_array()) {
    fields.reject(name, "must be an array");
    return list;
  }
  for (const nlohmann::json& item : *value) {
    auto bytes = bytes_from_json(item);
    if (!bytes) {
      fields.reject(name, "item " + std::to_string(list.size()) + " " + bytes.error());
      return {};
    }
    if (no_nul && bytes->find('\0') != std::string::npos) {
      fields.reject(name, "item " + std::to_string(list.size()) + " contains a NUL byte");
      return {};
    }
    list.push_back(*std::move(bytes));
  }
  return list;
}

std::string read_path_or_empty(Fields& fields, const char* name) {
  std::string path = fields.bytes_or(name, "");
  if (path.find('\0') != std::string::npos) {
    fields.reject(name, "contains a NUL byte");
  }
  return path;
}

nlohmann::json to_json(const EngineVersion& engine) {
  return {{"name", word(engine.engine)}, {"version", engine.version}};
}

EngineVersion read_engine_version(Fields& fields, const char* name) {
  EngineVersion engine;
  read_object(fields, name, [&](Fields& inner) {
    engine.engine = inner.word_of<EngineKind>("name");
    engine.version = inner.text("version");
  });
  return engine;
}

namespace {

bool has_only_names(std::string_view path) {
  while (true) {
    const std::size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    if (name.empty() || name == "." || name == ".." || name.find('\0') != std::string_view::npos) {
      return false;
    }
    if (slash == std::string_view::npos) {
      return true;
    }
    path.remove_prefix(slash + 1);
  }
}

} // namespace

bool is_normal_absolute_path(std::string_view path) {
  return path.size() > 1 && path.front() == '/' && has_only_names(path.substr(1));
}

bool is_normal_relative_path(std::string_view path) {
  return has_only_names(path);
}

} // namespace ckpt
