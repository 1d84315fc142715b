// ckpt-runner: the process inside an allocation. `run` is what generated batch scripts call;
// `--stub` and `--ns-init` are called by its own engines. Called as `srun` it is ours.
#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "core/base/process.hpp"
#include "core/engine/criu/ns_init.hpp"
#include "core/engine/stub.hpp"
#include "runner/raw_copy.hpp"
#include "runner/srun.hpp"
#include "runner/start_now.hpp"
#include "runner/supervisor.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

namespace {

using namespace ckpt;

void complain(const Error& error) {
  std::fprintf(stderr, "ckpt-runner: %s\n", error.message.c_str());
  if (!error.advice.empty()) {
    std::fprintf(stderr, "  %s\n", error.advice.c_str());
  }
}

store::Claim claim_wish(const runner::Context& context) {
  store::Claim claim;
  claim.token = context.token;
  claim.scheduler_job_id = context.scheduler_job_id;
  claim.restart_count = context.restart_count;
  claim.host = host_name();
  claim.boot_id = boot_id();
  claim.pid = ::getpid();
  if (const auto self = process_info(::getpid())) {
    claim.start_ticks = self->start_ticks;
  }
  claim.at = system_clock().now();
  return claim;
}

/// Starts this program again in the same process: a local requeue.
[[noreturn]] void start_again(const runner::Context& context, char** argv) {
  kill_point("requeue.again");
  ::setenv("CKPT_LOCAL_RESTART_COUNT", std::to_string(context.restart_count + 1).c_str(), 1);
  ::execv("/proc/self/exe", argv);
  std::perror("ckpt-runner: cannot start again");
  ::_exit(runner::kNotEnded);
}

int run(int argc, char** argv) {
  ::umask(077); // of what we and the engines write; the program has its own (JobSpec::umask)
  const std::vector<std::string> arguments(argv + 2, argv + argc);
  auto context = runner::read_context(arguments, runner::current_environment());
  if (!context) {
    complain(context.error());
    return 2;
  }
  keep_term_from_children();
  runner::EventLoop loop; // blocks the signals before the first thread exists
  const runner::StorePatience patience{system_clock(),
                                       context->store_patience,
                                       runner::term_is_pending,
                                       [](const Error& error) { complain(error); }};
  if (const Status found = with_patience(patience, [&] { return find_own_folder(*context); });
      !found) {
    complain(found.error());
    return runner::kNotEnded;
  }
  const auto claim =
      with_patience(patience, [&] { return context->folder().claim(claim_wish(*context)); });
  if (!claim) {
    // Surplus: another allocation has this job, or it was called off. Not success for Slurm's
    // dependents.
    complain(claim.error());
    return runner::kNotEnded;
  }
  log::set_up(context->folder().attempt(claim->attempt).runner_log(), log::Level::info);
  bool again = false;
  int status = 0;
  {
    runner::Supervisor supervisor(*context, *claim, system_clock());
    status = supervisor.run(loop);
    again = supervisor.start_again();
  }
  if (again) {
    start_again(*context, argv);
  }
  return status;
}

} // namespace

int main(int argc, char** argv) {
  const std::string_view called = argc > 0 ? argv[0] : "";
  if (called.substr(called.rfind('/') + 1) == "srun") {
    return ckpt::runner::run_srun({argv, argv + argc}, ckpt::runner::current_environment());
  }
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "run") {
    return run(argc, argv);
  }
  if (verb == "--stub" && argc == 3) {
    return ckpt::engine::run_stub(argv[2]);
  }
  if (verb == "--ns-init") {
    return ckpt::engine::run_ns_init(argc, argv);
  }
  if (verb == "raw-copy") {
    return ckpt::runner::run_raw_copy({argv + 2, argv + argc});
  }
  if (verb == "start-now") {
    return ckpt::runner::run_start_now(ckpt::runner::current_environment());
  }
  if (verb == "--version") {
    std::printf("ckpt-runner %s\n", CKPT_VERSION);
    return 0;
  }
  std::fprintf(stderr, "usage: ckpt-runner run --job FOLDER --token TOKEN | --version\n");
  return 2;
}
