#include "api/server/waiting_room.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

namespace ckpt::api {
namespace {

/// Whether the empty line that ends the headers is among these bytes.
bool headers_end(std::string_view bytes, bool& line_is_empty) {
  for (const char c : bytes) {
    if (c == '\n') {
      if (line_is_empty) {
        return true;
      }
      line_is_empty = true;
    } else if (c != '\r') {
      line_is_empty = false;
    }
  }
  return false;
}

} // namespace

WaitingRoom::WaitingRoom(Limits limits, Leave leave)
    : limits_(limits), leave_(std::move(leave)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { serve(); }) {}

WaitingRoom::~WaitingRoom() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

void WaitingRoom::admit(Fd connection) {
  Guest guest;
  guest.connection = std::move(connection);
  {
    const std::lock_guard lock(mutex_);
    newcomers_.push_back(std::move(guest));
  }
  ::eventfd_write(wake_.get(), 1);
}

void WaitingRoom::serve() {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        return;
      }
    }
    take_in_newcomers();
    std::vector<pollfd> fds{{wake_.get(), POLLIN, 0}};
    std::vector<Guests::iterator> order;
    for (auto guest = guests_.begin(); guest != guests_.end(); ++guest) {
      fds.push_back({guest->connection.get(), POLLIN, 0});
      order.push_back(guest);
    }
    (void)::poll(fds.data(), fds.size(), milliseconds_to_first_deadline()); // failed: none is ready
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (fds[i + 1].revents != 0 && read_from(*order[i])) {
        guests_.erase(order[i]);
      }
    }
    let_the_late_go();
  }
}

void WaitingRoom::take_in_newcomers() {
  eventfd_t count = 0;
  ::eventfd_read(wake_.get(), &count);
  {
    const std::lock_guard lock(mutex_);
    for (Guest& guest : newcomers_) {
      guest.deadline = std::chrono::steady_clock::now() + limits_.patience;
    }
    guests_.splice(guests_.end(), newcomers_);
  }
  // An honest client has sent its request before this many others have come.
  while (guests_.size() > limits_.connections) {
    guests_.pop_front();
  }
}

/// True when the guest has left.
bool WaitingRoom::read_from(Guest& guest) {
  std::array<char, 4096> buffer{};
  const ssize_t got = ::recv(guest.connection.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return false;
  }
  const bool ended = got <= 0;
  bool whole = false;
  if (!ended) {
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    guest.received += bytes;
    whole = headers_end(bytes, guest.line_is_empty);
  }
  if (!whole && !ended && guest.received.size() <= limits_.header_bytes) {
    return false;
  }
  if (!guest.received.empty()) { // else it came, said nothing and went
    leave_(std::move(guest.connection), std::move(guest.received), whole);
  }
  return true;
}

int WaitingRoom::milliseconds_to_first_deadline() const {
  if (guests_.empty()) {
    return -1;
  }
  const auto left =
      std::chrono::ceil<milliseconds>(guests_.front().deadline - std::chrono::steady_clock::now());
  return left.count() > 0 ? static_cast<int>(left.count()) : 0;
}

void WaitingRoom::let_the_late_go() {
  const auto now = std::chrono::steady_clock::now();
  while (!guests_.empty() && guests_.front().deadline <= now) {
    Guest& guest = guests_.front();
    if (!guest.received.empty()) {
      leave_(std::move(guest.connection), std::move(guest.received), false);
    }
    guests_.pop_front();
  }
}

} // namespace ckpt::api
