#pragma once

#include "core/base/files.hpp"

#include <map>
#include <string>
#include <string_view>

// DMTCP's coordinator asks nobody who they are, and every user of the machine can connect to
// loopback: whoever finds the port could checkpoint the program, change its interval, or end it,
// with exit status 0. So a small library is preloaded into the coordinator (guard/guard.c, carried
// in this program): it closes every connection whose other end is not a socket of our own user's.

namespace ckpt::engine::dmtcp {

/// Writes the library into `folder` and adds it to LD_PRELOAD of `env`, the coordinator's.
Status post_guard(const Path& folder, std::map<std::string, std::string>& env);

/// What the guard has said in the coordinator's log.
struct GuardReport {
  bool at_the_door = false; ///< false: the library could not be loaded, and anybody may connect
  bool sees = true;         ///< false: this kernel does not tell who connects
  int turned_away = 0;      ///< connections, in the part of the log that was given
  std::string last;         ///< the last of them: "user 1007", or "one that was gone…"
};
GuardReport parse_guard_report(std::string_view log);

} // namespace ckpt::engine::dmtcp
