#pragma once

#include "api/endpoint.hpp"
#include "client/api_client.hpp"

#include <functional>

// Finding, starting and ending the daemon of this state folder.

namespace ckpt::client {

/// Tells the person what goes on (standard error).
using Say = std::function<void(const std::string& line)>;

/// A daemon that answers. `no_daemon` if there is none, or if it is on another host.
/// `patience`: for its answer now; later calls have the usual one.
Result<ApiClient> connect_to_daemon(const api::Paths& paths,
                                    std::optional<Duration> patience = std::nullopt);

/// Starts `ckptd` (beside this program, else on PATH) in a session of its own and waits until it
/// answers. Fails with what it said if it ends before. `options`: for ckptd.
Result<ApiClient> start_daemon(const api::Paths& paths,
                               const api::Environment& env,
                               const Say& say,
                               const std::vector<std::string>& options = {});

/// As connect_to_daemon; starts one when none is there, unless CKPTD_AUTOSTART=0.
Result<ApiClient>
connect_or_start(const api::Paths& paths, const api::Environment& env, const Say& say);

/// SIGTERM, and waits until it is gone. Jobs go on. `no_daemon` if there is none.
Status stop_daemon(const api::Paths& paths);

/// The executable, or empty.
Path find_program(const std::string& name, const api::Environment& env);

} // namespace ckpt::client
