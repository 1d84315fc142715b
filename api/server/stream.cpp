#include "api/server/stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

namespace ckpt::api {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr seconds kHeaderPatience{10}; // they are here already, as a rule
constexpr seconds kBodyPatience{60};
constexpr seconds kWritePatience{30};
constexpr milliseconds kLingerPatience{300};
constexpr std::size_t kBuffer = 4096;
constexpr std::size_t kLingerBytes = std::size_t{16} << 20U;

} // namespace

LimitedStream::LimitedStream(int fd,
                             std::size_t header_bytes,
                             std::string received,
                             bool more_comes)
    : fd_(fd), header_bytes_left_(header_bytes),
      read_deadline_(SteadyClock::now() + kHeaderPatience), buffer_(std::move(received)),
      more_comes_(more_comes) {}

bool LimitedStream::wait_for(short events, SteadyClock::time_point deadline) const {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(deadline - SteadyClock::now()).count();
    if (left <= 0) {
      return false;
    }
    pollfd entry{fd_, events, 0};
    const int ready = poll(&entry, 1, static_cast<int>(left));
    if (ready > 0) {
      return true;
    }
    if (ready < 0 && errno != EINTR) {
      return false;
    }
  }
}

bool LimitedStream::is_readable() const {
  return begin_ < buffer_.size() || wait_for(POLLIN, read_deadline_);
}

bool LimitedStream::is_writable() const {
  return wait_for(POLLOUT, SteadyClock::now() + kWritePatience);
}

bool LimitedStream::fill() {
  if (!more_comes_ || !wait_for(POLLIN, read_deadline_)) {
    return false;
  }
  buffer_.resize(kBuffer);
  ssize_t got = -1;
  do {
    got = recv(fd_, buffer_.data(), buffer_.size(), 0);
  } while (got < 0 && errno == EINTR);
  begin_ = 0;
  buffer_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return got > 0;
}

void LimitedStream::note_header_byte(char c) {
  if (c == '\n') {
    if (line_is_empty_) {
      in_headers_ = false;
      read_deadline_ = SteadyClock::now() + kBodyPatience;
    }
    line_is_empty_ = true;
  } else if (c != '\r') {
    line_is_empty_ = false;
  }
}

ssize_t LimitedStream::read(char* ptr, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  if (begin_ == buffer_.size() && !fill()) {
    return -1;
  }
  if (!in_headers_) {
    const std::size_t count = std::min(size, buffer_.size() - begin_);
    std::copy_n(buffer_.data() + begin_, count, ptr);
    begin_ += count;
    return static_cast<ssize_t>(count);
  }
  // Byte by byte, as the library reads its lines, so that the end of the headers is not missed.
  if (header_bytes_left_ == 0) {
    headers_too_large_ = true;
    return -1;
  }
  --header_bytes_left_;
  *ptr = buffer_.at(begin_++);
  note_header_byte(*ptr);
  return 1;
}

ssize_t LimitedStream::write(const char* ptr, std::size_t size) {
  const auto deadline = SteadyClock::now() + kWritePatience;
  while (wait_for(POLLOUT, deadline)) {
    const ssize_t sent = send(fd_, ptr, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      return sent;
    }
    if (errno != EINTR && errno != EAGAIN) {
      break;
    }
  }
  return -1;
}

void LimitedStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = -1;
}

void LimitedStream::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = -1;
}

void LimitedStream::linger() {
  shutdown(fd_, SHUT_WR);
  const auto deadline = SteadyClock::now() + kLingerPatience;
  buffer_.resize(kBuffer);
  for (std::size_t seen = 0; seen < kLingerBytes && wait_for(POLLIN, deadline);) {
    const ssize_t got = recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got <= 0) {
      return;
    }
    seen += static_cast<std::size_t>(got);
  }
}

} // namespace ckpt::api
