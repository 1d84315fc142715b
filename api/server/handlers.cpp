#include "api/server/handlers.hpp"

#include "api/server/description.hpp"
#include "api/server/replying.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>

#include <limits>

namespace ckpt::api {
namespace {

constexpr int kMaxItems = 1000;

} // namespace

Result<Reply> handle_health(UseCases& /*use_cases*/, const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  return Reply{.content_type = "text/plain", .body = "ok\n", .headers = {}};
}

Result<Reply> handle_status(UseCases& use_cases, const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  return reply_with(use_cases.status());
}

Result<Reply> handle_list_jobs(UseCases& use_cases, const Call& call) {
  Query query(call);
  JobFilter filter;
  for (const std::string& text : query.all("state")) {
    if (const auto state = from_word<JobState>(text)) {
      filter.states.push_back(*state);
    } else {
      query.reject("state",
                   "'" + text + "' is not one of: " + std::string(Words<JobState>::kNames));
    }
  }
  for (const std::string& text : query.all("tag")) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      query.reject("tag", "write KEY=VALUE");
      break;
    }
    filter.tags[text.substr(0, equals)] = text.substr(equals + 1);
  }
  if (const auto after = query.text("after")) {
    filter.after = JobId::parse(*after);
    if (!filter.after) {
      query.reject("after", "it is the `next` of the page before");
    }
  }
  filter.limit = static_cast<int>(query.integer("limit", 1, kMaxItems).value_or(filter.limit));
  if (auto fine = query.finish(); !fine) {
    return tl::unexpected(fine.error());
  }
  return reply_with(use_cases.list_jobs(filter));
}

Result<Reply> handle_submit(UseCases& use_cases, const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  const auto json = parse_json(call.body);
  if (!json) {
    return tl::unexpected(json.error());
  }
  auto request = submit_request_from_json(*json);
  if (!request) {
    return tl::unexpected(request.error());
  }
  request->idempotency_key = call.idempotency_key;
  const auto job = use_cases.submit(*request);
  auto reply = reply_with(job, 201);
  if (reply) {
    reply->headers.emplace("Location", "/v1/jobs/" + job->id.str());
  }
  return reply;
}

Result<Reply> handle_submit_array(UseCases& use_cases, const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  const auto json = parse_json(call.body);
  if (!json) {
    return tl::unexpected(json.error());
  }
  auto request = array_request_from_json(*json);
  if (!request) {
    return tl::unexpected(request.error());
  }
  request->job.idempotency_key = call.idempotency_key;
  return reply_with(use_cases.submit_array(*request), 201);
}

Result<Reply> handle_get_job(UseCases& use_cases, const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  return reply_with(use_cases.get_job(selector(call)));
}

Result<Reply> handle_attempts(UseCases& use_cases, const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  return reply_with_list(use_cases.attempts(selector(call)));
}

Result<Reply> handle_processes(UseCases& use_cases, const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  return reply_with_list(use_cases.processes(selector(call)));
}

Result<Reply> handle_generations(UseCases& use_cases, const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  return reply_with_list(use_cases.generations(selector(call)));
}

Result<Reply> handle_generation(UseCases& use_cases, const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  const auto id = generation_id(call.path_values.at(1));
  if (!id) {
    return tl::unexpected(id.error());
  }
  return reply_with(use_cases.generation(selector(call), *id));
}

Result<Reply> handle_output(UseCases& use_cases, const Call& call) {
  constexpr std::int64_t kMaxChunk = std::int64_t{8} << 20U;
  Query query(call);
  OutputRequest request;
  request.stream = query.word_of<OutputStream>("stream").value_or(request.stream);
  if (const auto attempt = query.integer("attempt", 1, std::numeric_limits<int>::max())) {
    request.attempt = AttemptId{*attempt};
  }
  request.offset = static_cast<std::uint64_t>(
      query.integer("offset", 0, std::numeric_limits<std::int64_t>::max()).value_or(0));
  if (const auto limit = query.integer("limit", 1, kMaxChunk)) {
    request.limit = static_cast<std::size_t>(*limit);
  }
  if (auto fine = query.finish(); !fine) {
    return tl::unexpected(fine.error());
  }
  auto chunk = use_cases.output(selector(call), request);
  if (!chunk) {
    return tl::unexpected(chunk.error());
  }
  Reply reply{.content_type = "application/octet-stream", .body = {}, .headers = {}};
  reply.headers.emplace("Ckpt-Offset", std::to_string(chunk->offset));
  reply.headers.emplace("Ckpt-Next-Offset", std::to_string(chunk->offset + chunk->data.size()));
  reply.headers.emplace("Ckpt-Size", std::to_string(chunk->size));
  reply.headers.emplace("Ckpt-Complete", chunk->complete ? "true" : "false");
  reply.body = std::move(chunk->data);
  return reply;
}

