#pragma once

#include <map>
#include <string>

// Places where a test can make the process die, put between any two effects that the disk or the
// world remembers: the proof that a crash there is survived. Nothing at all unless the build has
// CKPT_KILL_POINTS.

namespace ckpt {

#if defined(CKPT_KILL_POINTS) && CKPT_KILL_POINTS
/// Environment CKPT_KILL_AT=name[:n]: _exit(137) at the n-th pass (from 1) of that point.
/// CKPT_KILL_PROGRAM=ckptd: only in the program of that name. CKPT_KILL_ONCE=file: only if that
/// file can be created, so that a program that is started again lives.
/// CKPT_STOP_AT=name: SIGSTOP of itself there, so that a test can do something between two effects.
/// CKPT_KILL_LIST=file: appends the name of every point passed, a line each; "%p" in it becomes the
/// program's name, its pid and when it began. Any thread.
void kill_point(const char* name);

/// Those of the variables above that are set: for a batch script, which gets no environment of
/// ours.
std::map<std::string, std::string> kill_point_environment();
#else
inline void kill_point(const char*) {}
inline std::map<std::string, std::string> kill_point_environment() {
  return {};
}
#endif

} // namespace ckpt
