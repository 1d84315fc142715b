#pragma once

#include "api/endpoint.hpp"

namespace ckpt::client {

/// Whether a command may start the daemon: CKPTD_AUTOSTART, else `daemon.autostart` of the
/// configuration, else yes. A configuration that cannot be read forbids nothing: the daemon that is
/// started says what is wrong with it.
bool may_start_daemon(const Path& config_file, const api::Environment& env);

} // namespace ckpt::client
