#include "api/server/replying.hpp"
#include "core/json/fields.hpp"

// Everything about jobs and generations that neither starts nor ends them.

namespace ckpt::api {
namespace {

using Act = Result<JobView> (UseCases::*)(const std::string&, const ActionRequest&);

Result<Reply> do_to_job(UseCases& use_cases, const Call& call, Act act) {
  const auto fine = no_parameters(call) ? no_fields(call) : no_parameters(call);
  if (!fine) {
    return tl::unexpected(fine.error());
  }
  return reply_with((use_cases.*act)(selector(call), ActionRequest{call.idempotency_key}));
}

/// The JSON object of a body; without one: an empty object.
Result<nlohmann::json> object_of(const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  auto json = parse_json(call.body.empty() ? "{}" : call.body);
  if (json && !json->is_object()) {
    return fail(ErrorClass::usage, "invalid_field", "the body is not a JSON object");
  }
  return json;
}

} // namespace

Result<Reply> handle_hold(UseCases& use_cases, const Call& call) {
  return do_to_job(use_cases, call, &UseCases::hold);
}

Result<Reply> handle_release(UseCases& use_cases, const Call& call) {
  return do_to_job(use_cases, call, &UseCases::release);
}

Result<Reply> handle_requeue(UseCases& use_cases, const Call& call) {
  return do_to_job(use_cases, call, &UseCases::requeue);
}

Result<Reply> handle_policy(UseCases& use_cases, const Call& call) {
  const auto json = object_of(call);
  if (!json) {
    return tl::unexpected(json.error());
  }
  // Applied by the daemon to the job's own policy; here only its form is checked.
  if (const auto patched = patch_policy(Policy{}, *json); !patched) {
    return tl::unexpected(patched.error());
  }
  return reply_with(use_cases.change_policy(selector(call), PolicyRequest{dump_json(*json)}));
}

Result<Reply> handle_remove_job(UseCases& use_cases, const Call& call) {
  const auto fine = no_parameters(call) ? no_fields(call) : no_parameters(call);
  if (!fine) {
    return tl::unexpected(fine.error());
  }
  if (const Status removed = use_cases.remove_job(selector(call)); !removed) {
    return tl::unexpected(removed.error());
  }
  return Reply{.status = 204, .body = {}, .headers = {}};
}

Result<Reply> handle_pin(UseCases& use_cases, const Call& call) {
  const auto json = object_of(call);
  const auto id = generation_id(call.path_values.at(1));
  if (!json || !id) {
    return tl::unexpected(json ? id.error() : json.error());
  }
  Fields fields(*json, "generation");
  const bool pinned = fields.boolean_or("pinned", false);
  if (!fields.has("pinned")) {
    fields.reject("pinned", "is missing");
  }
  if (auto fine = fields.finish(); !fine) {
    return tl::unexpected(fine.error());
  }
  return reply_with(use_cases.pin(selector(call), *id, pinned));
}

Result<Reply> handle_verify(UseCases& use_cases, const Call& call) {
  const auto wait = only_wait(call);
  const auto id = generation_id(call.path_values.at(1));
  if (!wait || !id) {
    return tl::unexpected(wait ? id.error() : wait.error());
  }
  const auto generation = use_cases.verify(selector(call), *id, *wait);
  return reply_with(generation, generation && generation->progress ? 202 : 200);
}

Result<Reply> handle_remove_generation(UseCases& use_cases, const Call& call) {
  const auto fine = no_parameters(call) ? no_fields(call) : no_parameters(call);
  const auto id = generation_id(call.path_values.at(1));
  if (!fine || !id) {
    return tl::unexpected(fine ? id.error() : fine.error());
  }
  return reply_with(use_cases.remove_generation(selector(call), *id));
}

Result<Reply> handle_prune(UseCases& use_cases, const Call& call) {
  const auto json = object_of(call);
  if (!json) {
    return tl::unexpected(json.error());
  }
  PruneRequest request;
  Fields fields(*json, "prune");
  request.job = fields.optional_text("job");
  request.dry_run = fields.boolean_or("dry_run", false);
  if (auto fine = fields.finish(); !fine) {
    return tl::unexpected(fine.error());
  }
  return reply_with_list(use_cases.prune(request));
}

Result<Reply> handle_nodes(UseCases& use_cases, const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  return reply_with_list(use_cases.nodes());
}

Result<Reply> handle_stats(UseCases& use_cases, const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  return reply_with(use_cases.stats());
}

Result<Reply> handle_metrics(UseCases& use_cases, const Call& call) {
  if (auto fine = no_parameters(call); !fine) {
    return tl::unexpected(fine.error());
  }
  auto text = use_cases.metrics();
  if (!text) {
    return tl::unexpected(text.error());
  }
  return Reply{.content_type = "text/plain; version=0.0.4; charset=utf-8",
               .body = *std::move(text),
               .headers = {}};
}

} // namespace ckpt::api
