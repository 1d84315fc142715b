#pragma once

#include "core/engine/dmtcp/install.hpp"

#include <map>
#include <string>
#include <vector>

// The command lines of DMTCP's tools, per version. Pure.

namespace ckpt::engine::dmtcp {

/// The only address that we use: one node, and nobody outside needs to reach the coordinator.
inline constexpr const char* kHost = "127.0.0.1";
/// The descriptor on which a coordinator expects a listening socket that it was given
/// (PROTECTED_COORD_FD in its source; the same number in all versions since 3.0).
inline constexpr int kListenerFd = 821;

/// The descriptor on which DMTCP complains, if it is open already; else it takes a copy of the
/// program's standard error, and after a restart it has forgotten what -q said. (4.0 to 5.0)
inline constexpr int kMessagesFd = 828;

using Words = std::vector<std::string>;

Words coordinator_command(const Install& install,
                          const Path& port_file,
                          const Path& images_dir,
                          const Path& tmp_dir);
/// `inside`: a library of ours for every process (inside.hpp); or empty.
Words launch_command(const Install& install,
                     int port,
                     const Path& images_dir,
                     const Path& tmp_dir,
                     const Path& inside,
                     const std::vector<std::string>& program);
Words restart_command(const Install& install,
                      int port,
                      const Path& images_dir,
                      const Path& tmp_dir,
                      const std::vector<Path>& images);
/// `dmtcp_command`; `what` is "-s", "-l" or "-c".
Words ask_command(const Install& install, int port, const std::string& what);

/// The user's environment without DMTCP_* (DMTCP_GZIP, DMTCP_COORD_PORT… would change what we
/// asked for).
/// Whether DMTCP's messages tell that it has ended a process of the program by itself (99).
bool tells_of_a_broken_process(std::string_view messages);

/// The same for the program's own standard error, where 5.0 complains in the name of a process that
/// was exec'ed or forked. Only what DMTCP alone says counts there.
bool stderr_tells_of_a_refused_process(std::string_view text);
/// Whether the coordinator's log tells of a process that came in the very moment of a checkpoint's
/// request: it is turned away without an answer, and that checkpoint never ends (4.2.0 and 5.0).
bool log_tells_of_one_turned_away(std::string_view log);

std::map<std::string, std::string> clean_environment(std::map<std::string, std::string> env);

} // namespace ckpt::engine::dmtcp
