// Invariants: a folder without submission.json was never answered for and counts for nothing; a
// number is never given twice.
#include "core/scheduler/local/record.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

namespace ckpt::scheduler::local {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kPrefix = "local-";

std::int64_t to_number(TimePoint time) {
  return time.time_since_epoch().count();
}
TimePoint to_time(const Json& json) {
  return TimePoint(milliseconds{json.get<std::int64_t>()});
}

/// Bytes that are no UTF-8 (a file name in the environment) are kept as a list of numbers.
Json text_json(const std::string& text) {
  Json json = text;
  try {
    static_cast<void>(json.dump());
    return json;
  } catch (const Json::exception&) {
    return std::vector<std::uint8_t>(text.begin(), text.end());
  }
}

std::string json_text(const Json& json) {
  if (json.is_string()) {
    return json.get<std::string>();
  }
  const auto bytes = json.get<std::vector<std::uint8_t>>();
  return {bytes.begin(), bytes.end()};
}

Json to_json(const Submission& submission, TimePoint now) {
  Json env = Json::array();
  for (const auto& [name, value] : submission.env) {
    env.push_back(text_json(name + "=" + value));
  }
  Json args = Json::array();
  for (const std::string& word : submission.args) {
    args.push_back(text_json(word));
  }
  Json json{{"token", submission.token.value},
            {"name", text_json(submission.name)},
            {"script", text_json(submission.script.string())},
            {"cwd", text_json(submission.cwd)},
            {"output_path", text_json(submission.output_path)},
            {"args", std::move(args)},
            {"env", std::move(env)},
            {"submitted_at_ms", to_number(now)}};
  if (submission.time_limit) {
    json["time_limit_ms"] = submission.time_limit->count();
  }
  return json;
}

void read_submission(const Json& json, Record& record) {
  Submission& submission = record.submission;
  submission.token.value = json.at("token").get<std::string>();
  submission.name = json_text(json.at("name"));
  submission.script = json_text(json.at("script"));
  submission.cwd = json_text(json.at("cwd"));
  submission.output_path = json_text(json.at("output_path"));
  for (const Json& word : json.at("args")) {
    submission.args.push_back(json_text(word));
  }
  for (const Json& entry : json.at("env")) {
    const std::string text = json_text(entry);
    const std::size_t equals = text.find('=');
    submission.env[text.substr(0, equals)] = text.substr(equals + 1);
  }
  if (json.contains("time_limit_ms")) {
    submission.time_limit = milliseconds{json.at("time_limit_ms").get<std::int64_t>()};
  }
  record.submitted_at = to_time(json.at("submitted_at_ms"));
}

ProcessRecord read_process(const Json& json) {
  ProcessRecord process;
  process.restart_count = json.at("restart_count").get<int>();
  process.pid = json.at("pid").get<pid_t>();
  process.start_ticks = json.at("start_ticks").get<std::uint64_t>();
  process.boot_id = json.at("boot_id").get<std::string>();
  process.started_at = to_time(json.at("started_at_ms"));
  process.parent = json.at("parent").get<pid_t>();
  process.parent_ticks = json.at("parent_ticks").get<std::uint64_t>();
  return process;
}

EndRecord read_end(const Json& json) {
  EndRecord end;
  end.restart_count = json.at("restart_count").get<int>();
  end.ended_at = to_time(json.at("ended_at_ms"));
  end.never_started = json.value("never_started", false);
  end.rebooted = json.value("rebooted", false);
  if (json.contains("exit_code")) {
    end.status.emplace().code = json.at("exit_code").get<int>();
  } else if (json.contains("signal")) {
    end.status.emplace().signal = json.at("signal").get<int>();
  }
  return end;
}

/// Calls `use` with the file's JSON; a file that is not there is fine.
template <class Use> Status with_json(const Path& path, Use use) {
  const auto text = read_file(path);
  if (!text) {
    return text.error().code == "no_such_file" ? Status{} : tl::unexpected<Error>(text.error());
  }
  try {
    use(Json::parse(*text));
    return {};
  } catch (const Json::exception& problem) {
    return fail(ErrorClass::failed, "bad_record", path.string() + ": " + problem.what());
  }
}

} // namespace

std::optional<std::int64_t> local_number(const std::string& id) {
  std::int64_t number = 0;
  if (!id.starts_with(kPrefix)) {
    return std::nullopt;
  }
  const char* end = id.data() + id.size();
  const auto read = std::from_chars(id.data() + kPrefix.size(), end, number);
  return read.ec == std::errc{} && read.ptr == end && number > 0 ? std::optional(number)
                                                                 : std::nullopt;
}

int Record::restart_count() const {
  return std::max(process ? process->restart_count : 0, restart ? restart->restart_count : 0);
}

