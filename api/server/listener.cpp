#include "api/server/listener.hpp"

#include "api/problem.hpp"
#include "api/server/gate.hpp"
#include "api/server/pool.hpp"
#include "api/server/routes.hpp"
#include "api/server/stream.hpp"
#include "core/base/log.hpp"
#include "core/base/strings.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>

// One request a connection: a rejected body can then never be taken for the next request, idle
// clients hold no thread, and stop() has nobody to wait for. On loopback a connection costs 50 µs.

namespace ckpt::api {
namespace {

constexpr std::size_t kMaxTarget = 2048;

struct Refusal {
  int status;
  Error error;
};

Refusal refusal(int status, ErrorClass cls, std::string code, std::string why, std::string advice) {
  return {status,
          Error{cls, Outcome::permanent, std::move(code), std::move(why), std::move(advice)}};
}

void set_problem(httplib::Response& response, const Error& error, int status = 0) {
  response.status = status == 0 ? http_status(error.cls) : status;
  response.set_content(problem_body(error, status), std::string(kProblemType));
}

void set_reply(httplib::Response& response, Reply reply) {
  response.status = reply.status;
  for (const auto& [name, value] : reply.headers) {
    response.set_header(name, value);
  }
  response.set_content(std::move(reply.body), reply.content_type);
}

Error internal_error(const std::string& what) {
  log::error("request failed: " + what);
  return {ErrorClass::failed,
          Outcome::unknown,
          "internal_error",
          "the daemon failed at this request: " + what,
          "The log says more: `ckpt paths` tells where it is. Please report it."};
}

} // namespace

class Listener::Impl : public httplib::Server {
public:
  Impl(Config config, UseCases& use_cases) : config_(std::move(config)), use_cases_(use_cases) {
    new_task_queue = [this] {
      return new BoundedPool(config_.limits.threads,
                             config_.limits.threads + config_.limits.queued_connections);
    };
    set_payload_max_length(config_.limits.body_bytes);
    // The library's default adds SO_REUSEPORT: a second server could take half of our clients.
    set_socket_options([](socket_t fd) {
      const int on = 1;
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    });
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      return before_body(request, response) ? HandlerResponse::Handled : HandlerResponse::Unhandled;
    });
    Post(R"([\s\S]*)",
         [this](const httplib::Request& request,
                httplib::Response& response,
                const httplib::ContentReader& reader) { with_body(request, response, reader); });
    set_error_handler(Handler([](const httplib::Request&, httplib::Response& response) {
      if (response.body.empty()) { // the library refused it before it came to us
        set_problem(response,
                    Error{ErrorClass::usage,
                          Outcome::permanent,
                          "bad_request",
                          "the request could not be read",
                          "It is malformed, came too slowly, or its headers are too large."},
                    response.status);
      }
    }));
  }

  Status start_listening();
  void stop_listening();
  int port() const { return port_; }

private:
  bool process_and_close_socket(socket_t fd) override;
  bool before_body(const httplib::Request& request, httplib::Response& response);
  void with_body(const httplib::Request& request,
                 httplib::Response& response,
                 const httplib::ContentReader& reader);
  std::optional<Refusal> check(const httplib::Request& request) const;
  std::optional<Refusal> check_access(const httplib::Request& request) const;
  void answer(const httplib::Request& request, httplib::Response& response, std::string body);
  void serve(const Route& route, const Call& call, httplib::Response& response);

  Config config_;
  UseCases& use_cases_;
  int port_ = 0;
  std::thread thread_;
  std::atomic<bool> ended_{false};
  std::atomic<std::size_t> waiting_{0};
  std::mutex mutex_;
  std::set<int> open_; ///< connections; guarded by mutex_
  bool stopping_ = false;
};

