#pragma once

// How the coordinator's door is kept shut for a moment. DMTCP's coordinator refuses whoever comes
// while a process of the program still wakes up from a checkpoint or a restart, and a process that
// is refused ends: one that the program has just forked. Behind a shut door it waits instead.

#include "core/base/files.hpp"
#include "core/domain/result.hpp"

#include <memory>
#include <thread>

namespace ckpt::engine::dmtcp {

/// A listening socket on the loopback interface, with a port of the kernel's choice.
struct Listener {
  Fd fd;
  int port = 0;
};
Result<Listener> listen_on_loopback();

/// While shut, new connections wait: the kernel drops what asks for one without a word, and the
/// asking side tries again after a second. Those that are there go on. Any user may do that
/// (ip(7), IP_MINTTL; a socket filter would do the same, but some kernels let root only attach
/// one). False when the kernel does not let us.
bool shut(const Fd& listener, bool shut);

/// A way through a shut door, for one dmtcp_command of ours: a port that passes one connection on.
/// A thread of its own does it, from open() until the destructor.
class BackDoor {
public:
  /// The coordinator listens on `coordinator_port` of the loopback interface.
  static Result<BackDoor> open(int coordinator_port);
  BackDoor(BackDoor&&) = default;
  BackDoor& operator=(BackDoor&&) = delete;
  ~BackDoor();

  int port() const { return port_; }

private:
  BackDoor() = default;

  std::unique_ptr<Fd> stop_; ///< an eventfd
  int port_ = 0;
  std::thread thread_;
};

} // namespace ckpt::engine::dmtcp
