#pragma once

#include "api/endpoint.hpp"
#include "api/server/use_cases.hpp"
#include "core/domain/result.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace ckpt::api {

/// `api.tcp` of the configuration: "auto" (a port of the kernel's choice), a port, or "off".
struct TcpMode {
  enum class Kind { automatic, fixed, off };
  Kind kind = Kind::automatic;
  int port = 0; ///< with Kind::fixed
  static Result<TcpMode> parse(std::string_view text);
};

/// What a client may cost us. Both listeners have limits of their own.
struct ServerLimits {
  std::size_t body_bytes = std::size_t{8} << 20U; ///< a submit carries the whole environment
  std::size_t header_count = 64;
  std::size_t header_bytes = std::size_t{16} << 10U; ///< all headers together
  std::size_t threads = 16;         ///< connections served at the same time, of each listener
  std::size_t waiting_requests = 8; ///< of those, at most this many long polls
  std::size_t queued_connections = 64;
  std::size_t waiting_connections = 256;  ///< whose request has not come yet; the eldest goes first
  Duration header_patience = seconds{10}; ///< idle and slow clients are let go after this
  Duration max_wait = seconds{60};        ///< a longer `wait` is cut to this
};

/// What is open now.
struct ServerCounts {
  std::atomic<std::size_t> connections{0}; ///< streams included
  std::atomic<std::size_t> streams{0};     ///< of server-sent events
};

struct ServerConfig {
  Path socket_path; ///< its folder exists, is ours, and has mode 0700 (make_socket_folder)
  TcpMode tcp;
  std::string token; ///< what TCP clients must present; not empty unless tcp is off
  ServerLimits limits;
};

/// The HTTP server: both listeners, routing, decoding, encoding. start() and stop() from one
/// thread.
class ApiServer {
public:
  ApiServer();
  ~ApiServer(); ///< stops
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  /// Listening when it returns. A socket file left by a dead daemon is removed: the caller owns the
  /// state folder. `use_cases` outlives stop(). Codes: `socket_in_use` (somebody listens there),
  /// `listen_failed`.
  Status start(const ServerConfig& config, UseCases& use_cases);

  /// Ends both listeners; returns when no call into the use cases is left (at most a second of
  /// keep-alive, if waiting use cases were released before). Removes the socket. Twice is fine.
  void stop();

  /// "127.0.0.1:41234", or nothing when TCP is off. For endpoint.json.
  std::optional<std::string> tcp_address() const;

  const ServerCounts& counts() const; ///< any thread, also while it starts and stops

  /// The socket is still there under its name (logout can delete $XDG_RUNTIME_DIR): if not, stop()
  /// and start() again.
  bool socket_present() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace ckpt::api
