#pragma once

#include "api/server/server.hpp"
#include "api/server/use_cases.hpp"
#include "core/base/files.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace ckpt::api {

/// Server-sent events: one thread serves all streams, so that pages that stay open for days take no
/// thread away from others. A client that reads too slowly is let go; it comes again with the
/// number of the last event that it has seen.
class EventStreams {
public:
  struct Limits {
    std::size_t streams = 64;
    std::size_t unsent_bytes = std::size_t{1} << 20U; ///< of one client
    Duration heartbeat = seconds{15};                 ///< a comment, when nothing else was sent
  };
  /// Where a stream begins, and of what.
  struct Place {
    std::int64_t after = 0;
    std::optional<JobId> job; ///< nothing: all
  };

  /// `counts` outlives it.
  EventStreams(UseCases& use_cases, Limits limits, ServerCounts& counts);
  ~EventStreams(); ///< ends them
  EventStreams(const EventStreams&) = delete;
  EventStreams& operator=(const EventStreams&) = delete;

  /// `after` nothing: from now on. `job`: a selector. Codes: those of the selector, and
  /// `too_many_waiting`. Any thread.
  Result<Place> reserve(std::optional<std::int64_t> after, const std::optional<std::string>& job);
  /// Takes a connection over whose response header was sent. Any thread.
  void admit(const Place& place, Fd connection);

private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  /// Counts an open stream as long as it lives.
  class Counted {
  public:
    explicit Counted(ServerCounts& counts);
    ~Counted();
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

  private:
    ServerCounts& counts_;
  };
  struct Client {
    Place place;
    Fd connection;
    std::string unsent;
    SteadyTime sent_at;
    std::unique_ptr<Counted> counted;
  };

  void serve();
  bool take_in_newcomers();
  bool feed(Client& client, const EventPage& page) const;
  bool catch_up(Client& client) const;
  bool send(Client& client) const;

  UseCases& use_cases_;
  const Limits limits_;
  ServerCounts& counts_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Client> newcomers_; ///< guarded by mutex_
  bool stopping_ = false;       ///< guarded by mutex_
  std::list<Client> clients_;   ///< of the thread
  std::thread thread_;
};

} // namespace ckpt::api
