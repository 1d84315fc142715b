#pragma once

#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/domain/generation.hpp"

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// The engine port: what can checkpoint a process. Everything blocks, with deadlines, and runs on
// one thread of the runner (its engine thread); only Session::interrupt and the pids may be used
// from another one. The runner owns time, store and policy; an engine knows none of them.

namespace ckpt::engine {

/// Where the engines are, from configuration or environment (CKPT_DMTCP_ROOT, CKPT_CRIU, PATH).
struct EngineConfig {
  std::string dmtcp_root; ///< a prefix with bin/dmtcp_launch; empty: on the path
  std::string criu;       ///< the executable; empty: on the path
  std::string path;       ///< folders parted by colons; empty: PATH of this process
  std::string
      runner; ///< the ckpt-runner executable, for its --stub and --ns-init; empty: /proc/self/exe
  static EngineConfig from_environment(const std::map<std::string, std::string>& env);
  /// For a job: what its own environment names or has on PATH (`module load dmtcp` before the
  /// submission) comes before what is in `otherwise`.
  static EngineConfig for_job(const std::map<std::string, std::string>& job,
                              const EngineConfig& otherwise);
  /// `path`, or this process's.
  std::string folders() const;
};

/// The program as seen before it starts.
struct ProgramInfo {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;
  std::string cwd;
  AppCheckpointing app;
  std::vector<std::string>
      checkpoint_files; ///< the policy's ckpt_files (globs, relative to cwd): the app engine only
};

/// Whether an engine can carry a program on this machine.
struct Suitability {
  bool usable = false;
  std::string reason; ///< why not, or what to know: "static binary: DMTCP cannot be loaded into it"
};

struct LaunchRequest {
  ProgramInfo program;
  Path work_dir; ///< the attempt's own folder: port file, logs, coordinator.json; exists, empty of
                 ///< engine files
  Path images_dir; ///< where this attempt's images go; exists, empty
  /// A folder for what has to be found under the same name as long as any image is of use, on every
  /// node: a library that dmtcp loads into each process. Made if need be; empty: it does without.
  Path lasting_dir;
  std::string stdout_path; ///< absolute; opened O_APPEND
  std::string stderr_path; ///< absolute; may equal stdout_path
  int umask = 022;
  bool shield_term = false;       ///< start the program with SIGTERM ignored
  Duration timeout = seconds{60}; ///< until the program runs
  /// Asked several times a second while launch or restart waits (there is no Session to interrupt
  /// yet): true makes it clean up and return `interrupted`. May be empty.
  std::function<bool()> give_up;
};

struct RestartRequest {
  LaunchRequest launch;     ///< as for a launch: new folders, today's environment
  std::vector<Path> images; ///< of the generation, absolute, verified by the caller
  Duration stall_timeout =
      seconds{60}; ///< no progress (CPU, I/O, state) for this long: `restart_stalled`
};

struct CheckpointRequest {
  Duration timeout = hours{1};           ///< in all
  Duration stall_timeout = seconds{120}; ///< no byte written and no CPU time used for this long
  /// Called once, while the whole program is frozen and before it can go on: the runner reads the
  /// lengths of the output and copies files. Short.
  std::function<Status()> while_frozen;
};

/// A complete set of images, written by the engine, not yet fsync'ed or hashed.
struct CheckpointImages {
  std::vector<Path> images; ///< all files of the set, absolute
  TimePoint frozen_at{};
  Duration blocked{0}; ///< from freeze to thaw, as seen from outside
};

struct Peer {
  pid_t pid = 0; ///< real pid in the runner's namespace
  std::string name;
  std::string state; ///< the engine's own word
};

/// coordinator.json, and `ckpt coordinators`: what an attempt's engine listens on. DMTCP only.
struct CoordinatorInfo {
  std::string host;
  int port = 0;
  pid_t pid = 0;
  std::string version;
};

/// A program under an engine. Destroying it does not end the program; kill() does.
class Session {
public:
  virtual ~Session() = default;

