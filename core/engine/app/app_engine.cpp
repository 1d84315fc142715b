#include "core/engine/app/app_engine.hpp"

#include "core/base/clock.hpp"
#include "core/engine/app/app_session.hpp"
#include "core/engine/dmtcp/processes.hpp"
#include "core/engine/start_stub.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace ckpt::engine {
namespace {

constexpr Duration kTick = milliseconds{100};

// A restart needs the layout of the copies to be known, and nothing else of ours.
constexpr const char* kLayoutVersion = "1";

StubPlan stub_plan(const LaunchRequest& request) {
  StubPlan plan;
  plan.argv = request.program.argv;
  plan.env = request.program.env;
  plan.cwd = request.program.cwd;
  plan.umask = request.umask;
  plan.stdout_path = request.stdout_path;
  plan.stderr_path = request.stderr_path;
  plan.ignore_term = request.shield_term;
  plan.death_signal = SIGKILL;
  plan.parent_pid = ::getpid();
  return plan;
}

void end_child(pid_t pid) {
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

// The end of the pipe tells that the program was executed (or that nothing will be).
Status await_exec(int pipe, const LaunchRequest& request) {
  const auto deadline = system_clock().monotonic() + request.timeout;
  for (;;) {
    pollfd fd{pipe, POLLIN, 0};
    if (::poll(&fd, 1, static_cast<int>(kTick.count())) > 0) {
      return {};
    }
    if (request.give_up && request.give_up()) {
      return fail(ErrorClass::failed, "interrupted", "interrupted by the runner");
    }
    if (system_clock().monotonic() >= deadline) {
      return fail(ErrorClass::timed_out,
                  "launch_timed_out",
                  "the program did not run after " + format_duration(request.timeout));
    }
  }
}

class AppEngine final : public Engine {
public:
  explicit AppEngine(const EngineConfig& config) : runner_(config.runner) {}

  EngineKind kind() const override { return EngineKind::app; }
  bool can_shield_term() const override { return true; }
  Result<EngineVersion> version() override {
    return EngineVersion{.engine = EngineKind::app, .version = kLayoutVersion};
  }

  Suitability suits(const ProgramInfo& program) override {
    const AppCheckpointing& app = program.app;
    if (app.signal.empty() && app.command.empty()) {
      return {.usable = false,
              .reason = "nothing tells how the program checkpoints itself (--ckpt-signal or "
                        "--ckpt-command)"};
    }
    if (!app.signal.empty() && !parse_signal(app.signal)) {
      return {.usable = false, .reason = "there is no signal " + app.signal};
    }
    if (program.checkpoint_files.empty()) {
      return {.usable = false,
              .reason = "nothing tells which files the program's checkpoint is (--ckpt-files)"};
    }
    return {.usable = true, .reason = "the program checkpoints itself"};
  }

  Result<std::unique_ptr<Session>> launch(const LaunchRequest& request) override {
    const ProgramInfo& program = request.program;
    if (program.argv.empty()) {
      return fail(ErrorClass::usage, "program_not_found", "no program given");
    }
    if (const auto facts = inspect_executable(program.argv.front(), program.env, program.cwd);
        !facts) {
      return tl::unexpected(facts.error());
    }
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      return fail(ErrorClass::failed, "launch_failed", "cannot make a pipe");
    }
    const Fd read_end(ends[0]);
    Fd write_end(ends[1]);
    const Path plan_file = request.work_dir / "program.plan";
    const auto pid = start_stub(runner_,
                                stub_plan(request),
                                plan_file,
                                request.work_dir / "program-stub.log",
                                write_end.get());
    if (!pid) {
      return fail(ErrorClass::failed, "launch_failed", pid.error().message, pid.error().advice);
    }
    write_end.reset();
    if (auto ran = await_exec(read_end.get(), request); !ran) {
      end_child(*pid);
      return tl::unexpected(ran.error());
    }
    if (const auto why = stub_failure(plan_file)) {
      end_child(*pid);
      return fail(ErrorClass::failed, "launch_failed", *why);
    }
    return std::make_unique<app::AppSession>(dmtcp::process_or_pid(*pid), request);
  }

  Result<std::unique_ptr<Session>> restart(const RestartRequest& request) override {
    if (request.images.empty()) {
      return fail(ErrorClass::failed, "restart_failed", "the generation has no files");
    }
    LaunchRequest launch_request = request.launch;
    ProgramInfo& program = launch_request.program;
    if (auto back = app::put_back(request.images.front().parent_path(),
                                  program.checkpoint_files,
                                  program.cwd,
                                  launch_request.work_dir / "set-aside");
        !back) {
      return fail(ErrorClass::failed,
                  "restart_failed",
                  "cannot put the program's checkpoint files back: " + back.error().message,
                  back.error().advice);
    }
    if (!program.app.restart_command.empty()) {
      program.argv = {"/bin/sh", "-c", program.app.restart_command};
    }
    auto session = launch(launch_request);
    if (!session && session.error().code == "launch_timed_out") {
      session.error().code = "restart_timed_out";
    } else if (!session && session.error().code != "interrupted") {
      session.error().code = "restart_failed";
    }
    return session;
  }

private:
  std::string runner_;
};

} // namespace

std::unique_ptr<Engine> make_app_engine(const EngineConfig& config) {
  return std::make_unique<AppEngine>(config);
}

} // namespace ckpt::engine
