#pragma once

#include "core/domain/result.hpp"

#include <map>
#include <string>
#include <vector>

// The stub is the last process before the engine or the program: `ckpt-runner --stub FILE`. It does
// what posix_spawn cannot: PDEATHSIG, setsid, signals ignored or default, descriptors closed, 0–2
// opened by path (an engine records the path), and then execs.

namespace ckpt::engine {

struct StubPlan {
  std::vector<std::string> argv; ///< what to exec
  std::map<std::string, std::string> env;
  std::string cwd;
  int umask = 022;
  std::string stdin_path = "/dev/null";
  std::string stdout_path; ///< O_APPEND
  std::string stderr_path; ///< equal to stdout_path: the same open file
  bool new_session = true;
  bool ignore_term = false;
  bool ignore_pipe = false;
  int death_signal = 0; ///< PR_SET_PDEATHSIG; 0: none
  int parent_pid = 0;   ///< with death_signal: leave if the parent has changed meanwhile
  bool no_aslr = false;
  int inherit_fd = -1; ///< a descriptor that the stub was given (SpawnOptions::pass_fd)…
  int inherit_as = -1; ///< …and the number that the executed program gets it under
};

/// One line a field, binary-safe; no JSON so that the stub stays tiny.
std::string encode_stub_plan(const StubPlan& plan);
Result<StubPlan> decode_stub_plan(const std::string& text);

/// Carries the plan out in this process, and removes the file first (it holds an environment).
/// Returns only on failure: exit status 127 (no such program), 126 (not executable), 125 (else),
/// the message on stderr and in `plan_file` + ".failed", so that the caller can tell it from a
/// program that ends with the same status.
int run_stub(const std::string& plan_file);

} // namespace ckpt::engine
