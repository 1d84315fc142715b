#include "api/server/listener.hpp"

#include "api/server/admission.hpp"
#include "api/server/answerer.hpp"
#include "api/server/pool.hpp"
#include "api/server/routes.hpp"
#include "api/server/stream.hpp"
#include "api/server/waiting_room.hpp"

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

/// The connection that this thread serves: the library tells its handlers the request only.
struct Served {
  int fd = -1;
  bool handed_over = false; ///< an event stream has it now
};
thread_local Served served;

} // namespace

class Listener::Impl : public httplib::Server {
public:
  Impl(Config config, UseCases& use_cases)
      : config_(std::move(config)), streams_(use_cases, {}, *config_.counts),
        answerer_(config_.limits, use_cases, streams_) {
    new_task_queue = [] { return new AtOnce; };
    set_payload_max_length(config_.limits.body_bytes);
    // The library's default adds SO_REUSEPORT: a second server could take half of our clients.
    set_socket_options([](socket_t fd) {
      const int on = 1;
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    });
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      return before_body(request, response) ? HandlerResponse::Handled : HandlerResponse::Unhandled;
    });
    const HandlerWithContentReader reading = [this](const httplib::Request& request,
                                                    httplib::Response& response,
                                                    const httplib::ContentReader& reader) {
      with_body(request, response, reader);
    };
    Post(R"([\s\S]*)", reading);
    Patch(R"([\s\S]*)", reading);
    Delete(R"([\s\S]*)", reading);
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
  void serve_connection(int fd, std::string received, bool whole);
  bool before_body(const httplib::Request& request, httplib::Response& response);
  void with_body(const httplib::Request& request,
                 httplib::Response& response,
                 const httplib::ContentReader& reader);

  Config config_;
  EventStreams streams_;
  Answerer answerer_;
  int port_ = 0;
  std::thread thread_;
  std::atomic<bool> ended_{false};
  std::mutex mutex_;
  std::set<int> open_; ///< connections; guarded by mutex_
  bool stopping_ = false;
  std::optional<BoundedPool> pool_;
  std::optional<WaitingRoom> room_; ///< gives to the pool, so it goes first
};

bool Listener::Impl::process_and_close_socket(socket_t fd) {
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  Fd connection(fd);
  if (config_.socket_path.empty() || is_our_user(fd)) {
    room_->admit(std::move(connection));
  }
  return true;
}

// On a thread of the pool, when the headers are there.
void Listener::Impl::serve_connection(int fd, std::string received, bool whole) {
  bool serve_it = true;
  {
    const std::lock_guard lock(mutex_);
    serve_it = !stopping_;
    open_.insert(fd);
  }
  if (serve_it) {
    LimitedStream stream(fd, config_.limits.header_bytes, std::move(received), whole);
    bool closed = false;
    served = {fd, false};
    ++config_.counts->connections;
    process_request(stream, true, closed, nullptr);
    if (!served.handed_over) {
      stream.linger();
    }
    --config_.counts->connections;
  }
  const std::lock_guard lock(mutex_);
  open_.erase(fd);
}

/// True when the answer is there already: everything without a body.
bool Listener::Impl::before_body(const httplib::Request& request, httplib::Response& response) {
  response.set_header("Cache-Control", "no-store");
  response.set_header("X-Content-Type-Options", "nosniff");
  if (const auto refused = check_request(request, {config_.token, port_, config_.limits})) {
    set_problem(response, refused->error, refused->status);
    if (refused->status == 401) {
      response.set_header("WWW-Authenticate", "Bearer");
    }
    return true;
  }
  const std::string length = request.get_header_value("Content-Length");
  const bool may_have_body =
      request.method == "POST" || request.method == "PATCH" || request.method == "DELETE";
  if (may_have_body && !length.empty() && std::stoull(length) > 0 &&
      match_route(request.method, request.target).route != nullptr) {
    return false;
  }
  answerer_.answer(request, response, {}, served.fd, served.handed_over);
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
  answerer_.answer(request, response, std::move(body), served.fd, served.handed_over);
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
  pool_.emplace(config_.limits.threads, config_.limits.threads + config_.limits.queued_connections);
  room_.emplace(WaitingRoom::Limits{config_.limits.waiting_connections,
                                    config_.limits.header_bytes,
                                    config_.limits.header_patience},
                [this](Fd connection, std::string received, bool whole) {
                  // shared: a function that is copied has to be copyable; dropped, it closes the
                  // connection
                  auto held = std::make_shared<Fd>(std::move(connection));
                  (void)pool_->enqueue(
                      [this, held, received = std::move(received), whole]() mutable {
                        serve_connection(held->get(), std::move(received), whole);
                      });
                });
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
  room_.reset();
  pool_->shutdown();
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
