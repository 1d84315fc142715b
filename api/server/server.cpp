#include "api/server/server.hpp"

#include "api/server/listener.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace ckpt::api {
namespace {

Result<sockaddr_un> socket_address(const Path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path) {
    return fail(ErrorClass::usage,
                "socket_path_too_long",
                "the socket's path has more than 107 bytes: " + text,
                "Set api.socket to a shorter path in a folder of your own.");
  }
  std::memcpy(address.sun_path, text.data(), text.size());
  return address;
}

/// Removes what a dead daemon left; refuses if somebody answers.
Status clear_socket_path(const Path& path) {
  const auto address = socket_address(path);
  if (!address) {
    return tl::unexpected(address.error());
  }
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) {
    return {};
  }
  if (!S_ISSOCK(info.st_mode)) {
    return fail(ErrorClass::refused,
                "socket_in_use",
                path.string() + " exists and is no socket",
                "Remove it, or set api.socket to another path.");
  }
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (probe && connect(probe.get(),
                       reinterpret_cast<const sockaddr*>(&*address), // NOLINT: the socket API
                       sizeof *address) == 0) {
    return fail(ErrorClass::conflict,
                "socket_in_use",
                "another program listens on " + path.string(),
                "Is a daemon running? Type `ckpt daemon status`.");
  }
  return remove_file(path);
}

} // namespace

struct ApiServer::Impl {
  ServerCounts counts; // outlives the listeners
  Path socket_path;
  std::unique_ptr<Listener> local;
  std::unique_ptr<Listener> tcp;
  ino_t socket_inode = 0;
};

ApiServer::ApiServer() : impl_(std::make_unique<Impl>()) {}
ApiServer::~ApiServer() {
  stop();
}

Status ApiServer::start(const ServerConfig& config, UseCases& use_cases) {
  stop();
  if (auto cleared = clear_socket_path(config.socket_path); !cleared) {
    return cleared;
  }
  impl_->socket_path = config.socket_path;
  impl_->local = std::make_unique<Listener>(
      Listener::Config{config.socket_path, 0, {}, config.limits, &impl_->counts}, use_cases);
  if (auto started = impl_->local->start(); !started) {
    stop();
    return started;
  }
  struct stat info {};
  if (lstat(config.socket_path.c_str(), &info) == 0) {
    impl_->socket_inode = info.st_ino;
  }
  if (config.tcp.kind == TcpMode::Kind::off) {
    return {};
  }
  if (config.token.empty()) {
    stop();
    return fail(ErrorClass::usage, "no_token", "TCP without a token is not offered");
  }
  impl_->tcp = std::make_unique<Listener>(
      Listener::Config{{}, config.tcp.port, config.token, config.limits, &impl_->counts},
      use_cases);
  if (auto started = impl_->tcp->start(); !started) {
    stop();
    return started;
  }
  return {};
}

void ApiServer::stop() {
  impl_->tcp.reset();
  if (impl_->local) {
    impl_->local.reset();
    if (socket_present()) {
      unlink(impl_->socket_path.c_str());
    }
    impl_->socket_inode = 0;
  }
}

std::optional<std::string> ApiServer::tcp_address() const {
  return impl_->tcp ? std::optional("127.0.0.1:" + std::to_string(impl_->tcp->port()))
                    : std::nullopt;
}

const ServerCounts& ApiServer::counts() const {
  return impl_->counts;
}

bool ApiServer::socket_present() const {
  struct stat info {};
  return impl_->socket_inode != 0 && lstat(impl_->socket_path.c_str(), &info) == 0 &&
         S_ISSOCK(info.st_mode) && info.st_ino == impl_->socket_inode;
}

} // namespace ckpt::api
