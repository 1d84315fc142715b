#include "api/server/admission.hpp"

#include "api/server/gate.hpp"
#include "api/server/routes.hpp"
#include "core/base/strings.hpp"

#include <sys/socket.h>
#include <unistd.h>

namespace ckpt::api {
namespace {

constexpr std::size_t kMaxTarget = 2048;

Refusal refusal(int status, ErrorClass cls, std::string code, std::string why, std::string advice) {
  return {status,
          Error{cls, Outcome::permanent, std::move(code), std::move(why), std::move(advice)}};
}

std::optional<Refusal> check_access(const httplib::Request& request, const Door& door) {
  if (door.token.empty()) {
    return std::nullopt;
  }
  if (request.get_header_value_count("Host") != 1 ||
      !host_is_ours(request.get_header_value("Host"), door.port)) {
    return refusal(421,
                   ErrorClass::refused,
                   "foreign_host",
                   "the Host header does not name this machine's loopback",
                   "Use http://127.0.0.1:" + std::to_string(door.port) + ".");
  }
  const Match match = match_route(request.method, request.target);
  const bool open = match.route != nullptr && !match.route->needs_token;
  if (!open && (request.get_header_value_count("Authorization") != 1 ||
                !bearer_matches(request.get_header_value("Authorization"), door.token))) {
    return refusal(401,
                   ErrorClass::refused,
                   "token_needed",
                   "this address wants `Authorization: Bearer` with the right token",
                   "The token is in the file that endpoint.json names.");
  }
  return std::nullopt;
}

} // namespace

std::optional<Refusal> check_request(const httplib::Request& request, const Door& door) {
  constexpr auto kUsage = ErrorClass::usage;
  if (request.target.size() > kMaxTarget) {
    return refusal(414, kUsage, "target_too_long", "the request's path is too long", "");
  }
  if (request.headers.size() > door.limits.header_count) {
    return refusal(431, kUsage, "too_many_headers", "the request has too many headers", "");
  }
  if (auto refused = check_access(request, door)) {
    return refused;
  }
  if (request.has_header("Transfer-Encoding")) {
    return refusal(
        411, kUsage, "length_required", "a body in chunks is not taken", "Send Content-Length.");
  }
  const std::string length = request.get_header_value("Content-Length");
  if (request.get_header_value_count("Content-Length") > 1 ||
      length.find_first_not_of("0123456789") != std::string::npos || length.size() > 18) {
    return refusal(400, kUsage, "bad_length", "the Content-Length header is no single number", "");
  }
  if (!length.empty() && std::stoull(length) > door.limits.body_bytes) {
    return refusal(413,
                   kUsage,
                   "body_too_large",
                   "the body has more than " + human_bytes(door.limits.body_bytes),
                   "");
  }
  return std::nullopt;
}

bool is_our_user(int connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == geteuid() || peer.uid == 0);
}

} // namespace ckpt::api
