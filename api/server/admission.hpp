#pragma once

#include "api/server/server.hpp"

#include <httplib.h>

#include <optional>
#include <string>

// Who is let in and with what, before a byte of a body is read. Pure but for is_our_user.

namespace ckpt::api {

struct Refusal {
  int status;
  Error error;
};

/// What a listener asks for.
struct Door {
  const std::string& token; ///< empty: none is asked for (the socket)
  int port = 0;
  const ServerLimits& limits;
};

/// Nothing: it may come in.
std::optional<Refusal> check_request(const httplib::Request& request, const Door& door);

/// The other side of an AF_UNIX connection has our uid, or is root, who may do as it likes with us
/// anyway. The socket's folder keeps others out already; should its mode be changed, this does.
bool is_our_user(int connection);

} // namespace ckpt::api