  /// The child of this process whose end is the program's end, with its exit status (waitid). The
  /// runner reaps it.
  virtual pid_t root_pid() const = 0;
  /// Every process that belongs to the program (not the engine's helpers), parents first.
  virtual std::vector<ProcessInfo> program_processes() const = 0;
  /// Translates what waitid told of root_pid into how the program ended; nothing when the engine
  /// itself broke (DMTCP's 99 with the coordinator gone): the attempt is then to be restarted, and
  /// that is not the program's result.
  virtual std::optional<ExitStatus> program_status(const ExitStatus& root_status) const = 0;
  virtual std::optional<CoordinatorInfo> coordinator() const { return std::nullopt; }
  virtual Result<std::vector<Peer>> peers() { return std::vector<Peer>{}; }
  /// True while coordinator (or namespace init) answers; `engine_dead` when it is gone. At most a
  /// second.
  virtual Status health() { return {}; }
  /// For the job's warnings: what somebody else on this machine has tried with the engine since the
  /// last call, or that nothing would keep them from it. Empty as a rule. Cheap; one thread.
  virtual std::string strangers() { return {}; }

  /// True once the engine itself has ended a part of the program: what is left of that computes on
  /// without it and must not be believed. Cheap; any thread.
  virtual bool broken() const { return false; }

  /// Takes one checkpoint and returns when every image has its final name and the program runs
  /// again. Codes: `checkpoint_failed`, `freeze_window_missed` (taken, but while_frozen could not
  /// be proved to have run in time: throw it away and take another), `child_not_waited_for`
  /// (likewise: a process of it failed in that moment, which the images do not hold),
  /// `checkpoint_stalled`, `program_stopped` (a process of it is held up by SIGSTOP and the engine
  /// cannot do without it), `program_gone` (it ended meanwhile). The program may be dead after a
  /// failure: look at root_pid.
  virtual Result<CheckpointImages> checkpoint(const CheckpointRequest& request) = 0;

  /// Passes a signal on to the program (its root process and, for a shell's pipeline, its process
  /// group).
  virtual Status signal_program(int signal) = 0;
  /// Ends program and engine with SIGKILL, by real pid, and returns when every process of them is
  /// gone or after `patience`. The runner reaps root_pid.
  virtual Status kill(Duration patience) = 0;
  /// Makes a blocking call on the engine thread return soon with `interrupted`; a call that starts
  /// later is not affected. Any thread.
  virtual void interrupt() = 0;
};

class Engine {
public:
  virtual ~Engine() = default;
  virtual EngineKind kind() const = 0;
  /// Version and where it is, or why it cannot be used here (`engine_missing`, `engine_unusable`;
  /// class unusable). Cached after the first call.
  virtual Result<EngineVersion> version() = 0;
  virtual Suitability suits(const ProgramInfo& program) = 0;
  /// Whether SIGTERM can be kept from the program (PROTOCOL: measured for the engine).
  virtual bool can_shield_term() const = 0;
  /// Codes: `launch_failed`, `launch_timed_out`, `engine_unusable`, `program_not_found`.
  virtual Result<std::unique_ptr<Session>> launch(const LaunchRequest& request) = 0;
  /// Codes: `restart_failed`, `restart_stalled`, `restart_timed_out`. Nothing of the try is left
  /// running after a failure. A program that was stopped (SIGSTOP) in the images runs on.
  virtual Result<std::unique_ptr<Session>> restart(const RestartRequest& request) = 0;
};

std::unique_ptr<Engine> make_engine(EngineKind kind, const EngineConfig& config);

/// An engine that was passed over, and why.
struct PassedOver {
  EngineKind engine;
  std::string reason;
};

struct EngineChoice {
  std::unique_ptr<Engine> engine;
  std::vector<PassedOver> passed_over;
};

/// The engine that the wish names, or with `auto` the first of app (if the job says how), dmtcp,
/// criu that suits the program. Error `no_engine` lists every engine with its reason.
Result<EngineChoice>
choose_engine(EngineWish wish, const ProgramInfo& program, const EngineConfig& config);

/// Whether the files of a set that another process wrote are, by the engine's own marks, a complete
/// one: DMTCP's headers tell how many belong together, and none has its temporary name; CRIU writes
/// its inventory last, the app engine its index. The contents are not looked at: `set_incomplete`
/// or nothing.
Status check_set(EngineKind kind, const std::vector<Path>& files);

/// The dynamic loader that an ELF file names; empty for a static one; nothing if it is no ELF file.
/// Follows `#!` to the interpreter.
struct ExecutableFacts {
  bool elf = false;
  bool dynamic = false;
  bool setuid = false;  ///< or setgid, or with file capabilities
  int bits = 0;         ///< 32 or 64, of an ELF file
  std::string resolved; ///< absolute path of the file that the kernel will run
};
Result<ExecutableFacts> inspect_executable(const std::string& argv0,
                                           const std::map<std::string, std::string>& env,
                                           const std::string& cwd);

} // namespace ckpt::engine
