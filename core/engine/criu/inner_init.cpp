// Two processes. The outer one is the runner's child and ends as the program did; the inner one is
// pid 1 of the namespace: its end is the end of everything inside, and it ends when the runner does
// (end of the socket) or the outer one (PDEATHSIG). It never waits for anything but events, so that
// `abort` always gets through. Until a restore is over, nothing may take a pid above the first few:
// the program's own pids, all above kLastPidBeforeProgram, must be free.

#include "core/engine/criu/inner_init.hpp"

#include "core/base/process.hpp"
#include "core/base/strings.hpp"
#include "core/engine/criu/channel.hpp"
#include "core/engine/criu/namespaces.hpp"
#include "core/engine/stub.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>

extern char** environ;

namespace ckpt::engine::criu {
namespace {

constexpr int kLastPidBeforeProgram = 700;
constexpr int kFirstReplacedFd = 100;
constexpr int kPatienceForLeftOversMs = 2000;

void tell(int control, const Message& message) {
  if (!send_message(control, message)) {
    ::_exit(kTrouble); // the runner is gone: so is the reason to be
  }
}

void open_replaced(const InitPlan& plan) {
  for (std::size_t i = 0; i < plan.replaced.size(); ++i) {
    const int fd =
        ::open(plan.replaced[i].second.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY, 0666);
    if (fd >= 0) {
      ::dup2(fd, kFirstReplacedFd + static_cast<int>(i));
      ::close(fd);
    }
  }
}

// CRIU is not the program: what the program's libraries need must not get into it.
void set_environment(const InitPlan& plan) {
  std::vector<std::string> loader;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view view(*entry);
    if (view.starts_with("LD_") || view.starts_with("CRIU_")) {
      loader.emplace_back(view.substr(0, view.find('=')));
    }
  }
  for (const std::string& name : loader) {
    ::unsetenv(name.c_str());
  }
  ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  ::setenv("XDG_RUNTIME_DIR", plan.work_dir.c_str(), 1); // where it caches what the kernel can
}

class NamespaceInit {
public:
  explicit NamespaceInit(InitPlan plan, int status_fd)
      : plan_(std::move(plan)), status_fd_(status_fd) {}

  [[noreturn]] void run() {
    set_up();
    if (plan_.restore) {
      start_restore();
    } else {
      start_program();
    }
    for (;;) {
      std::array<pollfd, 3> fds{{{plan_.control, POLLIN, 0},
                                 {signals_.get(), POLLIN, 0},
                                 {from_script_.get(), POLLIN, 0}}};
      if (::poll(fds.data(), fds.size(), -1) < 0) {
        continue;
      }
      if (fds[2].revents != 0 && drain(from_script_) > 0) {
        tell(plan_.control, {"frozen", {}});
      }
      if (fds[1].revents != 0) {
        drain(signals_);
        reap();
      }
      if (fds[0].revents != 0) {
        obey();
      }
    }
  }

private:
  std::string in_work_dir(const char* name) const { return plan_.work_dir + "/" + name; }

  [[noreturn]] void give_up(const std::string& code, const std::string& message) {
    tell(plan_.control, {"failed", {code, message, {}}});
    ::_exit(kTrouble);
  }

  void set_up() {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::fcntl(plan_.control, F_SETFD, FD_CLOEXEC);
    if (const auto mounted = mount_proc(); !mounted) {
      const Error& error = mounted.error();
      tell_failure(plan_.control, error.code, error.message, error.advice);
      ::_exit(kTrouble);
    }
    sigset_t child_signal;
    ::sigemptyset(&child_signal);
    ::sigaddset(&child_signal, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child_signal, nullptr);
    signals_.reset(::signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK));
    from_script_ = open_fifo("criu-hook.out");
    to_script_ = open_fifo("criu-hook.in");
    const std::string script =
        action_script(in_work_dir("criu-hook.out"), in_work_dir("criu-hook.in"));
    if (!write_file_atomically(in_work_dir("criu-hook"), script, 0700)) {
      give_up("launch_failed", "cannot write into " + plan_.work_dir);
    }
  }

