#pragma once

#include <functional>
#include <string>
#include <vector>

// Where dmtcp_restart has to be started so that every process of a program finds itself in the
// folder that it was in. Pure, but for the question that the caller answers.

namespace ckpt {

struct RestartFolder {
  std::string folder;   ///< empty: the one that the program was launched in
  std::string obstacle; ///< not empty: no folder serves all of them, and why
};

/// DMTCP (4.2.0 and 5.0, read in ProcessInfo::restart and measured) brings a process that was below
/// the folder of dmtcp_launch into the same place below that of dmtcp_restart, or where that is not
/// there, back into its own; any other one is left where dmtcp_restart was started, without a word.
/// `launched_in` and `folders` (of all processes): canonical, as the kernel tells them. `is_there`:
/// whether a path exists.
RestartFolder restart_folder(const std::string& launched_in,
                             const std::vector<std::string>& folders,
                             const std::function<bool(const std::string&)>& is_there);

} // namespace ckpt
