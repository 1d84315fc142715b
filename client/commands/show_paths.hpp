#pragma once

#include "client/session.hpp"

namespace ckpt::client {

/// `ckpt paths` and `ckpt config paths`. What only a running daemon knows is left empty without
/// one; none is started.
int show_paths(Session& session);

} // namespace ckpt::client
