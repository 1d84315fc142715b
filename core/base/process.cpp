// Invariants: whatever was started is reaped or handed to the caller; no pipe blocks the child;
// nothing of ours is inherited.
#include "core/base/process.hpp"

#include "core/base/files.hpp"
#include "core/base/strings.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

extern char** environ;

namespace ckpt {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr Duration kTermToKill = seconds{1};
constexpr Duration kOutputAfterEnd = milliseconds{200};
constexpr Duration kLookAtStop{200};
constexpr Duration kPollWithoutPidfd = milliseconds{20};

std::atomic<bool> term_kept_from_children{false};

class FileActions {
public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

private:
  posix_spawn_file_actions_t actions_{};
};

class Attributes {
public:
  explicit Attributes(bool new_session) {
    ::posix_spawnattr_init(&attributes_);
    sigset_t signals;
    ::sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::sigemptyset(&signals);
    if (term_kept_from_children) {
      ::sigaddset(&signals, SIGTERM);
    }
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    const int group = new_session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
    ::posix_spawnattr_setflags(
        &attributes_, static_cast<short>(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | group));
  }
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

private:
  posix_spawnattr_t attributes_{};
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& string : strings) {
    result.push_back(const_cast<char*>(string.c_str()));
  }
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> environment_strings(const std::map<std::string, std::string>& env) {
  std::vector<std::string> strings;
  strings.reserve(env.size());
  for (const auto& [name, value] : env) {
    strings.push_back(name + "=" + value);
  }
  return strings;
}

// posix_spawnp would look in our PATH; the one that counts is the child's.
Result<std::string> find_executable(const std::string& name, const std::string& path) {
  if (name.find('/') != std::string::npos) {
    return name;
  }
  for (const std::string& folder : split(path, ':')) {
    std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    if (!name.empty() && ::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return fail(ErrorClass::unusable, "command_not_found", "no program '" + name + "' on PATH");
}

Result<pid_t> start(const std::vector<std::string>& argv,
                    const std::map<std::string, std::string>* env,
                    FileActions& actions,
                    const Attributes& attributes) {
  if (argv.empty()) {
    return fail(ErrorClass::usage, "command_not_started", "no program given");
  }
  std::string path = "/usr/local/bin:/usr/bin:/bin";
  if (env != nullptr) {
    if (const auto found = env->find("PATH"); found != env->end()) {
      path = found->second;
    }
  } else if (const char* ours = ::getenv("PATH")) {
    path = ours;
  }
  const auto executable = find_executable(argv.front(), path);
  if (!executable) {
    return tl::unexpected<Error>(executable.error());
  }
  const std::vector<std::string> strings =
      env ? environment_strings(*env) : std::vector<std::string>{};
  std::vector<char*> env_pointers = pointers(strings);
  std::vector<char*> arg_pointers = pointers(argv);
  pid_t pid = 0;
  const int error_number = ::posix_spawn(&pid,
                                         executable->c_str(),
                                         actions.get(),
                                         attributes.get(),
                                         arg_pointers.data(),
                                         env ? env_pointers.data() : environ);
  if (error_number != 0) {
    const bool missing = error_number == ENOENT;
    return fail(ErrorClass::unusable,
                missing ? "command_not_found" : "command_not_started",
                "cannot start " + *executable + ": " + std::strerror(error_number));
  }
  return pid;
}

struct Pipe {
  Fd read_end;
  Fd write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
    return tl::unexpected<Error>(errno_error(errno, "cannot make", "a pipe"));
  }
  return Pipe{Fd(fds[0]), Fd(fds[1])};
}

/// Reads what is there; closes at the end of the stream.
void drain(Fd& fd, std::string& output, bool& truncated, std::size_t limit) {
  std::array<char, 65536> buffer{};
  const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
    return;
  }
  if (count <= 0) {
    fd.reset();
    return;
  }
  const std::size_t room = limit - std::min(limit, output.size());
  output.append(buffer.data(), std::min(room, static_cast<std::size_t>(count)));
  truncated = truncated || static_cast<std::size_t>(count) > room;
}

/// One command from start to end.
class Running {
public:
  Running(pid_t pid, Pipe out, Pipe err, const RunLimits& limits)
      : pid_(pid), pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))),
        out_(std::move(out.read_end)), err_(std::move(err.read_end)), limits_(limits) {}

  CommandResult finish() {
    const auto started = SteadyClock::now();
    auto deadline = started + limits_.timeout;
    int kills = 0;
    while (!reap()) {
      const auto now = SteadyClock::now();
      if (now >= deadline || (kills == 0 && is_stopped())) {
        result_.timed_out = true;
        ::kill(-pid_, kills == 0 ? SIGTERM : SIGKILL);
        deadline = now + kTermToKill;
        ++kills;
      }
      wait_for_something(std::chrono::ceil<Duration>(deadline - now));
    }
    if (result_.timed_out) {
      ::kill(-pid_, SIGKILL); // what it left in its group
    }
    const auto last = SteadyClock::now() + kOutputAfterEnd;
    while ((out_ || err_) && SteadyClock::now() < last) {
      wait_for_something(std::chrono::ceil<Duration>(last - SteadyClock::now()));
    }
    result_.took = std::chrono::ceil<Duration>(SteadyClock::now() - started);
    return std::move(result_);
  }