  // Open for both, so that neither side waits for the other or sees an end.
  Fd open_fifo(const char* name) {
    const std::string path = in_work_dir(name);
    ::unlink(path.c_str());
    Fd fd;
    if (::mkfifo(path.c_str(), 0600) == 0) {
      fd.reset(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    }
    if (!fd) {
      give_up("launch_failed", "cannot make a FIFO at " + path + ": " + std::strerror(errno));
    }
    return fd;
  }

  static ssize_t drain(const Fd& fd) {
    std::array<char, 4096> buffer{};
    ssize_t sum = 0;
    for (ssize_t count = 1; count > 0;) {
      count = ::read(fd.get(), buffer.data(), buffer.size());
      sum += std::max<ssize_t>(count, 0);
    }
    return sum;
  }

  void start_program() {
    if (!set_last_pid(kLastPidBeforeProgram)) {
      give_up("engine_unusable", "cannot set ns_last_pid in the namespace");
    }
    std::array<int, 2> done{};
    if (::pipe2(done.data(), O_CLOEXEC) != 0) {
      give_up("launch_failed", "no pipe");
    }
    Fd read_end(done[0]);
    Fd write_end(done[1]);
    root_ = ::fork();
    if (root_ == 0) {
      // An ordinary user's exec drops the namespace's capabilities: none is inheritable here.
      ::_exit(run_stub(plan_.target));
    }
    write_end.reset();
    char byte = 0;
    while (::read(read_end.get(), &byte, 1) < 0 && errno == EINTR) {
    }
    if (const auto why = read_file(plan_.target + ".failed", 4096)) {
      give_up("launch_failed", std::string(trim(*why)));
    }
    tell(plan_.control, {"started", {std::to_string(root_)}});
  }

  void start_restore() {
    RestorePlan restore{.criu = plan_.criu,
                        .images = plan_.target,
                        .work_dir = plan_.work_dir,
                        .log = in_work_dir("restore.log"),
                        .pid_file = in_work_dir("restore.pid"),
                        .unprivileged = plan_.user_namespace,
                        .replaced = {}};
    ::unlink(restore.pid_file.c_str());
    for (std::size_t i = 0; i < plan_.replaced.size(); ++i) {
      restore.replaced.emplace_back(kFirstReplacedFd + static_cast<int>(i),
                                    plan_.replaced[i].first);
    }
    start_criu(restore_command(restore), false);
  }

  void start_dump(const Message& order) {
    drain(from_script_);
    drain(to_script_);
    const DumpPlan dump{.criu = plan_.criu,
                        .pid = root_,
                        .images = order.arguments.at(0),
                        .work_dir = plan_.work_dir,
                        .log = order.arguments.at(1),
                        .script = in_work_dir("criu-hook"),
                        .unprivileged = plan_.user_namespace};
    // Slurm's TERM reaches every process of the job: the last checkpoint must survive it.
    start_criu(dump_command(dump), true);
  }

  void start_criu(const std::vector<std::string>& argv, bool ignore_term) {
    criu_ = ::fork();
    if (criu_ != 0) {
      tell(plan_.control, {"helper", {std::to_string(criu_)}});
      return;
    }
    ::setpgid(0, 0);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    std::signal(SIGTERM, ignore_term ? SIG_IGN : SIG_DFL);
    if (plan_.restore && root_ == 0) {
      open_replaced(plan_);
    }
    set_environment(plan_);
    if (plan_.user_namespace && !keep_capabilities_over_exec()) {
      ::_exit(kTrouble);
    }
    std::vector<char*> words;
    for (const std::string& word : argv) {
      words.push_back(const_cast<char*>(word.c_str()));
    }
    words.push_back(nullptr);
    ::execv(words[0], words.data());
    ::_exit(127);
  }

  void obey() {
    const auto message = receive_message(plan_.control);
    if (!message) {
      ::_exit(kTrouble); // the runner has ended
    }
    if (!*message) {
      return;
    }
    const std::string& word = (*message)->word;
    if (word == "ping") {
      tell(plan_.control, {"pong", {}});
    } else if (word == "dump" && (*message)->arguments.size() == 2 && criu_ == 0) {
      start_dump(**message);
    } else if (word == "go" || word == "stop") {
      const std::string line = word + "\n";
      if (::write(to_script_.get(), line.data(), line.size()) < 0) {
        kill_criu();
      }
    } else if (word == "abort") {
      kill_criu();
    }
  }

  void kill_criu() const {
    if (criu_ > 0) {
      ::kill(-criu_, SIGKILL);
      ::kill(criu_, SIGKILL);
    }
  }

  void reap() {
    int status = 0;
    pid_t pid = 0;
    while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
      if (pid == criu_) {
        criu_ended(status);
      } else if (pid == root_) {
        program_ended(status);
      } else if (root_ == 0) {
        early_[pid] = status; // a restored program can end before its restorer
      }
    }
  }

  void criu_ended(int status) {
    ::kill(-criu_, SIGKILL); // the script, should it still wait
    criu_ = 0;
    const std::string code = std::to_string(ExitStatus::from_wait_status(status).shell_status());
    if (!plan_.restore || root_ != 0) {
      tell(plan_.control, {"dumped", {code}});
      return;
    }
    const auto text = read_file(in_work_dir("restore.pid"), 64);
    const int pid = text ? std::atoi(text->c_str()) : 0;
    if (status != 0 || pid <= 0) {
      give_up("restart_failed", code);
    }
    root_ = pid;
    set_last_pid(kLastPidBeforeProgram);
    tell(plan_.control, {"started", {std::to_string(root_)}});
    if (const auto found = early_.find(root_); found != early_.end()) {
      program_ended(found->second);
    }
  }

  [[noreturn]] void program_ended(int status) {
    kill_criu();
    // What it left running (a `tee` behind its output) may finish; then the namespace goes.
    for (int waited = 0; waited < kPatienceForLeftOversMs; waited += 10) {
      const pid_t pid = ::waitpid(-1, nullptr, WNOHANG);
      if (pid < 0) {
        break;
      }
      if (pid == 0) {
        ::poll(nullptr, 0, 10);
      }
    }
    tell(plan_.control, {"ended", {std::to_string(status)}});
    if (::write(status_fd_, &status, sizeof(status)) < 0) {
      ::_exit(kTrouble);
    }
    ::_exit(0);
  }

  InitPlan plan_;
  int status_fd_;
  Fd signals_;
  Fd from_script_;
  Fd to_script_;
  pid_t root_ = 0;
  pid_t criu_ = 0;
  std::map<pid_t, int> early_;
};

} // namespace

void run_inner_init(const InitPlan& plan, int status_fd) {
  NamespaceInit(plan, status_fd).run();
}

void tell_failure(int control,
                  const std::string& code,
                  const std::string& text,
                  const std::string& advice) {
  tell(control, {"failed", {code, text, advice}});
}

} // namespace ckpt::engine::criu