bool Listener::Impl::process_and_close_socket(socket_t fd) {
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  bool serve_it = !turned_away;
  {
    const std::lock_guard lock(mutex_);
    serve_it = serve_it && !stopping_;
    open_.insert(fd);
  }
  if (serve_it) {
    LimitedStream stream(fd, config_.limits.header_bytes);
    bool closed = false;
    process_request(stream, true, closed, nullptr);
    stream.linger();
  }
  const std::lock_guard lock(mutex_);
  open_.erase(fd);
  close(fd);
  return true;
}

std::optional<Refusal> Listener::Impl::check_access(const httplib::Request& request) const {
  if (config_.token.empty()) {
    return std::nullopt;
  }
  if (request.get_header_value_count("Host") != 1 ||
      !host_is_ours(request.get_header_value("Host"), port_)) {
    return refusal(421,
                   ErrorClass::refused,
                   "foreign_host",
                   "the Host header does not name this machine's loopback",
                   "Use http://127.0.0.1:" + std::to_string(port_) + ".");
  }
  const Match match = match_route(request.method, request.target);
  const bool open = match.route != nullptr && !match.route->needs_token;
  if (!open && (request.get_header_value_count("Authorization") != 1 ||
                !bearer_matches(request.get_header_value("Authorization"), config_.token))) {
    return refusal(401,
                   ErrorClass::refused,
                   "token_needed",
                   "this address wants `Authorization: Bearer` with the right token",
                   "The token is in the file that endpoint.json names.");
  }
  return std::nullopt;
}

