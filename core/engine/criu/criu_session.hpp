#pragma once

#include "core/base/clock.hpp"
#include "core/engine/criu/channel.hpp"
#include "core/engine/criu/watch.hpp"
#include "core/engine/engine.hpp"
#include "core/engine/unreaped.hpp"

#include <atomic>
#include <functional>

namespace ckpt::engine::criu {

inline MonoTime now() {
  return system_clock().monotonic();
}

inline tl::unexpected<Error> failed(const std::string& code,
                                    const std::string& message,
                                    const std::string& advice = {},
                                    Outcome outcome = Outcome::retryable) {
  return fail(ErrorClass::failed, code, message, advice, outcome);
}

/// What a session needs to know of the try that it belongs to.
struct SessionPlan {
  std::string criu;
  std::string runner;
  Path work_dir;
  Path images_dir;
  std::string stdout_path;
  std::string stderr_path;
};

/// Our child (the outer process, which ends as the program does), and the socket to the init
/// inside. The thread that starts it must live as long as the program: the outer process dies with
/// it.
class CriuSession final : public Session {
public:
  /// `mode_and_target`: the arguments of --ns-init after the work folder (see ns_init.cpp).
  static Result<std::unique_ptr<CriuSession>> start(const SessionPlan& plan,
                                                    const std::map<std::string, std::string>& env,
                                                    const std::string& mode,
                                                    const std::vector<std::string>& target);
  ~CriuSession() override = default;

  /// Waits until the program runs. `stall`: no I/O, growth or new process for this long.
  Status await_start(const LaunchRequest& request, std::optional<Duration> stall);
  /// After a restart: who was stopped when the images were made is so again, and whoever stopped it
  /// does not know this process. It runs on.
  void wake_stopped() const;
  /// After a failed start: ends what there is and reaps it.
  void abandon();

  pid_t root_pid() const override { return outer_.pid; }
  std::vector<ProcessInfo> program_processes() const override;
  std::optional<ExitStatus> program_status(const ExitStatus& root_status) const override;
  Status health() override;
  Result<CheckpointImages> checkpoint(const CheckpointRequest& request) override;
  Status signal_program(int signal) override;
  Status kill(Duration patience) override;
  void interrupt() override;

private:
  CriuSession(SessionPlan plan, ProcessInfo outer, Fd control, Fd interrupted);

  Tree tree() const;

  /// Next message within `tick`; nothing at its end. `interrupted`, `engine_dead`.
  Result<std::optional<Message>> next(Duration tick);
  void note(const Message& message) const;
  Result<Path> new_generation_folder();
  std::vector<pid_t> parents() const;
  Status at_freeze(const Path& images, const CheckpointRequest& request);
  Result<Message> dump(const Path& images,
                       const Path& log,
                       const CheckpointRequest& request,
                       CheckpointImages& result,
                       const std::function<bool()>& at_hook);
  void abort_dump();
  /// A failure with evidence in the attempt's folder.
  tl::unexpected<Error>
  stalled(const std::string& code, const std::string& why, const Path& log) const;
  tl::unexpected<Error> dump_failed(const std::string& status, const Path& log);
  std::optional<Error> lost_process() const;

  SessionPlan plan_;
  ProcessInfo outer_;
  std::optional<ProcessInfo> init_; ///< as it was when the program started
  Fd control_;
  Fd interrupted_;
  std::atomic<int> root_in_namespace_{0};
  mutable std::atomic<int> helper_in_namespace_{0};
  mutable std::atomic<bool> ended_{false};
  mutable std::atomic<int> end_status_{0};
  int generations_ = 0;
  UnreapedChildren killed_{UnreapedChildren::Which::killed, [this] { return parents(); }};
};

} // namespace ckpt::engine::criu
