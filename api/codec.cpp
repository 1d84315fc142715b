#include "api/codec.hpp"

#include "api/describe.hpp"
#include "core/json/fields.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>

namespace ckpt::api {
namespace {

using nlohmann::json;

/// Writes one struct into a JSON object.
class Writer {
public:
  template <class T> void operator()(const char* name, const T& value) {
    object_[name] = encode(value);
  }
  json take() { return std::move(object_); }

  template <class T> static json encode(const T& value);

private:
  json object_ = json::object();
};

json encode_value(bool value) {
  return value;
}
template <std::integral T> json encode_value(T value) {
  return value;
}
json encode_value(const std::string& value) {
  return bytes_json(value);
}
json encode_value(Duration value) {
  return seconds_json(value);
}
json encode_value(TimePoint value) {
  return format_rfc3339(value);
}
json encode_value(AttemptId value) {
  return value.value;
}
json encode_value(JobId value) {
  return value.str();
}
json encode_value(GenerationId value) {
  return value.str();
}
json encode_value(const Policy& value) {
  return ckpt::to_json(value);
}
template <class Tag> json encode_value(const TextId<Tag>& value) {
  return value.value;
}
template <class Enum>
requires std::is_enum_v<Enum> json encode_value(Enum value) {
  return word(value);
}
template <class T> json encode_value(const std::optional<T>& value) {
  return value ? Writer::encode(*value) : json(nullptr);
}
template <class T> json encode_value(const std::vector<T>& values) {
  json out = json::array();
  for (const T& value : values) {
    out.push_back(Writer::encode(value));
  }
  return out;
}
template <class T> json encode_value(const std::map<std::string, T>& values) {
  json out = json::object();
  for (const auto& [key, value] : values) {
    out[key] = Writer::encode(value);
  }
  return out;
}
template <class V> json encode_value(const V& value) requires requires(Writer& writer) {
  describe(writer, value);
}
{
  Writer writer;
  describe(writer, value);
  return writer.take();
}

template <class T> json Writer::encode(const T& value) {
  return encode_value(value);
}

/// Reads one struct from a JSON object; the first error sticks.
class Reader {
public:
  Reader(const json& object, std::string where, std::optional<Error>& error)
      : object_(object), where_(std::move(where)), error_(error) {
    if (!object_.is_object()) {
      reject("", "is not an object");
    }
  }

  template <class T> void operator()(const char* name, T& value) {
    if (error_) {
      return;
    }
    const auto found = object_.find(name);
    if (found == object_.end()) {
      reject(name, "is missing");
      return;
    }
    if (!decode(*found, value, where_ + "." + name, error_) && !error_) {
      reject(name, "has the wrong type or an unknown word");
    }
  }

