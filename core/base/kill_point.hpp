#pragma once

// Places where a test can make the process die, put between any two effects that the disk or the
// world remembers: the proof that a crash there is survived. Nothing at all unless the build has
// CKPT_KILL_POINTS.

namespace ckpt {

#if defined(CKPT_KILL_POINTS) && CKPT_KILL_POINTS
/// Environment CKPT_KILL_AT=name[:n]: _exit(137) at the n-th pass (from 1) of that point.
/// CKPT_KILL_LIST=file: appends the name of every point passed, a line each. Any thread.
void kill_point(const char* name);
#else
inline void kill_point(const char*) {}
#endif

} // namespace ckpt