std::optional<Refusal> Listener::Impl::check(const httplib::Request& request) const {
  constexpr auto kUsage = ErrorClass::usage;
  if (request.target.size() > kMaxTarget) {
    return refusal(414, kUsage, "target_too_long", "the request's path is too long", "");
  }
  if (request.headers.size() > config_.limits.header_count) {
    return refusal(431, kUsage, "too_many_headers", "the request has too many headers", "");
  }
  if (auto refused = check_access(request)) {
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
  if (!length.empty() && std::stoull(length) > config_.limits.body_bytes) {
    return refusal(413,
                   kUsage,
                   "body_too_large",
                   "the body has more than " + human_bytes(config_.limits.body_bytes),
                   "");
  }
  return std::nullopt;
}

/// True when the answer is there already: everything but a POST with a body.
bool Listener::Impl::before_body(const httplib::Request& request, httplib::Response& response) {
  response.set_header("Cache-Control", "no-store");
  response.set_header("X-Content-Type-Options", "nosniff");
  if (const auto refused = check(request)) {
    set_problem(response, refused->error, refused->status);
    if (refused->status == 401) {
      response.set_header("WWW-Authenticate", "Bearer");
    }
    return true;
  }
  const std::string length = request.get_header_value("Content-Length");
  if (request.method == "POST" && !length.empty() && std::stoull(length) > 0 &&
      match_route(request.method, request.target).route != nullptr) {
    return false;
  }
  answer(request, response, {});
  return true;
}

void Listener::Impl::with_body(const httplib::Request& request,
                               httplib::Response& response,
                               const httplib::ContentReader& reader) {
  std::string body;
  // Counted here again: a compressed body is unpacked by the library.
  const bool whole = reader([&](const char* data, std::size_t size) {
    body.append(data, size);
    return body.size() <= config_.limits.body_bytes;
  });
  if (!whole) {
    const bool large = body.size() > config_.limits.body_bytes;
    set_problem(response,
                Error{ErrorClass::usage,
                      Outcome::permanent,
                      large ? "body_too_large" : "body_incomplete",
                      large ? "the body is too large" : "the body ended early",
                      ""},
                large ? 413 : 400);
    return;
  }
  answer(request, response, std::move(body));
}

void Listener::Impl::answer(const httplib::Request& request,
                            httplib::Response& response,
                            std::string body) {
  Match match = match_route(request.method, request.target);
  if (match.allowed.empty()) {
    set_problem(response,
                Error{ErrorClass::not_found,
                      Outcome::permanent,
                      "no_such_path",
                      "there is nothing at " + request.path,
                      "The paths are listed in openapi.yaml."});
    return;
  }
  if (match.route == nullptr) {
    std::vector<std::string> allowed(match.allowed.begin(), match.allowed.end());
    response.set_header("Allow", join(allowed, ", "));
    set_problem(response,
                Error{ErrorClass::usage,
                      Outcome::permanent,
                      "method_not_allowed",
                      request.method + " does not work here",
                      "Use " + join(allowed, " or ") + "."},
                405);
    return;
  }
  Call call;
  call.path_values = std::move(match.path_values);
  call.query.insert(request.params.begin(), request.params.end());
  call.body = std::move(body);
  call.idempotency_key = request.get_header_value("Idempotency-Key");
  call.max_wait = config_.limits.max_wait;
  serve(*match.route, call, response);
}

void Listener::Impl::serve(const Route& route, const Call& call, httplib::Response& response) {
  constexpr std::size_t kMaxKey = 200;
  if (call.idempotency_key.size() > kMaxKey) {
    set_problem(response,
                Error{ErrorClass::usage,
                      Outcome::permanent,
                      "invalid_idempotency_key",
                      "the Idempotency-Key is longer than 200 bytes",
                      ""});
    return;
  }
  std::optional<WaitSlot> slot;
  if (route.may_wait && call.query.contains("wait")) {
    slot.emplace(waiting_, config_.limits.waiting_requests);
    if (!slot->taken()) {
      response.set_header("Retry-After", "1");
      set_problem(response,
                  Error{ErrorClass::timed_out,
                        Outcome::retryable,
                        "too_many_waiting",
                        "too many requests are waiting already",
                        "Try again in a second, or without `wait`."},
                  503);
      return;
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

Status Listener::Impl::start_listening() {
  const bool local = !config_.socket_path.empty();
  bool bound = false;
  if (local) {
    set_address_family(AF_UNIX);
    constexpr int kAnyNumber = 80; // the library wants one; it means nothing here
    bound = bind_to_port(config_.socket_path.string(), kAnyNumber);
  } else {
    set_address_family(AF_INET);
    set_tcp_nodelay(true);
    port_ = config_.port;
    if (port_ == 0) {
      port_ = bind_to_any_port("127.0.0.1");
      bound = port_ > 0;
    } else {
      bound = bind_to_port("127.0.0.1", port_);
    }
  }
  if (!bound) {
    const std::string where =
        local ? config_.socket_path.string() : "127.0.0.1:" + std::to_string(config_.port);
    return fail(ErrorClass::failed,
                "listen_failed",
                "cannot listen on " + where + ": " + std::generic_category().message(errno),
                local ? "Set api.socket to a shorter path in a folder of your own."
                      : "Set api.tcp to another port, to auto, or to off.");
  }
  constexpr int kBacklog = 128;
  fcntl(svr_sock_, F_SETFD, FD_CLOEXEC);
  ::listen(svr_sock_, kBacklog);
  if (local && chmod(config_.socket_path.c_str(), 0600) != 0) {
    return tl::unexpected(errno_error(errno, "set the mode of", config_.socket_path));
  }
  thread_ = std::thread([this] {
    listen_after_bind();
    ended_ = true;
  });
  // A stop() that comes before the loop runs would be lost.
  while (!is_running() && !ended_) {
    std::this_thread::sleep_for(milliseconds{1});
  }
  return {};
}

void Listener::Impl::stop_listening() {
  if (!thread_.joinable()) {
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const int fd : open_) {
      shutdown(fd, SHUT_RD); // wakes whoever waits for a silent client
    }
  }
  stop();
  thread_.join();
}

Listener::Listener(Config config, UseCases& use_cases)
    : impl_(std::make_unique<Impl>(std::move(config), use_cases)) {}
Listener::~Listener() {
  stop();
}
Status Listener::start() {
  return impl_->start_listening();
}
void Listener::stop() {
  impl_->stop_listening();
}
int Listener::port() const {
  return impl_->port();
}

} // namespace ckpt::api
