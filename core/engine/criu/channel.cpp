#include "core/engine/criu/channel.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace ckpt::engine::criu {
namespace {

tl::unexpected<Error> gone() {
  return fail(ErrorClass::failed, "engine_dead", "CRIU's namespace init has ended");
}

} // namespace

Result<std::pair<Fd, Fd>> make_channel() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return tl::unexpected<Error>(errno_error(errno, "cannot make", "a socket pair"));
  }
  return std::pair{Fd(ends[0]), Fd(ends[1])};
}

Status send_message(int fd, const Message& message) {
  const std::string text = encode(message);
  while (::send(fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) {
      return gone();
    }
  }
  return {};
}

Result<std::optional<Message>> receive_message(int fd) {
  std::array<char, 65536> buffer{};
  const ssize_t count = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
    return std::optional<Message>{};
  }
  if (count <= 0) {
    return gone();
  }
  return std::optional(decode({buffer.data(), static_cast<std::size_t>(count)}));
}

} // namespace ckpt::engine::criu
