#pragma once

#include "api/server/use_cases.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

// The API as ONE table: method, pattern, operationId, handler. openapi.yaml says the same in public
// (a test compares them). Nothing here knows the HTTP library.

namespace ckpt::api {

/// A request after the listener has checked and read it.
struct Call {
  std::vector<std::string> path_values; ///< of the pattern's {…}, decoded, in order
  std::multimap<std::string, std::string> query;
  std::string body;
  std::string idempotency_key;
  Duration max_wait{0};
};

struct Reply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::multimap<std::string, std::string> headers;
};

using Handler = Result<Reply> (*)(UseCases& use_cases, const Call& call);

struct Route {
  std::string_view method;
  std::string_view pattern; ///< "/v1/jobs/{id}/stop"
  std::string_view operation_id;
  Handler handler;
  /// A client may hold it for long: counted against ServerLimits::waiting_requests when it asks to
  /// wait.
  bool may_wait = false;
  bool needs_token = true; ///< over TCP
  bool streams = false;    ///< as server-sent events to who accepts text/event-stream
};

const std::vector<Route>& routes();

struct Match {
  const Route* route = nullptr;
  std::vector<std::string> path_values;
  std::vector<std::string_view> allowed; ///< methods of the path; empty: there is no such path
};

/// `target` is the request's raw target; what is behind `?` is ignored. HEAD is served by GET.
Match match_route(std::string_view method, std::string_view target);

/// "%41" → "A"; nothing for a bad escape or a NUL byte.
std::optional<std::string> percent_decode(std::string_view text);

} // namespace ckpt::api