  template <class T>
  static bool
  decode(const json& in, T& value, const std::string& where, std::optional<Error>& error);

private:
  void reject(const std::string& name, const std::string& why) {
    error_ = Error{ErrorClass::failed,
                   Outcome::permanent,
                   "bad_reply",
                   "the daemon's answer is not understood: " + where_ + "." + name + " " + why,
                   "Client and daemon may differ in version: type `ckpt daemon restart`."};
  }
  const json& object_;
  std::string where_;
  std::optional<Error>& error_;
};

struct Where {
  const std::string& path;
  std::optional<Error>& error;
};

bool decode_value(const json& in, bool& value, Where) {
  if (!in.is_boolean()) {
    return false;
  }
  value = in.get<bool>();
  return true;
}
template <std::integral T> bool decode_value(const json& in, T& value, Where) {
  if (!in.is_number_integer()) {
    return false;
  }
  value = in.get<T>();
  return true;
}
bool decode_value(const json& in, std::string& value, Where) {
  if (in.is_string()) {
    value = in.get<std::string>();
    return true;
  }
  const json holder{{"value", in}};
  Fields fields(holder, "");
  value = fields.bytes("value");
  return fields.finish().has_value();
}
bool decode_value(const json& in, Duration& value, Where) {
  if (!in.is_number()) {
    return false;
  }
  const json holder{{"value", in}};
  Fields fields(holder, "");
  value = fields.duration("value");
  return fields.finish().has_value();
}
bool decode_value(const json& in, TimePoint& value, Where) {
  const auto time = in.is_string() ? parse_rfc3339(in.get_ref<const std::string&>())
                                   : Result<TimePoint>(fail(ErrorClass::failed, "", ""));
  value = time.value_or(TimePoint{});
  return time.has_value();
}
bool decode_value(const json& in, AttemptId& value, Where where) {
  return decode_value(in, value.value, where);
}
template <class Tag> bool decode_value(const json& in, NumberId<Tag>& value, Where) {
  const auto id = in.is_string() ? NumberId<Tag>::parse(in.get_ref<const std::string&>())
                                 : std::optional<NumberId<Tag>>();
  value = id.value_or(NumberId<Tag>{});
  return id.has_value();
}
template <class Tag> bool decode_value(const json& in, TextId<Tag>& value, Where where) {
  return decode_value(in, value.value, where);
}
bool decode_value(const json& in, Policy& value, Where where) {
  auto policy = policy_from_json(in);
  if (!policy) {
    where.error = policy.error();
    return false;
  }
  value = std::move(*policy);
  return true;
}
template <class Enum>
requires std::is_enum_v<Enum>
bool decode_value(const json& in, Enum& value, Where) {
  const auto found =
      in.is_string() ? from_word<Enum>(in.get_ref<const std::string&>()) : std::optional<Enum>();
  value = found.value_or(Enum{});
  return found.has_value();
}
template <class T> bool decode_value(const json& in, std::optional<T>& value, Where where) {
  value.reset();
  return in.is_null() || Reader::decode(in, value.emplace(), where.path, where.error);
}
template <class T> bool decode_value(const json& in, std::vector<T>& values, Where where) {
  if (!in.is_array()) {
    return false;
  }
  values.clear();
  for (const json& item : in) {
    if (!Reader::decode(item, values.emplace_back(), where.path + "[]", where.error)) {
      return false;
    }
  }
  return true;
}
template <class T>
bool decode_value(const json& in, std::map<std::string, T>& values, Where where) {
  if (!in.is_object()) {
    return false;
  }
  values.clear();
  for (const auto& [key, item] : in.items()) {
    if (!Reader::decode(item, values[key], where.path + "." + key, where.error)) {
      return false;
    }
  }
  return true;
}
template <class V>
bool decode_value(const json& in, V& value, Where where) requires requires(Reader& reader) {
  describe(reader, value);
}
{
  Reader reader(in, where.path, where.error);
  describe(reader, value);
  return !where.error;
}

template <class T>
bool Reader::decode(const json& in,
                    T& value,
                    const std::string& where,
                    std::optional<Error>& error) {
  return decode_value(in, value, Where{where, error});
}

} // namespace

json to_json(const GenerationView& view) {
  return Writer::encode(view);
}
json to_json(const AttemptView& view) {
  return Writer::encode(view);
}
json to_json(const JobView& view) {
  return Writer::encode(view);
}
json to_json(const CoordinatorView& view) {
  return Writer::encode(view);
}
json to_json(const ProcessView& view) {
  return Writer::encode(view);
}
json to_json(const EventView& view) {
  return Writer::encode(view);
}
json to_json(const StatsView& view) {
  return Writer::encode(view);
}
json to_json(const StatusView& view) {
  return Writer::encode(view);
}
json to_json(const Page<JobView>& page) {
  return Writer::encode(page);
}
json to_json(const ArrayView& view) {
  return Writer::encode(view);
}

json to_json(const EventPage& page) {
  json out = Writer::encode(page);
  out["next"] = std::to_string(page.last_seq);
  return out;
}

template <class View> json list_to_json(const std::vector<View>& items) {
  return Writer::encode(Page<View>{items, std::nullopt});
}
template json list_to_json(const std::vector<GenerationView>&);
template json list_to_json(const std::vector<AttemptView>&);
template json list_to_json(const std::vector<CoordinatorView>&);
template json list_to_json(const std::vector<ProcessView>&);
template json list_to_json(const std::vector<EventView>&);
template json list_to_json(const std::vector<JobView>&);
template json list_to_json(const std::vector<NodeView>&);
template json list_to_json(const std::vector<PrunedView>&);

template <class View> Result<View> from_json(const json& in) {
  View view;
  std::optional<Error> error;
  Reader::decode(in, view, "answer", error);
  if (error) {
    return tl::unexpected(std::move(*error));
  }
  return view;
}
template Result<GenerationView> from_json(const json&);
template Result<AttemptView> from_json(const json&);
template Result<JobView> from_json(const json&);
template Result<ArrayView> from_json(const json&);
template Result<CoordinatorView> from_json(const json&);
template Result<ProcessView> from_json(const json&);
template Result<EventView> from_json(const json&);
template Result<StatusView> from_json(const json&);
template Result<StatsView> from_json(const json&);
template Result<EventPage> from_json(const json&);
template Result<Page<JobView>> from_json(const json&);
template Result<Page<GenerationView>> from_json(const json&);
template Result<Page<AttemptView>> from_json(const json&);
template Result<Page<CoordinatorView>> from_json(const json&);
template Result<Page<ProcessView>> from_json(const json&);
template Result<Page<NodeView>> from_json(const json&);
template Result<Page<PrunedView>> from_json(const json&);

} // namespace ckpt::api
