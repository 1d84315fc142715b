#include "core/engine/dmtcp/door.hpp"

#include "core/engine/dmtcp/commands.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace ckpt::engine::dmtcp {
namespace {

constexpr int kMostHops = 255; // what others send has the default, 64

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

Fd connect_through(int port) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  const timeval patience{.tv_sec = 5, .tv_usec = 0}; // it is full, or gone
  if (!socket ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) != 0 ||
      ::setsockopt(socket.get(), IPPROTO_IP, IP_TTL, &kMostHops, sizeof(kMostHops)) != 0 ||
      ::connect(socket.get(), raw, sizeof(address)) != 0) {
    return {};
  }
  return socket;
}

/// True when one of the sockets can be read, false when it is time to stop.
bool await(int stop, std::array<int, 2> sockets, std::array<bool, 2>& readable) {
  std::array<pollfd, 3> fds{{{stop, POLLIN, 0}, {sockets[0], POLLIN, 0}, {sockets[1], POLLIN, 0}}};
  if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) {
    return false;
  }
  readable = {fds[1].revents != 0, fds[2].revents != 0};
  return fds[0].revents == 0;
}

bool send_all(int to, const char* data, ssize_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(to, data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent < 0) {
      return false;
    }
    data += sent;
    size -= sent;
  }
  return true;
}

void pass_on(int stop, int client, int server) {
  std::array<int, 2> sockets{client, server}; // -1: it has said all that it had to say
  std::array<bool, 2> readable{};
  std::array<char, 16384> data{};
  while ((sockets[0] >= 0 || sockets[1] >= 0) && await(stop, sockets, readable)) {
    for (std::size_t from = 0; from < 2; ++from) {
      if (sockets.at(from) < 0 || !readable.at(from)) {
        continue;
      }
      const int to = from == 0 ? server : client;
      const ssize_t got = ::recv(sockets.at(from), data.data(), data.size(), 0);
      if (got <= 0 || !send_all(to, data.data(), got)) {
        ::shutdown(to, SHUT_WR);
        sockets.at(from) = -1;
      }
    }
  }
}

void serve_one(int stop, const Fd& listener, int coordinator_port) {
  std::array<bool, 2> readable{};
  if (!await(stop, {listener.get(), -1}, readable)) {
    return;
  }
  const Fd client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const Fd server = connect_through(coordinator_port);
  if (client && server) {
    pass_on(stop, client.get(), server.get());
  }
}

} // namespace

Result<Listener> listen_on_loopback() {
  Listener listener;
  listener.fd = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof(address);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (!listener.fd || ::bind(listener.fd.get(), raw, length) != 0 ||
      ::listen(listener.fd.get(), 128) != 0 ||
      ::getsockname(listener.fd.get(), raw, &length) != 0) {
    return tl::unexpected(errno_error(errno, "cannot listen on", kHost));
  }
  listener.port = ntohs(address.sin_port);
  return listener;
}

bool shut(const Fd& listener, bool shut) {
  const int hops = shut ? kMostHops : 0;
  return ::setsockopt(listener.get(), IPPROTO_IP, IP_MINTTL, &hops, sizeof(hops)) == 0;
}

Result<BackDoor> BackDoor::open(int coordinator_port) {
  auto listener = listen_on_loopback();
  if (!listener) {
    return tl::unexpected(listener.error());
  }
  BackDoor door;
  door.stop_ = std::make_unique<Fd>(::eventfd(0, EFD_CLOEXEC));
  if (!*door.stop_) {
    return tl::unexpected(errno_error(errno, "cannot make", "an eventfd"));
  }
  door.port_ = listener->port;
  // The program's signals are for the threads that wait for them.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  door.thread_ =
      std::thread([stop = door.stop_->get(), socket = std::move(listener->fd), coordinator_port] {
        serve_one(stop, socket, coordinator_port);
      });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return door;
}

BackDoor::~BackDoor() {
  if (thread_.joinable()) {
    ::eventfd_write(stop_->get(), 1);
    thread_.join();
  }
}

} // namespace ckpt::engine::dmtcp
