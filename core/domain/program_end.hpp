#pragma once

#include "core/domain/time.hpp"
#include "core/domain/words.hpp"

#include <optional>

namespace ckpt {

/// How a program was seen to end, and what was going on then.
struct ProgramEnd {
  bool status_known = false; ///< of the program itself; else only the engine's end was seen
  std::optional<int> code;
  std::optional<int> signal;
  bool fenced = false;        ///< we killed it: the lease was lost
  bool out_of_memory = false; ///< the kernel has killed a process of this allocation for memory
  std::optional<Duration> since_restart;           ///< from a generation; nothing: it was launched
  std::optional<Duration> since_broken_checkpoint; ///< 0: one was being taken; nothing: none failed
  std::optional<EndReason> term; ///< TERM was seen: why, `interrupted` if nobody told
};

/// What that makes of the attempt.
struct ProgramVerdict {
  EndReason reason = EndReason::unknown;
  bool is_result = false; ///< the program's own end, and with it the job's
  bool requeue = false;   ///< go on from the newest generation
};

/// A program that crashes (signals SEGV, BUS, ILL, SYS) within seconds of a restart, though it had
/// run before, has most likely met what the restart did not bring back: that is no result either.
/// So has one that dies of any signal while a checkpoint is taken, or seconds after one failed: the
/// engines work inside of the program, and can leave it broken.
/// A program does not kill itself with SIGKILL: whoever did (a person, the kernel, a tool of the
/// site) has interrupted it. The same holds for 137, by which a shell says that its last command
/// was killed so. A job that ends like this again and again is stopped by the loop guard. Pure.
ProgramVerdict judge_program_end(const ProgramEnd& end);

} // namespace ckpt
