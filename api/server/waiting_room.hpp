#pragma once

#include "core/base/files.hpp"
#include "core/domain/time.hpp"

#include <chrono>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace ckpt::api {

/// Connections whose request is not there yet, or not whole. Here they cost a descriptor and what
/// they have sent, but no thread of the pool: whoever connects and says nothing, or one byte a
/// second, waits alone. Made for clients that we do not trust yet: any user of the machine may
/// connect to a TCP port.
class WaitingRoom {
public:
  struct Limits {
    std::size_t connections; ///< one more, and the eldest has to go
    std::size_t header_bytes;
    Duration patience; ///< for the whole header block
  };
  /// Takes the connection over, with what has come of it. Not `whole`: it came too slowly, is too
  /// large, or ended early. On the room's thread; may not wait.
  using Leave = std::function<void(Fd connection, std::string received, bool whole)>;

  WaitingRoom(Limits limits, Leave leave);
  ~WaitingRoom(); ///< closes all that wait
  WaitingRoom(const WaitingRoom&) = delete;
  WaitingRoom& operator=(const WaitingRoom&) = delete;

  /// Any thread.
  void admit(Fd connection);

private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Guest {
    Fd connection;
    SteadyTime deadline;
    std::string received;
    bool line_is_empty = false;
  };
  using Guests = std::list<Guest>; ///< in the order in which they came: the deadlines ascend

  void serve();
  void take_in_newcomers();
  bool read_from(Guest& guest);
  int milliseconds_to_first_deadline() const;
  void let_the_late_go();

  const Limits limits_;
  const Leave leave_;
  Fd wake_;
  std::mutex mutex_;
  Guests newcomers_;      ///< guarded by mutex_
  bool stopping_ = false; ///< guarded by mutex_
  Guests guests_;
  std::thread thread_;
};

} // namespace ckpt::api