Result<Reply> handle_checkpoint(UseCases& use_cases, const Call& call) {
  Query query(call);
  CheckpointRequest request;
  request.wait = query.wait();
  request.trigger = query.word_of<Trigger>("trigger").value_or(request.trigger);
  if (request.trigger != Trigger::manual && request.trigger != Trigger::program) {
    query.reject("trigger", "who asks here is a person (manual) or the program itself (program)");
  }
  request.idempotency_key = call.idempotency_key;
  const auto fine = query.finish() ? no_fields(call) : query.finish();
  if (!fine) {
    return tl::unexpected(fine.error());
  }
  const auto generation = use_cases.checkpoint(selector(call), request);
  if (!generation) {
    return tl::unexpected(generation.error());
  }
  auto reply = reply_with(generation, generation->state == GenerationState::sealed ? 201 : 202);
  reply->headers.emplace(
      "Location", "/v1/jobs/" + generation->job.str() + "/generations/" + generation->id.str());
  return reply;
}

Result<Reply> handle_stop(UseCases& use_cases, const Call& call) {
  const auto wait = only_wait(call);
  if (!wait) {
    return tl::unexpected(wait.error());
  }
  const auto job = use_cases.stop(selector(call), StopRequest{*wait, call.idempotency_key});
  return reply_with(job, job && job->state == JobState::stopping ? 202 : 200);
}

Result<Reply> handle_restart(UseCases& use_cases, const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  const auto json = parse_json(call.body.empty() ? "{}" : call.body);
  if (!json) {
    return tl::unexpected(json.error());
  }
  auto request = restart_request_from_json(*json);
  if (!request) {
    return tl::unexpected(request.error());
  }
  request->idempotency_key = call.idempotency_key;
  return reply_with(use_cases.restart(selector(call), *request));
}

Result<Reply> handle_fork(UseCases& use_cases, const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  const auto json = parse_json(call.body.empty() ? "{}" : call.body);
  if (!json) {
    return tl::unexpected(json.error());
  }
  auto request = fork_request_from_json(*json);
  if (!request) {
    return tl::unexpected(request.error());
  }
  request->idempotency_key = call.idempotency_key;
  const auto job = use_cases.fork(selector(call), *request);
  auto reply = reply_with(job, 201);
  if (reply) {
    reply->headers.emplace("Location", "/v1/jobs/" + job->id.str());
  }
  return reply;
}

Result<Reply> handle_cancel(UseCases& use_cases, const Call& call) {
  const auto wait = only_wait(call);
  if (!wait) {
    return tl::unexpected(wait.error());
  }
  const auto job = use_cases.cancel(selector(call), CancelRequest{*wait, call.idempotency_key});
  return reply_with(job, job && job->state != JobState::cancelled ? 202 : 200);
}

Result<Reply> handle_coordinators(UseCases& use_cases, const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  return reply_with_list(use_cases.coordinators());
}

Result<Reply> handle_events(UseCases& use_cases, const Call& call) {
  Query query(call);
  EventFilter filter;
  if (query.text("after") != "now") {
    filter.after = query.integer("after", 0, std::numeric_limits<std::int64_t>::max()).value_or(0);
  }
  filter.wait = query.wait();
  filter.job = query.text("job");
  filter.limit = static_cast<int>(query.integer("limit", 1, kMaxItems).value_or(filter.limit));
  if (auto fine = query.finish(); !fine) {
    return tl::unexpected(fine.error());
  }
  return reply_with(use_cases.events(filter));
}

Result<Reply> handle_description(UseCases& /*use_cases*/, const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  return Reply{
      .content_type = "application/yaml", .body = std::string(description()), .headers = {}};
}

} // namespace ckpt::api
