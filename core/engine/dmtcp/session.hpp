#pragma once

#include "core/engine/dmtcp/coordinator.hpp"
#include "core/engine/engine.hpp"
#include "core/engine/unreaped.hpp"

#include <atomic>
#include <mutex>

namespace ckpt::engine::dmtcp {

/// A program under DMTCP, with its coordinator.
class DmtcpSession final : public Session {
public:
  /// `messages`: the file in which DMTCP complains; `program_stderr`: where some of it ends up.
  DmtcpSession(Install install,
               Coordinator coordinator,
               pid_t root,
               Path images_dir,
               Path messages,
               Path program_stderr);
  ~DmtcpSession() override;
  DmtcpSession(const DmtcpSession&) = delete;
  DmtcpSession& operator=(const DmtcpSession&) = delete;

  pid_t root_pid() const override { return root_.pid; }
  std::vector<ProcessInfo> program_processes() const override;
  std::optional<ExitStatus> program_status(const ExitStatus& root_status) const override;
  std::optional<CoordinatorInfo> coordinator() const override;
  Result<std::vector<Peer>> peers() override;
  Status health() override;
  std::string strangers() override { return coordinator_.strangers(); }
  bool broken() const override;
  Result<CheckpointImages> checkpoint(const CheckpointRequest& request) override;
  Status signal_program(int signal) override;
  Status kill(Duration patience) override;
  void interrupt() override;

  const Coordinator& link() const { return coordinator_; }
  bool root_live() const;
  void reap_root() const; ///< of a session that is not handed out
  /// Into the attempt's folder, while what hangs still does. Returns what it shows in a few words,
  /// to go behind the error's message; empty if the error tells of no stall.
  std::string keep_evidence(const Error& error);

private:
  void remember(const std::vector<Peer>& peers);
  void stop_all() const;
  Status nobody_stopped() const;
  std::vector<pid_t> parents() const;
  void reap(const std::vector<ProcessInfo>& processes) const;

  Install install_;
  Coordinator coordinator_;
  ProcessInfo root_;
  Path images_dir_;
  Path messages_;
  Path program_stderr_;
  Fd wake_;
  UnreapedChildren unreaped_{UnreapedChildren::Which::failed, [this] { return parents(); }};
  std::atomic<bool> interrupted_{false};
  std::atomic<bool> checkpoint_open_{false}; ///< being taken, or the newest one has failed
  mutable std::atomic<bool> broken_{false};
  mutable std::mutex mutex_;
  std::vector<ProcessInfo> known_; ///< peers outside root's tree and session; guarded by mutex_
};

} // namespace ckpt::engine::dmtcp
