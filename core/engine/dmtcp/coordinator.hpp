#pragma once

#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/engine/dmtcp/install.hpp"
#include "core/engine/dmtcp/parse.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace ckpt::engine::dmtcp {

struct CoordinatorSetup {
  Install install;
  Path work_dir; ///< coordinator.log and a port file of its own
  Path images_dir;
  std::map<std::string, std::string> env;
  std::string runner;
  std::function<bool()> give_up; ///< may be empty
};

/// One dmtcp_coordinator, our child, in the foreground: it dies with the thread that started it,
/// and the program with it. It listens on the loopback interface only: DMTCP itself would listen on
/// every interface and has no authentication, so it is handed a socket that is bound already.
class Coordinator {
public:
  static Result<Coordinator> start(const CoordinatorSetup& setup);

  const ProcessInfo& process() const { return process_; }
  int port() const { return port_; }
  /// DMTCP's own temporary files of this session (it leaves megabytes behind); removed by end().
  const Path& tmp_dir() const { return tmp_dir_; }
  bool loopback_only() const { return loopback_only_; }
  /// What its guard has told since the last call, in words for the user: who was turned away, or
  /// that there is no guard. Empty as a rule. One thread.
  std::string strangers();
  bool alive() const;
  /// It turned a process away without an answer: a checkpoint that is under way never ends.
  bool has_turned_one_away() const;

  /// `engine_dead` when nobody answers there, `engine_not_answering` when it takes longer.
  Result<CoordinatorStatus> status(Duration timeout) const;
  Result<std::vector<Peer>> list(Duration timeout) const;
  /// Starts `dmtcp_command -c` and does not wait: the checkpoint may be under way before the
  /// command returns. The caller reaps it; exit status 0: begun, 2: not now, or no coordinator.
  Result<pid_t> spawn_checkpoint_request() const;

  /// While held, new connections wait (a second or so), those that are there go on, and so do
  /// status() and list(): see door.hpp. For the time in which DMTCP would refuse who comes.
  void hold_newcomers(bool hold) const;
  /// When those that were held have been let in. A checkpoint that is asked for before that can
  /// meet a process in the middle of its connection, and then hangs for ever (4.2.0 and 5.0).
  MonoTime newcomers_in() const { return newcomers_in_; }

  /// SIGKILL, and reaped; after the program's end, whose files in tmp_dir go too.
  void end();

private:
  Coordinator() = default;
  void end_process();
  Result<std::string> ask(const std::string& what, Duration timeout) const;
  Status await_port(const CoordinatorSetup& setup, const Path& port_file);

  Install install_;
  std::map<std::string, std::string> env_;
  ProcessInfo process_;
  Path tmp_dir_;
  Path log_;
  int port_ = 0;
  bool loopback_only_ = false;
  off_t read_until_ = 0; ///< of the log
  int told_of_ = 0;
  bool sees_ = true;
  mutable bool held_ = false;
  mutable MonoTime newcomers_in_{};
  Fd listener_; ///< the socket it listens on, if it took the one that it was handed
};

} // namespace ckpt::engine::dmtcp