TimePoint Record::started_at() const {
  if (restart && (!process || restart->restart_count >= process->restart_count)) {
    return restart->started_at;
  }
  return process ? process->started_at : submitted_at;
}

std::vector<SchedulerJobId> Records::list() const {
  std::vector<std::int64_t> numbers;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(root_, error);
       !error && entry != std::filesystem::directory_iterator();
       entry.increment(error)) {
    if (const auto number = local_number(entry->path().filename().string())) {
      numbers.push_back(*number);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  std::vector<SchedulerJobId> ids;
  ids.reserve(numbers.size());
  for (const std::int64_t number : numbers) {
    ids.push_back({std::string(kPrefix) + std::to_string(number)});
  }
  return ids;
}

Result<SchedulerJobId> Records::create(const Submission& submission, TimePoint now) {
  if (auto made = make_directories(root_); !made) {
    return tl::unexpected<Error>(made.error());
  }
  const auto ids = list();
  std::int64_t number = ids.empty() ? 1 : *local_number(ids.back().value) + 1;
  for (;; ++number) {
    const SchedulerJobId id{std::string(kPrefix) + std::to_string(number)};
    if (auto made = make_directory_exclusively(folder(id)); !made) {
      if (made.error().code == "file_exists") {
        continue;
      }
      return tl::unexpected<Error>(made.error());
    }
    const std::string text = to_json(submission, now).dump();
    if (auto written = write_file_atomically(folder(id) / "submission.json", text); !written) {
      return tl::unexpected<Error>(written.error());
    }
    return id;
  }
}

Result<Record> Records::read(const SchedulerJobId& id) const {
  Record record;
  record.id = id;
  bool found = false;
  if (!local_number(id.value)) {
    return fail(
        ErrorClass::not_found, "no_such_allocation", "'" + id.value + "' is no local allocation");
  }
  Status status = with_json(folder(id) / "submission.json", [&](const Json& json) {
    read_submission(json, record);
    found = true;
  });
  if (status && !found) {
    return fail(ErrorClass::not_found, "no_such_allocation", id.value + " is not known here");
  }
  const auto also = [&](const char* name, auto use) {
    if (status) {
      status = with_json(folder(id) / name, use);
    }
  };
  also("process.json", [&](const Json& json) { record.process = read_process(json); });
  also("restarts.json", [&](const Json& json) {
    record.restart =
        RestartRecord{json.at("restart_count").get<int>(), to_time(json.at("started_at_ms"))};
  });
  also("cancelled.json",
       [&](const Json& json) { record.cancelled_at = to_time(json.at("cancelled_at_ms")); });
  also("held.json", [&](const Json& /*empty*/) { record.held = true; });
  also("end.json", [&](const Json& json) { record.end = read_end(json); });
  if (!status) {
    return tl::unexpected<Error>(status.error());
  }
  return record;
}

Status Records::write(const SchedulerJobId& id, const ProcessRecord& process) {
  const Json json{{"restart_count", process.restart_count},
                  {"pid", process.pid},
                  {"start_ticks", process.start_ticks},
                  {"boot_id", process.boot_id},
                  {"started_at_ms", to_number(process.started_at)},
                  {"parent", process.parent},
                  {"parent_ticks", process.parent_ticks}};
  return write_file_atomically(folder(id) / "process.json", json.dump());
}

Status Records::write(const SchedulerJobId& id, const RestartRecord& restart) {
  const Json json{{"restart_count", restart.restart_count},
                  {"started_at_ms", to_number(restart.started_at)}};
  return write_file_atomically(folder(id) / "restarts.json", json.dump());
}

Status Records::write(const SchedulerJobId& id, const EndRecord& end) {
  Json json{{"restart_count", end.restart_count},
            {"ended_at_ms", to_number(end.ended_at)},
            {"never_started", end.never_started},
            {"rebooted", end.rebooted}};
  if (end.status && end.status->code) {
    json["exit_code"] = *end.status->code;
  } else if (end.status && end.status->signal) {
    json["signal"] = *end.status->signal;
  }
  return write_file_atomically(folder(id) / "end.json", json.dump());
}

Status Records::write_cancelled(const SchedulerJobId& id, TimePoint now) {
  const Json json{{"cancelled_at_ms", to_number(now)}};
  auto made = create_file_exclusively(folder(id) / "cancelled.json", json.dump());
  return !made && made.error().code == "file_exists" ? Status{} : made;
}

Status Records::write_held(const SchedulerJobId& id, bool held) {
  const Path file = folder(id) / "held.json";
  return held ? write_file_atomically(file, "{}") : remove_file(file);
}

Status Records::remove(const SchedulerJobId& id) {
  return remove_tree(folder(id));
}

} // namespace ckpt::scheduler::local
