#include "core/json/json.hpp"
#include "core/json/parts.hpp"

#include <limits>

namespace ckpt {

namespace {

constexpr int kMost = std::numeric_limits<int>::max();

nlohmann::json interval_json(const Interval& interval) {
  switch (interval.kind) {
  case Interval::Kind::automatic:
    return "auto";
  case Interval::Kind::off:
    return "off";
  case Interval::Kind::fixed:
    break;
  }
  return seconds_json(interval.every);
}

nlohmann::json optional_seconds(const std::optional<Duration>& duration, const char* otherwise) {
  if (duration) {
    return seconds_json(*duration);
  }
  return otherwise == nullptr ? nlohmann::json() : nlohmann::json(otherwise);
}

std::optional<Duration> positive(Fields& fields, const char* name) {
  const std::optional<Duration> duration = fields.optional_duration(name);
  if (duration && *duration <= Duration{0}) {
    fields.reject(name, "must be more than 0");
  }
  return duration;
}

bool is_text(const nlohmann::json* value, const char* text) {
  return value->is_string() && value->get_ref<const std::string&>() == text;
}

Interval read_interval(Fields& fields, const char* name) {
  const nlohmann::json* value = fields.raw(name);
  Interval interval;
  if (is_text(value, "auto")) {
    return interval;
  }
  if (is_text(value, "off")) {
    interval.kind = Interval::Kind::off;
  } else if (value->is_number()) {
    interval.kind = Interval::Kind::fixed;
    interval.every = positive(fields, name).value_or(Duration{0});
  } else {
    fields.reject(name, "must be \"auto\", \"off\" or a number of seconds");
  }
  return interval;
}

std::optional<Duration> read_lead(Fields& fields, const char* name) {
  const nlohmann::json* value = fields.raw(name);
  if (is_text(value, "auto")) {
    return std::nullopt;
  }
  if (!value->is_number()) {
    fields.reject(name, "must be \"auto\" or a number of seconds");
    return std::nullopt;
  }
  return positive(fields, name);
}

std::map<std::string, std::string> read_tags(Fields& fields, const char* name) {
  std::map<std::string, std::string> tags;
  const nlohmann::json* value = fields.raw(name);
  if (!value->is_object()) {
    fields.reject(name, "must be an object");
    return tags;
  }
  for (const auto& item : value->items()) {
    if (item.key().empty() || !item.value().is_string()) {
      fields.reject(name, item.key().empty() ? "has an empty key" : item.key() + " must be text");
      return {};
    }
    tags[item.key()] = item.value().get<std::string>();
  }
  return tags;
}

int read_count(Fields& fields, const char* name, int lowest) {
  return static_cast<int>(fields.integer_in(name, lowest, kMost));
}

/// `json`'s fields over those of `policy`; absent ones stay.
Result<Policy> read_over(Policy policy, const nlohmann::json& json, bool with_revision) {
  Fields fields(json, "policy");
  const auto on = [&](const char* name, const auto& read) {
    if (fields.raw(name) != nullptr) {
      read(name);
    }
  };
  if (with_revision) {
    on("revision", [&](const char* name) { policy.revision = read_count(fields, name, 1); });
  } else if (fields.has("revision")) {
    fields.raw("revision");
    fields.reject("revision", "counts the changes and cannot be set");
  }
  on("every_seconds", [&](const char* name) { policy.every = read_interval(fields, name); });
  on("lead_seconds", [&](const char* name) { policy.lead = read_lead(fields, name); });
  on("keep", [&](const char* name) { policy.keep = read_count(fields, name, 1); });
  on("keep_after_success",
     [&](const char* name) { policy.keep_after_success = read_count(fields, name, 0); });
  policy.compress = fields.word_or("compress", policy.compress);
  on("max_restarts", [&](const char* name) { policy.max_restarts = read_count(fields, name, 0); });
  on("total_time_seconds", [&](const char* name) { policy.total_time = positive(fields, name); });
  on("stop_after_seconds", [&](const char* name) { policy.stop_after = positive(fields, name); });
  policy.at_walltime = fields.word_or("at_walltime", policy.at_walltime);
  policy.stdout_on_restart = fields.word_or("stdout_on_restart", policy.stdout_on_restart);
  on("ckpt_files", [&](const char* name) { policy.ckpt_files = read_bytes_list(fields, name); });
  on("append_files",
     [&](const char* name) { policy.append_files = read_bytes_list(fields, name); });
  policy.local_files = fields.word_or("local_files", policy.local_files);
  policy.shield_term = fields.word_or("shield_term", policy.shield_term);
  on("tags", [&](const char* name) { policy.tags = read_tags(fields, name); });
  if (const Status status = fields.finish(); !status) {
    return tl::unexpected(status.error());
  }
  return policy;
}

} // namespace

nlohmann::json to_json(const Policy& policy) {
  return {
      {"revision", policy.revision},
      {"every_seconds", interval_json(policy.every)},
      {"lead_seconds", optional_seconds(policy.lead, "auto")},
      {"keep", policy.keep},
      {"keep_after_success", policy.keep_after_success},
      {"compress", word(policy.compress)},
      {"max_restarts", policy.max_restarts},
      {"total_time_seconds", optional_seconds(policy.total_time, nullptr)},
      {"stop_after_seconds", optional_seconds(policy.stop_after, nullptr)},
      {"at_walltime", word(policy.at_walltime)},
      {"stdout_on_restart", word(policy.stdout_on_restart)},
      {"ckpt_files", bytes_list_json(policy.ckpt_files)},
      {"append_files", bytes_list_json(policy.append_files)},
      {"local_files", word(policy.local_files)},
      {"shield_term", word(policy.shield_term)},
      {"tags", policy.tags},
  };
}

Result<Policy> policy_from_json(const nlohmann::json& json) {
  return read_over(Policy{}, json, /*with_revision=*/true);
}

Result<Policy> patch_policy(const Policy& policy, const nlohmann::json& patch) {
  return read_over(policy, patch, /*with_revision=*/false);
}

} // namespace ckpt
