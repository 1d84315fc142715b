#include "api/server/answerer.hpp"

#include "api/problem.hpp"
#include "api/server/pool.hpp"
#include "api/server/query.hpp"
#include "core/base/log.hpp"
#include "core/base/strings.hpp"

#include <fcntl.h>

#include <algorithm>
#include <functional>
#include <limits>

namespace ckpt::api {
namespace {

Error permanent(ErrorClass cls, std::string code, std::string message, std::string advice) {
  return {cls, Outcome::permanent, std::move(code), std::move(message), std::move(advice)};
}

Error internal_error(const std::string& what) {
  log::error("request failed: " + what);
  return {ErrorClass::failed,
          Outcome::unknown,
          "internal_error",
          "the daemon failed at this request: " + what,
          "The log says more: `ckpt paths` tells where it is. Please report it."};
}

void too_many(httplib::Response& response, const std::string& what, const std::string& advice) {
  response.set_header("Retry-After", "1");
  set_problem(response,
              Error{ErrorClass::timed_out, Outcome::retryable, "too_many_waiting", what, advice},
              503);
}

void set_reply(httplib::Response& response, Reply reply) {
  response.status = reply.status;
  for (const auto& [name, value] : reply.headers) {
    response.set_header(name, value);
  }
  if (reply.status != 204) {
    response.set_content(std::move(reply.body), reply.content_type);
  }
}

/// Of the bytes that are sent: equal answers have equal tags, and a client that polls is told so.
std::string etag_of(const std::string& body) {
  char text[40];
  std::snprintf(text, sizeof text, "\"%zx-%zx\"", std::hash<std::string_view>{}(body), body.size());
  return text;
}

bool names(const std::string& if_none_match, const std::string& etag) {
  for (const std::string& one : split(if_none_match, ',')) {
    const std::string tag(trim(one));
    if (tag == "*" || tag == etag || tag == "W/" + etag) {
      return true;
    }
  }
  return false;
}

void tag(const httplib::Request& request, httplib::Response& response) {
  if ((request.method != "GET" && request.method != "HEAD") || response.status != 200 ||
      response.body.empty()) {
    return;
  }
  const std::string etag = etag_of(response.body);
  response.headers.erase("Cache-Control"); // it may be kept, and is to be asked for each time
  response.set_header("Cache-Control", "private, no-cache");
  response.set_header("ETag", etag);
  if (names(request.get_header_value("If-None-Match"), etag)) {
    response.status = 304;
    response.body.clear();
    response.headers.erase("Content-Type");
  }
}

/// The parameters of a target; nothing where an escape is wrong. (The library's own reading takes
/// the text behind the last `=` for the value: of `tag=kind=test` it keeps `test`.)
std::optional<std::multimap<std::string, std::string>> query_of(std::string_view target) {
  std::multimap<std::string, std::string> query;
  const std::size_t begin = target.find('?');
  if (begin == std::string_view::npos) {
    return query;
  }
  std::string text(target.substr(begin + 1, target.find('#') - begin - 1));
  std::replace(text.begin(), text.end(), '+', ' ');
  for (const std::string& part : split(text, '&')) {
    const std::size_t equals = part.find('=');
    const auto name = percent_decode(part.substr(0, equals));
    const auto value = percent_decode(equals == std::string::npos ? "" : part.substr(equals + 1));
    if (!name || !value) {
      return std::nullopt;
    }
    if (!part.empty()) {
      query.emplace(*name, *value);
    }
  }
  return query;
}

bool wants_stream(const httplib::Request& request, const Route& route) {
  return route.streams &&
         request.get_header_value("Accept").find("text/event-stream") != std::string::npos;
}

} // namespace

void set_problem(httplib::Response& response, const Error& error, int status) {
  response.status = status == 0 ? http_status(error.cls) : status;
  response.set_content(problem_body(error, status), std::string(kProblemType));
}

void Answerer::answer(const httplib::Request& request,
                      httplib::Response& response,
                      std::string body,
                      int connection,
                      bool& handed_over) {
  Match match = match_route(request.method, request.target);
  if (match.allowed.empty()) {
    return set_problem(response,
                       permanent(ErrorClass::not_found,
                                 "no_such_path",
                                 "there is nothing at " + request.path,
                                 "The paths are listed in /openapi.yaml."));
  }
  if (match.route == nullptr) {
    const std::vector<std::string> allowed(match.allowed.begin(), match.allowed.end());
    response.set_header("Allow", join(allowed, ", "));
    return set_problem(response,
                       permanent(ErrorClass::usage,
                                 "method_not_allowed",
                                 request.method + " does not work here",
                                 "Use " + join(allowed, " or ") + "."),
                       405);
  }
  Call call;
  call.path_values = std::move(match.path_values);
  auto query = query_of(request.target);
  if (!query) {
    return set_problem(response,
                       permanent(ErrorClass::usage,
                                 "invalid_parameter",
                                 "the query holds an escape that is none",
                                 "Write %25 for a percent sign."));
  }
  call.query = *std::move(query);
  call.body = std::move(body);
  call.idempotency_key = request.get_header_value("Idempotency-Key");
  call.max_wait = limits_.max_wait;
  if (wants_stream(request, *match.route)) {
    return open_stream(request, response, call, connection, handed_over);
  }
  this->call(*match.route, call, response);
  tag(request, response);
}

void Answerer::call(const Route& route, const Call& call, httplib::Response& response) {
  constexpr std::size_t kMaxKey = 200;
  if (call.idempotency_key.size() > kMaxKey) {
    return set_problem(response,
                       permanent(ErrorClass::usage,
                                 "invalid_idempotency_key",
                                 "the Idempotency-Key is longer than 200 bytes",
                                 ""));
  }
  std::optional<WaitSlot> slot;
  if (route.may_wait && call.query.contains("wait")) {
    slot.emplace(waiting_, limits_.waiting_requests);
    if (!slot->taken()) {
      return too_many(response,
                      "too many requests are waiting already",
                      "Try again in a second, or without `wait`.");
    }
  }
  try {
    auto reply = route.handler(use_cases_, call);
    if (reply) {
      set_reply(response, std::move(*reply));
    } else {
      set_problem(response, reply.error());
    }
  } catch (const std::exception& exception) { // nothing of ours throws; bad_alloc may
    set_problem(response, internal_error(exception.what()));
  }
}

void Answerer::open_stream(const httplib::Request& request,
                           httplib::Response& response,
                           const Call& call,
                           int connection,
                           bool& handed_over) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  Query query(call);
  std::optional<std::int64_t> after;
  if (query.text("after") != "now") {
    after = query.integer("after", 0, kMost);
  }
  const auto job = query.text("job");
  const std::string last =
      request.get_header_value("Last-Event-ID"); // of a client that comes again
  if (!last.empty() && last.size() < 19 &&
      last.find_first_not_of("0123456789") == std::string::npos) {
    after = std::stoll(last);
  }
  if (auto fine = query.finish(); !fine) {
    return set_problem(response, fine.error());
  }
  auto place = streams_.reserve(after, job);
  if (!place) {
    return place.error().code == "too_many_waiting"
               ? too_many(response, place.error().message, place.error().advice)
               : set_problem(response, place.error());
  }
  response.set_content_provider(
      "text/event-stream",
      [this, place = *place, connection, &handed_over](std::size_t, httplib::DataSink&) {
        Fd own(fcntl(connection, F_DUPFD_CLOEXEC, 3));
        handed_over = static_cast<bool>(own);
        if (own) {
          streams_.admit(place, std::move(own));
        }
        return false; // the library is done with this connection
      });
}

} // namespace ckpt::api
