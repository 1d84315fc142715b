#pragma once

#include "api/server/server.hpp"

#include <string>
#include <string_view>

// Who may come in. Pure functions, so that they can be tested without a socket.

namespace ckpt::api {

/// Takes the same time wherever the first difference is.
bool equal_in_constant_time(std::string_view a, std::string_view b);

/// The header's value is "Bearer <token>".
bool bearer_matches(std::string_view authorization, std::string_view token);

/// 127.0.0.1, localhost or [::1], with the port or without one: a name that a stranger's DNS points
/// at us (rebinding) is refused.
bool host_is_ours(std::string_view host, int port);

} // namespace ckpt::api
