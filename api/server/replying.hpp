#pragma once

#include "api/codec.hpp"
#include "api/server/handlers.hpp"
#include "api/server/query.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>

// What the handlers share: selectors, empty bodies, replies.

namespace ckpt::api {

template <class View> Result<Reply> reply_with(const Result<View>& view, int status = 200) {
  if (!view) {
    return tl::unexpected(view.error());
  }
  return Reply{.status = status, .body = dump_json(to_json(*view)), .headers = {}};
}

template <class View> Result<Reply> reply_with_list(const Result<std::vector<View>>& items) {
  if (!items) {
    return tl::unexpected(items.error());
  }
  return Reply{.body = dump_json(list_to_json(*items)), .headers = {}};
}

inline const std::string& selector(const Call& call) {
  return call.path_values.front();
}

inline Status no_parameters(const Call& call) {
  return Query(call).finish();
}

/// For actions whose body has no fields (yet): nothing, or an empty object.
inline Status no_fields(const Call& call) {
  if (call.body.empty()) {
    return {};
  }
  const auto json = parse_json(call.body);
  if (!json) {
    return tl::unexpected(json.error());
  }
  if (!json->is_object() || !json->empty()) {
    return fail(ErrorClass::usage,
                "invalid_field",
                "this request takes no fields in its body",
                "Send no body, or {}.");
  }
  return {};
}

/// Reads `wait` and refuses all else.
inline Result<Duration> only_wait(const Call& call) {
  Query query(call);
  const Duration wait = query.wait();
  if (auto fine = query.finish(); !fine) {
    return tl::unexpected(fine.error());
  }
  if (auto fine = no_fields(call); !fine) {
    return tl::unexpected(fine.error());
  }
  return wait;
}

inline Result<GenerationId> generation_id(const std::string& text) {
  if (const auto id = GenerationId::parse(text)) {
    return *id;
  }
  return fail(ErrorClass::usage,
              "invalid_generation",
              "'" + text + "' is no generation",
              "Generations are written g1, g2, …");
}

} // namespace ckpt::api
