#pragma once

#include "core/engine/app/checkpoint_files.hpp"
#include "core/engine/app/folder_watch.hpp"
#include "core/engine/engine.hpp"

namespace ckpt::engine::app {

/// The program itself is our child, and leads a session of its own. It dies with the thread that
/// started it.
class AppSession final : public Session {
public:
  AppSession(ProcessInfo root, LaunchRequest request);

  pid_t root_pid() const override { return root_.pid; }
  std::vector<ProcessInfo> program_processes() const override;
  std::optional<ExitStatus> program_status(const ExitStatus& root_status) const override {
    return root_status;
  }
  Status health() override;
  Result<CheckpointImages> checkpoint(const CheckpointRequest& request) override;
  Status signal_program(int signal) override;
  Status kill(Duration patience) override;
  void interrupt() override;

private:
  class Command;
  Snapshot look_now() const;
  Status ask(std::unique_ptr<Command>& command) const;
  bool settled(const Snapshot& files) const;
  bool pause(Duration time); ///< false: interrupted
  bool pause(const FolderWatch& watch, Duration time);
  /// Copied while the program stood still; the checkpoint if the files then stay as they are.
  struct Candidate {
    Snapshot files;
    Path folder;
    CheckpointImages images;
    MonoTime taken{};
    Duration printed_after{0}; ///< output written later than the files
  };
  Result<Path> new_generation_folder();
  /// Nothing if the files moved after all.
  Result<std::optional<Candidate>> take(const Snapshot& before, const CheckpointRequest& request);

  ProcessInfo root_;
  LaunchRequest launch_;
  Fd interrupted_;
  int generations_ = 0;
  bool asked_twice_ = false; ///< over output that came after the files; not more than once
};

} // namespace ckpt::engine::app
