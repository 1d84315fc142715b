#pragma once

#include "core/domain/time.hpp"

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt {

/// A program to start. Never a shell: argv[0] is looked up in PATH of `env` unless it contains a
/// slash.
struct Command {
  std::vector<std::string> argv;
  std::optional<std::map<std::string, std::string>> env; ///< nothing: ours
  std::string cwd;                                       ///< empty: ours
  std::string stdin_data; ///< written to its standard input; empty: /dev/null
};

/// How a process ended. Exactly one of the two is set once it has.
struct ExitStatus {
  std::optional<int> code;
  std::optional<int> signal;
  bool success() const { return code == 0; }
  /// As a shell tells it: the code, or 128 + signal.
  int shell_status() const { return code ? *code : 128 + signal.value_or(0); }
  std::string describe() const; ///< "exit status 7", "killed by signal 9 (KILL)"
  static ExitStatus from_wait_status(int wait_status);
  bool operator==(const ExitStatus&) const = default;
};

/// What a finished command left. Output beyond the limit is read and dropped (`truncated`).
struct CommandResult {
  ExitStatus status;
  bool timed_out =
      false; ///< its process group was killed at the deadline; the status is that of the kill
  bool truncated = false;
  std::string out;
  std::string err;
  Duration took{0};
};

struct RunLimits {
  Duration timeout = seconds{30};
  std::size_t output_bytes = std::size_t{64} << 20U; ///< of each stream
  /// Set by another thread: as if the time-out had come, within 200 ms. Outlives the call.
  const std::atomic<bool>* stop = nullptr;
};

/// Runs a command to its end, in a process group of its own, both streams read concurrently;
/// nothing of ours is inherited but stdin/out/err. At the time-out TERM, and KILL a second later,
/// to the whole group. The call returns when the child has ended even if a grandchild keeps the
/// pipes open (waits at most 200 ms more for output). Errors: `command_not_found`,
/// `command_not_started` (permanent). Blocking; any thread.
Result<CommandResult> run_command(const Command& command, const RunLimits& limits = {});

/// A process of ours that lives on: the runner's coordinator, program, or a local attempt.
struct SpawnOptions {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;
  std::string cwd; ///< empty: ours
  std::string stdin_path = "/dev/null";
  std::string stdout_path;    ///< opened O_APPEND|O_CREAT, mode 0600 & ~umask; empty: /dev/null
  std::string stderr_path;    ///< empty: the same open file as stdout
  bool new_session = false;   ///< setsid; else a new process group
  std::optional<int> pass_fd; ///< one descriptor that it inherits, under the same number
};

/// Starts a process by posix_spawn: default signal dispositions, empty signal
/// mask, no descriptor of ours but 0–2 and pass_fd. The caller reaps it (waitid on the pid). Errors
/// as run_command.
Result<pid_t> spawn(const SpawnOptions& options);

/// From now on all children start with SIGTERM blocked (any thread). For a process whose scheduler
/// sends TERM to everything of its job: a question to a coordinator, or a `scontrol requeue`, must
/// not die in the middle.
void keep_term_from_children();

/// What the proc filesystem says of a process. `start_ticks` tells a recycled pid from the process
/// that was meant.
struct ProcessInfo {
  pid_t pid = 0;
  pid_t ppid = 0;
  char state = '?';
  std::uint64_t start_ticks = 0; ///< since boot, field 22 of /proc/PID/stat
  std::uint64_t cpu_ticks = 0;   ///< user + system
  std::string comm;
};

std::optional<ProcessInfo> process_info(pid_t pid);
/// All live processes below `root` (itself first, parents before children), zombies left out. From
/// one pass over /proc.
std::vector<ProcessInfo> process_tree(pid_t root);
/// Children of this process that have ended and wait to be reaped.
std::vector<pid_t> zombie_children();
/// Whether a signal holds the process up (SIGSTOP and its like), or SIGSTOP is on its way to it.
/// Not: a tracer's stop.
bool is_stopped(const ProcessInfo& process);
/// Who traces it (ptrace), 0 for nobody.
pid_t tracer_of(pid_t pid);
/// Resident bytes of one process (VmRSS), 0 when it is gone.
std::uint64_t resident_bytes(pid_t pid);
/// Likewise, and what of it was swapped out: what an image of it will hold.
std::uint64_t memory_bytes(pid_t pid);
/// Processes of this user whose environment at start contains `entry` ("CKPT_TOKEN=…"), ourselves
/// left out.
std::vector<ProcessInfo> processes_with_environment(const std::string& entry);
/// Sends a signal if the process is still the one that was meant (same start time; by pidfd where
/// the kernel has it).
bool signal_process(const ProcessInfo& process, int signal);

std::string boot_id();   ///< /proc/sys/kernel/random/boot_id
std::string host_name(); ///< of this machine (UTS namespace)

/// "USR1", "SIGUSR1" or "10" → 10; nothing for what is no signal.
std::optional<int> parse_signal(std::string_view text);
std::string signal_name(int signal); ///< "USR1"

} // namespace ckpt
