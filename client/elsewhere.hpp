#pragma once

#include "client/session.hpp"

#include <string>

namespace ckpt::client {

/// "the cluster local has one: `ckpt --cluster local show loc`" for each other cluster of this user
/// whose daemon runs here and knows such a job; else empty.
std::string known_elsewhere(Session& session, const std::string& selector, const std::string& verb);

} // namespace ckpt::client
