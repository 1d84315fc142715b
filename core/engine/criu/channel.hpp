#pragma once

#include "core/base/files.hpp"
#include "core/engine/criu/text.hpp"

#include <optional>
#include <utility>

// The line between the runner and its namespace init: a SOCK_SEQPACKET pair, so that the kernel
// keeps the messages apart and the end of either side is seen at once.

namespace ckpt::engine::criu {

/// (runner's end, init's end), both close-on-exec.
Result<std::pair<Fd, Fd>> make_channel();

/// `engine_dead` when the other side is gone.
Status send_message(int fd, const Message& message);

/// What has arrived, without waiting: nothing yet, a message, or `engine_dead` at the end.
Result<std::optional<Message>> receive_message(int fd);

} // namespace ckpt::engine::criu
