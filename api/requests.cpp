#include "api/codec.hpp"
#include "core/json/fields.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>

#include <array>

// A submit is spec.json without what the daemon gives, so the strict reading of core/json is
// reused: the daemon's fields are refused, the defaults filled in, and the rest goes through it.

namespace ckpt::api {
namespace {

using nlohmann::json;

constexpr std::array kGivenByDaemon{"id", "created_at", "started_from", "script_name", "array"};
constexpr std::array kRequired{"argv", "cwd"};

tl::unexpected<Error> invalid(const std::string& message) {
  return fail(ErrorClass::usage,
              "invalid_field",
              message,
              "The fields of this request are listed in openapi.yaml.");
}

json spec_defaults() {
  JobSpec spec;
  spec.id = JobId{1};
  spec.argv = {"-"};
  spec.cwd = "/";
  return ckpt::to_json(spec);
}

} // namespace

json to_json(const SubmitRequest& request) {
  json out = ckpt::to_json(request.spec);
  for (const char* field : kGivenByDaemon) {
    out.erase(field);
  }
  out.erase("scheduler");
  if (request.scheduler) {
    out["scheduler"] = word(*request.scheduler);
  }
  if (request.script) {
    out["script"] = bytes_json(*request.script);
  }
  out["policy"] = ckpt::to_json(request.policy);
  return out;
}

Result<SubmitRequest> submit_request_from_json(const json& in) {
  if (!in.is_object()) {
    return invalid("the body is not a JSON object");
  }
  for (const char* field : kGivenByDaemon) {
    if (in.contains(field)) {
      return invalid(std::string("submit: '") + field + "' is given by the daemon");
    }
  }
  for (const char* field : kRequired) {
    if (!in.contains(field)) {
      return invalid(std::string("submit: '") + field + "' is missing");
    }
  }
  SubmitRequest request;
  json merged = spec_defaults();
  for (const auto& [name, value] : in.items()) {
    if (name != "policy" && name != "script") {
      merged[name] = value;
    }
  }
  auto spec = job_spec_from_json(merged);
  if (!spec) {
    return tl::unexpected(spec.error());
  }
  if (in.contains("script")) {
    const json holder{{"script", in["script"]}};
    Fields fields(holder, "submit");
    request.script = fields.bytes("script");
    if (auto fine = fields.finish(); !fine) {
      return tl::unexpected(fine.error());
    }
  }
  if (in.contains("policy")) {
    auto policy = policy_from_json(in["policy"]);
    if (!policy) {
      return tl::unexpected(policy.error());
    }
    request.policy = std::move(*policy);
  }
  if (in.contains("scheduler")) {
    request.scheduler = spec->scheduler;
  }
  request.spec = std::move(*spec);
  request.spec.id = JobId{};
  request.spec.created_at = TimePoint{};
  request.spec.scheduler = JobSpec{}.scheduler;
  return request;
}

json to_json(const ArrayRequest& request) {
  return {{"indexes", request.indexes}, {"job", to_json(request.job)}};
}

Result<ArrayRequest> array_request_from_json(const json& in) {
  if (!in.is_object()) {
    return invalid("the body is not a JSON object");
  }
  Fields fields(in, "array");
  ArrayRequest request;
  request.indexes = fields.text("indexes");
  const json* job = fields.raw("job");
  if (job == nullptr) {
    fields.reject("job", "is missing");
  }
  if (auto fine = fields.finish(); !fine) {
    return tl::unexpected(fine.error());
  }
  auto read = submit_request_from_json(*job);
  if (!read) {
    return tl::unexpected(read.error());
  }
  request.job = *std::move(read);
  return request;
}

namespace {

/// What restart and fork have in common.
template <class Request> json ways_to_json(const Request& request) {
  json out = json::object();
  if (request.generation) {
    out["generation"] = request.generation->str();
  }
  if (!request.sbatch_args.empty()) {
    json args = json::array();
    for (const std::string& arg : request.sbatch_args) {
      args.push_back(bytes_json(arg));
    }
    out["sbatch_args"] = std::move(args);
  }
  if (request.time_limit) {
    out["time_limit_seconds"] = seconds_json(*request.time_limit);
  }
  if (!request.policy_patch.empty()) {
    out["policy"] = parse_json(request.policy_patch).value_or(json::object());
  }
  if (!request.engine_path.empty()) {
    out["engine_path"] = bytes_json(request.engine_path);
  }
  return out;
}

template <class Request> Status read_ways(Fields& fields, const char* what, Request& request) {
  if (const auto text = fields.optional_text("generation")) {
    request.generation = GenerationId::parse(*text);
    if (!request.generation) {
      fields.reject("generation", "'" + *text + "' is no generation: write g3");
    }
  }
  if (const json* args = fields.raw("sbatch_args")) {
    if (!args->is_array()) {
      fields.reject("sbatch_args", "is not a list");
    } else {
      for (const json& arg : *args) {
        const json holder{{"sbatch_args", arg}};
        Fields one(holder, what);
        request.sbatch_args.push_back(one.bytes("sbatch_args"));
        if (auto fine = one.finish(); !fine) {
          return fine;
        }
      }
    }
  }
  request.time_limit = fields.optional_duration("time_limit_seconds");
  request.engine_path = fields.bytes_or("engine_path", "");
  if (const json* patch = fields.raw("policy")) {
    // Applied by the daemon to the job's own policy; here only its form is checked.
    if (auto patched = patch_policy(Policy{}, *patch); !patched) {
      return tl::unexpected(patched.error());
    }
    request.policy_patch = dump_json(*patch);
  }
  return {};
}

} // namespace

json to_json(const RestartRequest& request) {
  return ways_to_json(request);
}

Result<RestartRequest> restart_request_from_json(const json& in) {
  if (!in.is_object()) {
    return invalid("the body is not a JSON object");
  }
  RestartRequest request;
  Fields fields(in, "restart");
  if (auto read = read_ways(fields, "restart", request); !read) {
    return tl::unexpected(read.error());
  }
  if (auto fine = fields.finish(); !fine) {
    return tl::unexpected(fine.error());
  }
  return request;
}

json to_json(const ForkRequest& request) {
  json out = ways_to_json(request);
  if (!request.name.empty()) {
    out["name"] = bytes_json(request.name);
  }
  if (!request.stdout_path.empty()) {
    out["stdout_path"] = bytes_json(request.stdout_path);
  }
  if (!request.stderr_path.empty()) {
    out["stderr_path"] = bytes_json(request.stderr_path);
  }
  if (request.share_files) {
    out["share_files"] = true;
  }
  return out;
}

Result<ForkRequest> fork_request_from_json(const json& in) {
  if (!in.is_object()) {
    return invalid("the body is not a JSON object");
  }
  ForkRequest request;
  Fields fields(in, "fork");
  if (auto read = read_ways(fields, "fork", request); !read) {
    return tl::unexpected(read.error());
  }
  request.name = fields.bytes_or("name", "");
  request.stdout_path = fields.bytes_or("stdout_path", "");
  request.stderr_path = fields.bytes_or("stderr_path", "");
  request.share_files = fields.boolean_or("share_files", false);
  if (auto fine = fields.finish(); !fine) {
    return tl::unexpected(fine.error());
  }
  return request;
}

} // namespace ckpt::api
