// The outer process: the runner's child, which makes the namespaces and ends as the program did.

#include "core/engine/criu/ns_init.hpp"

#include "core/base/process.hpp"
#include "core/engine/criu/inner_init.hpp"
#include "core/engine/criu/namespaces.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace ckpt::engine {
namespace {

using namespace criu;

std::optional<InitPlan> parse(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  constexpr std::size_t kFixed = 7;
  if (words.size() < kFixed || (words.size() - kFixed) % 2 != 0 ||
      (words[3] != "launch" && words[3] != "restore")) {
    return std::nullopt;
  }
  InitPlan plan{.control = std::atoi(words[2].c_str()),
                .restore = words[3] == "restore",
                .criu = words[4],
                .work_dir = words[5],
                .target = words[6],
                .replaced = {},
                .user_namespace = ::geteuid() != 0};
  for (std::size_t i = kFixed; i < words.size(); i += 2) {
    plan.replaced.emplace_back(words[i], words[i + 1]);
  }
  return plan;
}

// Ends this process the way the program ended, so that waitid tells the runner the truth.
[[noreturn]] void end_as(int status) {
  if (WIFSIGNALED(status)) {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    std::signal(WTERMSIG(status), SIG_DFL);
    ::raise(WTERMSIG(status));
    ::_exit(128 + WTERMSIG(status));
  }
  ::_exit(WEXITSTATUS(status));
}

} // namespace

int run_ns_init(int argc, char** argv) {
  const auto plan = parse(argc, argv);
  if (!plan) {
    return kTrouble;
  }
  std::array<int, 2> status_pipe{};
  if (::pipe2(status_pipe.data(), O_CLOEXEC) != 0) {
    return kTrouble;
  }
  if (const auto entered = enter_namespaces(plan->user_namespace); !entered) {
    const Error& error = entered.error();
    tell_failure(plan->control, error.code, error.message, error.advice);
    return kTrouble;
  }
  const pid_t init = ::fork();
  if (init == 0) {
    ::close(status_pipe[0]);
    run_inner_init(*plan, status_pipe[1]);
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL); // after unshare: a change of credentials clears it
  ::close(plan->control);             // so that init's end is the end of the socket
  ::close(status_pipe[1]);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM}) {
    std::signal(number, SIG_IGN); // meant for the program, which gets them itself
  }
  while (::waitpid(init, nullptr, 0) < 0 && errno == EINTR) {
  }
  int status = 0;
  if (::read(status_pipe[0], &status, sizeof(status)) != sizeof(status)) {
    return kTrouble; // killed from outside: the session knows by the missing `ended`
  }
  end_as(status);
}

} // namespace ckpt::engine
