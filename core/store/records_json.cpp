#include "core/store/records_json.hpp"

#include "core/json/fields.hpp"
#include "core/json/parts.hpp"

#include <limits>

namespace ckpt::store {

namespace {

constexpr std::int64_t kMostInt = std::numeric_limits<int>::max();
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

void put_text(nlohmann::json& json, const char* name, const std::string& text) {
  if (!text.empty()) {
    json[name] = text;
  }
}

template <class Number>
void put_number(nlohmann::json& json, const char* name, const std::optional<Number>& number) {
  if (number) {
    json[name] = *number;
  }
}

template <class Id>
void put_id(nlohmann::json& json, const char* name, const std::optional<Id>& id) {
  if (id) {
    json[name] = id->str();
  }
}

template <class Enum>
void put_word(nlohmann::json& json, const char* name, const std::optional<Enum>& value) {
  if (value) {
    json[name] = word(*value);
  }
}

std::optional<int> read_int(Fields& fields, const char* name) {
  return fields.has(name)
             ? std::optional(static_cast<int>(fields.integer_in(name, -kMostInt, kMostInt)))
             : std::nullopt;
}

template <class Enum> std::optional<Enum> read_word(Fields& fields, const char* name) {
  return fields.has(name) ? std::optional(fields.word_of<Enum>(name)) : std::nullopt;
}

template <class Value> Result<Value> finished(Fields& fields, Value value) {
  if (const Status status = fields.finish(); !status) {
    return tl::unexpected(status.error());
  }
  return value;
}

void read_notice(Fields& fields, std::vector<NoticeWay>& ways) {
  const nlohmann::json* list = fields.raw("notice");
  if (list == nullptr) {
    return;
  }
  if (!list->is_array()) {
    return fields.reject("notice", "must be a list");
  }
  for (const nlohmann::json& item : *list) {
    const auto way = item.is_string() ? from_word<NoticeWay>(item.get<std::string>())
                                      : std::optional<NoticeWay>();
    if (!way) {
      return fields.reject("notice", "holds an unknown word");
    }
    ways.push_back(*way);
  }
}

} // namespace

nlohmann::json to_json(const AttemptEvent& event) {
  nlohmann::json json = {{"at", format_rfc3339(event.at)}, {"kind", word(event.kind)}};
  put_text(json, "code", event.code);
  put_text(json, "reason", event.reason);
  put_text(json, "advice", event.advice);
  put_id(json, "generation", event.generation);
  put_word(json, "trigger", event.trigger);
  put_word(json, "end_reason", event.end_reason);
  put_number(json, "exit_code", event.exit_code);
  put_number(json, "signal", event.signal);
  put_number(json, "order", event.order);
  put_number(json, "revision", event.revision);
  if (event.time) {
    json["time"] = format_rfc3339(*event.time);
  }
  put_number(json, "bytes", event.bytes);
  if (event.blocked) {
    json["blocked_seconds"] = seconds_json(*event.blocked);
  }
  if (event.engine) {
    json["engine"] = ckpt::to_json(*event.engine);
  }
  return json;
}

Result<AttemptEvent> attempt_event_from_json(const nlohmann::json& json) {
  Fields fields(json, "event");
  AttemptEvent event;
  event.at = fields.time("at");
  event.kind = fields.word_of<AttemptEventKind>("kind");
  event.code = fields.text_or("code", "");
  event.reason = fields.text_or("reason", "");
  event.advice = fields.text_or("advice", "");
  event.generation = read_optional_id<GenerationId>(fields, "generation");
  event.trigger = read_word<Trigger>(fields, "trigger");
  event.end_reason = read_word<EndReason>(fields, "end_reason");
  event.exit_code = read_int(fields, "exit_code");
  event.signal = read_int(fields, "signal");
  event.order = fields.optional_integer("order");
  event.revision = read_int(fields, "revision");
  event.time = fields.optional_time("time");
  if (fields.has("bytes")) {
    event.bytes = static_cast<std::uint64_t>(fields.integer_in("bytes", 0, kMost));
  }
  event.blocked = fields.optional_duration("blocked_seconds");
  if (fields.has("engine")) {
    event.engine = read_engine_version(fields, "engine");
  }
  return finished(fields, std::move(event));
}

nlohmann::json to_json(const JobEvent& event) {
  nlohmann::json json = {{"at", format_rfc3339(event.at)}, {"kind", word(event.kind)}};
  put_text(json, "reason", event.reason);
  put_text(json, "by", event.by);
  put_text(json, "idempotency_key", event.idempotency_key);
  if (event.token) {
    json["token"] = event.token->value;
  }
  if (event.scheduler_job_id) {
    json["scheduler_job_id"] = event.scheduler_job_id->value;
  }
  put_id(json, "generation", event.generation);
  if (event.attempt) {
    json["attempt"] = event.attempt->value;
  }
  put_number(json, "exit_code", event.exit_code);
  put_number(json, "signal", event.signal);
  put_number(json, "revision", event.revision);
  for (const NoticeWay way : event.notice) {
    json["notice"].push_back(word(way));
  }
  put_number(json, "of", event.of);
  return json;
}

Result<JobEvent> job_event_from_json(const nlohmann::json& json) {
  Fields fields(json, "event");
  JobEvent event;
  event.at = fields.time("at");
  event.kind = fields.word_of<JobEventKind>("kind");
  event.reason = fields.text_or("reason", "");
  event.by = fields.text_or("by", "");
  event.idempotency_key = fields.text_or("idempotency_key", "");
  if (auto token = fields.optional_text("token")) {
    event.token = SubmissionToken{*std::move(token)};
  }
  if (auto id = fields.optional_text("scheduler_job_id")) {
    event.scheduler_job_id = SchedulerJobId{*std::move(id)};
  }
  event.generation = read_optional_id<GenerationId>(fields, "generation");
  if (fields.has("attempt")) {
    event.attempt = read_attempt(fields, "attempt");
  }
  event.exit_code = read_int(fields, "exit_code");
  event.signal = read_int(fields, "signal");
  event.revision = read_int(fields, "revision");
  read_notice(fields, event.notice);
  event.of = fields.optional_integer("of");
  return finished(fields, std::move(event));
}

nlohmann::json to_json(const Claim& claim) {
  return {{"attempt", claim.attempt.value},
          {"token", claim.token.value},
          {"scheduler_job_id", claim.scheduler_job_id.value},
          {"restart_count", claim.restart_count},
          {"host", claim.host},
          {"boot_id", claim.boot_id},
          {"pid", claim.pid},
          {"start_ticks", claim.start_ticks},
          {"at", format_rfc3339(claim.at)}};
}

Result<Claim> claim_from_json(const nlohmann::json& json) {
  Fields fields(json, "claim");
  Claim claim;
  claim.attempt = read_attempt(fields, "attempt");
  claim.token = SubmissionToken{fields.text("token")};
  claim.scheduler_job_id = SchedulerJobId{fields.text("scheduler_job_id")};
  claim.restart_count = static_cast<int>(fields.integer_in("restart_count", 0, kMostInt));
  claim.host = fields.text("host");
  claim.boot_id = fields.text("boot_id");
  claim.pid = fields.integer("pid");
  claim.start_ticks = static_cast<std::uint64_t>(fields.integer_in("start_ticks", 0, kMost));
  claim.at = fields.time("at");
  return finished(fields, std::move(claim));
}

nlohmann::json to_json(const Lease& lease) {
  return {{"renewals", lease.renewals},
          {"boot_id", lease.boot_id},
          {"pid", lease.pid},
          {"at", format_rfc3339(lease.at)}};
}

Result<Lease> lease_from_json(const nlohmann::json& json) {
  Fields fields(json, "lease");
  Lease lease;
  lease.renewals = fields.integer("renewals");
  lease.boot_id = fields.text("boot_id");
  lease.pid = fields.integer("pid");
  lease.at = fields.time("at");
  return finished(fields, std::move(lease));
}

nlohmann::json to_json(const Order& order) {
  nlohmann::json json = {{"number", order.number},
                         {"epoch", order.epoch},
                         {"expires_at", format_rfc3339(order.expires_at)},
                         {"kind", word(order.kind)},
                         {"trigger", word(order.trigger)}};
  put_id(json, "generation", order.generation);
  put_text(json, "reason", order.reason);
  return json;
}

Result<Order> order_from_json(const nlohmann::json& json) {
  Fields fields(json, "order");
  Order order;
  order.number = fields.integer_in("number", 1, kMost);
  order.epoch = fields.integer("epoch");
  order.expires_at = fields.time("expires_at");
  order.kind = fields.word_of<OrderKind>("kind");
  order.trigger = fields.word_of<Trigger>("trigger");
  order.generation = read_optional_id<GenerationId>(fields, "generation");
  order.reason = fields.text_or("reason", "");
  return finished(fields, std::move(order));
}

nlohmann::json to_json(const Fate& fate) {
  nlohmann::json json = {{"kind", word(fate.kind)}, {"at", format_rfc3339(fate.at)}};
  if (fate.by) {
    json["by"] = fate.by->value;
  }
  put_text(json, "reason", fate.reason);
  put_number(json, "exit_code", fate.exit_code);
  put_number(json, "signal", fate.signal);
  return json;
}

Result<Fate> fate_from_json(const nlohmann::json& json) {
  Fields fields(json, "fate");
  Fate fate;
  fate.kind = fields.word_of<FateKind>("kind");
  fate.at = fields.time("at");
  if (fields.has("by")) {
    fate.by = read_attempt(fields, "by");
  }
  fate.reason = fields.text_or("reason", "");
  fate.exit_code = read_int(fields, "exit_code");
  fate.signal = read_int(fields, "signal");
  if (fate.kind == FateKind::result && fate.exit_code.has_value() == fate.signal.has_value()) {
    fields.reject("kind", "a result has either exit_code or signal");
  }
  return finished(fields, std::move(fate));
}

} // namespace ckpt::store
