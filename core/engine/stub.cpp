// Carries a stub plan out: this process becomes the engine's tool or the program. Nothing after the
// descriptors were replaced may fail silently, so the first standard error is kept (close-on-exec)
// for the message.

#include "core/engine/stub.hpp"

#include "core/base/files.hpp"

#include <fcntl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

namespace ckpt::engine {
namespace {

struct StubFailure {
  int exit_status = 125;
  std::string message;
};

StubFailure failure(const std::string& doing, int error_number, int exit_status = 125) {
  return {exit_status, doing + ": " + std::strerror(error_number)};
}

std::optional<StubFailure> open_at(const std::string& path, int flags, int target) {
  const int fd = ::open(path.c_str(), flags | O_NOCTTY | O_CLOEXEC, 0666);
  if (fd < 0) {
    return failure("cannot open " + path, errno);
  }
  if (fd == target) {
    ::fcntl(fd, F_SETFD, 0);
    return std::nullopt;
  }
  const int done = ::dup2(fd, target);
  const int saved = errno;
  ::close(fd);
  return done < 0 ? std::optional(failure("cannot use " + path, saved)) : std::nullopt;
}

std::optional<StubFailure> open_standard_streams(const StubPlan& plan) {
  if (auto bad = open_at(plan.stdin_path.empty() ? "/dev/null" : plan.stdin_path, O_RDONLY, 0)) {
    return bad;
  }
  const int flags = O_WRONLY | O_APPEND | O_CREAT;
  const std::string out = plan.stdout_path.empty() ? "/dev/null" : plan.stdout_path;
  if (auto bad = open_at(out, flags, 1)) {
    return bad;
  }
  if (plan.stderr_path.empty() || plan.stderr_path == plan.stdout_path) {
    return ::dup2(1, 2) < 0 ? std::optional(failure("cannot use " + out, errno)) : std::nullopt;
  }
  return open_at(plan.stderr_path, flags, 2);
}

void raise_descriptor_limit(int needed) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= static_cast<rlim_t>(needed) &&
      limit.rlim_max > static_cast<rlim_t>(needed)) {
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, static_cast<rlim_t>(needed) + 64);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

// Marks what is open from `first` to `last`, so that exec closes it and the report survives until
// then.
void close_on_exec(unsigned first, unsigned last) {
  if (first > last) {
    return;
  }
  constexpr unsigned kCloexecFlag = 1U << 2U; // CLOSE_RANGE_CLOEXEC, Linux 5.11
  if (::syscall(SYS_close_range, first, last, kCloexecFlag) == 0) {
    return;
  }
  const long open_max = ::sysconf(_SC_OPEN_MAX);
  const unsigned end = std::min(last, static_cast<unsigned>(std::max(open_max, 1024L)));
  for (unsigned fd = first; fd <= end; ++fd) {
    ::fcntl(static_cast<int>(fd), F_SETFD, FD_CLOEXEC);
  }
}

std::optional<StubFailure> hand_on_descriptor(const StubPlan& plan) {
  const auto kept = static_cast<unsigned>(plan.inherit_as);
  if (plan.inherit_fd < 0 || plan.inherit_as < 3) {
    close_on_exec(3, ~0U);
    return std::nullopt;
  }
  if (plan.inherit_fd != plan.inherit_as) {
    raise_descriptor_limit(plan.inherit_as);
    if (::dup2(plan.inherit_fd, plan.inherit_as) < 0) {
      return failure("cannot pass descriptor " + std::to_string(plan.inherit_fd), errno);
    }
  }
  ::fcntl(plan.inherit_as, F_SETFD, 0);
  close_on_exec(3, kept - 1);
  close_on_exec(kept + 1, ~0U);
  return std::nullopt;
}

void set_signals(const StubPlan& plan) {
  for (int number = 1; number < NSIG; ++number) {
    if (number != SIGKILL && number != SIGSTOP) {
      std::signal(number, SIG_DFL); // fails for the two that libc keeps: they are default anyway
    }
  }
  if (plan.ignore_term) {
    std::signal(SIGTERM, SIG_IGN);
  }
  if (plan.ignore_pipe) {
    std::signal(SIGPIPE, SIG_IGN);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

StubFailure execute(const StubPlan& plan) {
  std::vector<char*> argv;
  for (const auto& word : plan.argv) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  ::clearenv(); // execvp looks in the PATH of the environment it passes on: the plan's
  for (const auto& [name, value] : plan.env) {
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  ::execvp(argv[0], argv.data());
  const int error_number = errno;
  const bool missing = error_number == ENOENT || error_number == ENOTDIR;
  return failure("cannot run " + plan.argv.front(), error_number, missing ? 127 : 126);
}

StubFailure carry_out(const StubPlan& plan) {
  if (plan.death_signal != 0) {
    ::prctl(PR_SET_PDEATHSIG, plan.death_signal);
    if (plan.parent_pid != 0 && ::getppid() != plan.parent_pid) {
      return {125, "the process that started this one is gone"};
    }
  }
  if (plan.new_session && ::getsid(0) != ::getpid() && ::setsid() < 0) {
    return failure("cannot start a session of its own", errno);
  }
  ::umask(static_cast<mode_t>(plan.umask));
  if (!plan.cwd.empty() && ::chdir(plan.cwd.c_str()) != 0) {
    return failure("cannot enter the working directory " + plan.cwd, errno);
  }
  if (auto bad = open_standard_streams(plan)) {
    return *bad;
  }
  if (auto bad = hand_on_descriptor(plan)) {
    return *bad;
  }
  if (plan.no_aslr) {
    const int now = ::personality(0xffffffff);
    ::personality(static_cast<unsigned long>(now) | ADDR_NO_RANDOMIZE);
  }
  set_signals(plan);
  return execute(plan);
}

void say(int fd, const std::string& text) {
  if (::write(fd, text.data(), text.size()) < 0) {
    return; // nobody is left to be told
  }
}

} // namespace

int run_stub(const std::string& plan_file) {
  const int report = ::fcntl(2, F_DUPFD_CLOEXEC, 3);
  const auto text = read_file(plan_file);
  StubFailure bad;
  if (!text) {
    bad.message = text.error().message;
  } else if (const auto plan = decode_stub_plan(*text); !plan) {
    bad.message = plan.error().message;
  } else {
    ::unlink(plan_file.c_str());
    bad = carry_out(*plan);
  }
  say(report, "ckpt-runner --stub: " + bad.message + "\n");
  const std::string note = plan_file + ".failed";
  const int fd = ::open(note.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd >= 0) {
    say(fd, bad.message + "\n");
    ::close(fd);
  }
  return bad.exit_status;
}

} // namespace ckpt::engine
