#include "daemon/registry/json_columns.hpp"

#include "core/json/fields.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>

namespace ckpt::daemon::columns {

using nlohmann::json;

std::string from_strings(const std::vector<std::string>& values) {
  json list = json::array();
  for (const std::string& value : values) {
    list.push_back(bytes_json(value));
  }
  return dump_json(list);
}

std::vector<std::string> to_strings(const std::string& text) {
  std::vector<std::string> values;
  const auto list = parse_json(text);
  if (!list || !list->is_array()) {
    return values;
  }
  for (const json& item : *list) {
    json holder = json::object();
    holder["value"] = item;
    Fields fields(holder, "registry");
    values.push_back(fields.bytes("value"));
  }
  return values;
}

std::string from_tags(const std::map<std::string, std::string>& tags) {
  json object = json::object();
  for (const auto& [key, value] : tags) {
    object[key] = value;
  }
  return dump_json(object);
}

std::string from_policy(const Policy& policy) {
  return dump_json(to_json(policy));
}

Policy to_policy(const std::string& text) {
  const auto parsed = parse_json(text);
  if (!parsed) {
    return {};
  }
  const auto policy = policy_from_json(*parsed);
  return policy ? *policy : Policy{};
}

std::string from_overrides(const RestartOverrides& overrides) {
  json object = json::object();
  object["sbatch_args"] = json::parse(from_strings(overrides.sbatch_args));
  if (overrides.time_limit) {
    object["time_limit_ms"] = overrides.time_limit->count();
  }
  return dump_json(object);
}

RestartOverrides to_overrides(const std::string& text) {
  RestartOverrides overrides;
  const auto parsed = parse_json(text);
  if (!parsed || !parsed->is_object()) {
    return overrides;
  }
  if (parsed->contains("sbatch_args")) {
    overrides.sbatch_args = to_strings(dump_json((*parsed)["sbatch_args"]));
  }
  if (parsed->contains("time_limit_ms") && (*parsed)["time_limit_ms"].is_number_integer()) {
    overrides.time_limit = Duration((*parsed)["time_limit_ms"].get<std::int64_t>());
  }
  return overrides;
}

std::string from_warnings(const std::vector<api::WarningView>& warnings) {
  json list = json::array();
  for (const auto& warning : warnings) {
    json item = {{"code", warning.code}, {"message", warning.message}, {"advice", warning.advice}};
    if (warning.first_seen) {
      item["first_seen"] = format_rfc3339(*warning.first_seen);
    }
    list.push_back(std::move(item));
  }
  return dump_json(list);
}

std::vector<api::WarningView> to_warnings(const std::string& text) {
  std::vector<api::WarningView> warnings;
  const auto list = parse_json(text);
  if (!list || !list->is_array()) {
    return warnings;
  }
  for (const json& item : *list) {
    Fields fields(item, "registry");
    api::WarningView warning;
    warning.code = fields.text_or("code", "");
    warning.message = fields.text_or("message", "");
    warning.advice = fields.text_or("advice", "");
    warning.first_seen = fields.optional_time("first_seen");
    warnings.push_back(warning);
  }
  return warnings;
}

} // namespace ckpt::daemon::columns