private:
  bool is_stopped() const { return limits_.stop != nullptr && limits_.stop->load(); }

  bool reap() {
    int status = 0;
    const pid_t reaped = ::waitpid(pid_, &status, WNOHANG);
    if (reaped == 0 || (reaped < 0 && errno == EINTR)) {
      return false;
    }
    ended_ = true;
    // ECHILD: somebody ignores SIGCHLD; the status is lost, which is a failure like any other.
    result_.status = reaped == pid_ ? ExitStatus::from_wait_status(status) : ExitStatus{255, {}};
    return true;
  }

  void wait_for_something(Duration at_most) {
    std::array<pollfd, 3> fds{};
    fds[0] = {out_ ? out_.get() : -1, POLLIN, 0};
    fds[1] = {err_ ? err_.get() : -1, POLLIN, 0};
    fds[2] = {!ended_ && pidfd_ ? pidfd_.get() : -1, POLLIN, 0};
    const Duration longest = limits_.stop != nullptr ? kLookAtStop
                             : ended_ || pidfd_      ? hours{1}
                                                     : kPollWithoutPidfd;
    const auto wait = std::clamp(at_most, Duration{0}, longest);
    if (::poll(fds.data(), fds.size(), static_cast<int>(wait.count())) <= 0) {
      return;
    }
    if (fds[0].revents != 0) {
      drain(out_, result_.out, result_.truncated, limits_.output_bytes);
    }
    if (fds[1].revents != 0) {
      drain(err_, result_.err, result_.truncated, limits_.output_bytes);
    }
  }

  pid_t pid_;
  Fd pidfd_; ///< none before Linux 5.3: then waitpid is polled
  Fd out_;
  Fd err_;
  RunLimits limits_;
  bool ended_ = false;
  CommandResult result_;
};

Result<Fd> stdin_from(const std::string& data) {
  Fd fd(data.empty() ? ::open("/dev/null", O_RDONLY | O_CLOEXEC)
                     : ::memfd_create("stdin", MFD_CLOEXEC));
  if (!fd) {
    return tl::unexpected<Error>(errno_error(errno, "cannot open", "standard input"));
  }
  for (std::size_t done = 0; done < data.size();) {
    const ssize_t count = ::write(fd.get(), data.data() + done, data.size() - done);
    if (count < 0) {
      return tl::unexpected<Error>(errno_error(errno, "cannot fill", "standard input"));
    }
    done += static_cast<std::size_t>(count);
  }
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

} // namespace

void keep_term_from_children() {
  term_kept_from_children = true;
}

Result<CommandResult> run_command(const Command& command, const RunLimits& limits) {
  auto out = make_pipe();
  auto err = make_pipe();
  auto in = stdin_from(command.stdin_data);
  if (!out || !err || !in) {
    return tl::unexpected<Error>(!out ? out.error() : !err ? err.error() : in.error());
  }
  FileActions actions;
  ::posix_spawn_file_actions_adddup2(actions.get(), in->get(), 0);
  ::posix_spawn_file_actions_adddup2(actions.get(), out->write_end.get(), 1);
  ::posix_spawn_file_actions_adddup2(actions.get(), err->write_end.get(), 2);
  ::posix_spawn_file_actions_addclosefrom_np(actions.get(), 3);
  if (!command.cwd.empty()) {
    ::posix_spawn_file_actions_addchdir_np(actions.get(), command.cwd.c_str());
  }
  const auto pid =
      start(command.argv, command.env ? &*command.env : nullptr, actions, Attributes(false));
  if (!pid) {
    return tl::unexpected<Error>(pid.error());
  }
  out->write_end.reset();
  err->write_end.reset();
  return Running(*pid, std::move(*out), std::move(*err), limits).finish();
}

Result<pid_t> spawn(const SpawnOptions& options) {
  FileActions actions;
  const auto open = [&](int fd, const std::string& path, int flags) {
    ::posix_spawn_file_actions_addopen(
        actions.get(), fd, path.empty() ? "/dev/null" : path.c_str(), flags, 0600);
  };
  open(0, options.stdin_path, O_RDONLY);
  open(1, options.stdout_path, O_WRONLY | O_APPEND | O_CREAT);
  if (options.stderr_path.empty()) {
    ::posix_spawn_file_actions_adddup2(actions.get(), 1, 2);
  } else {
    open(2, options.stderr_path, O_WRONLY | O_APPEND | O_CREAT);
  }
  if (options.pass_fd) {
    // dup2 onto itself takes FD_CLOEXEC away; all our other descriptors have it.
    ::posix_spawn_file_actions_adddup2(actions.get(), *options.pass_fd, *options.pass_fd);
  } else {
    ::posix_spawn_file_actions_addclosefrom_np(actions.get(), 3);
  }
  if (!options.cwd.empty()) {
    ::posix_spawn_file_actions_addchdir_np(actions.get(), options.cwd.c_str());
  }
  return start(options.argv, &options.env, actions, Attributes(options.new_session));
}

ExitStatus ExitStatus::from_wait_status(int wait_status) {
  ExitStatus status;
  if (WIFSIGNALED(wait_status)) {
    status.signal = WTERMSIG(wait_status);
  } else {
    status.code = WEXITSTATUS(wait_status);
  }
  return status;
}

std::string ExitStatus::describe() const {
  if (code) {
    return "exit status " + std::to_string(*code);
  }
  if (signal) {
    return "killed by signal " + std::to_string(*signal) + " (" + signal_name(*signal) + ")";
  }
  return "not ended";
}

} // namespace ckpt
