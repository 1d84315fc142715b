// Invariants: nothing is started that could do only a part of what was asked for; what stays in
// memory while tasks run are plain descriptors and child processes, which every engine carries.
#include "runner/srun.hpp"

#include "core/base/process.hpp"
#include "core/base/strings.hpp"
#include "runner/srun_tasks.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace ckpt::runner {
namespace {

constexpr int kMostTasks = 4096;
constexpr int kWrongUsage = 255;
constexpr std::array kPassedOn{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
constexpr int kPatienceSeconds = 30; // between TERM and KILL of --kill-on-bad-exit

std::array<volatile pid_t, kMostTasks> g_tasks; // for the signal handler alone

void pass_on(int signal) {
  const int saved = errno;
  for (const volatile pid_t& task : g_tasks) {
    if (const pid_t pid = task; pid > 0) {
      ::kill(pid, signal);
    }
  }
  errno = saved;
}

int complain(const Error& error) {
  const bool named = error.message.starts_with("srun: ");
  std::fprintf(stderr, "srun: error: %s\n", error.message.c_str() + (named ? 6 : 0));
  if (!error.advice.empty()) {
    std::fprintf(stderr, "srun: error: %s\n", error.advice.c_str());
  }
  return error.cls == ErrorClass::usage ? kWrongUsage : 1;
}

int number_of(const std::map<std::string, std::string>& env, const char* name, int otherwise) {
  const auto found = env.find(name);
  int value = otherwise;
  if (found != env.end()) {
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  }
  return value;
}

int cpus_of(const Step& step) {
  int each = 1;
  if (const auto text = step.call.value("cpus-per-task")) {
    std::from_chars(text->data(), text->data() + text->size(), each);
  }
  return static_cast<int>(std::min<std::int64_t>(std::int64_t{step.tasks} * each, INT32_MAX));
}

/// Steps of a job are numbered; a byte appended to a file is a number that nobody else gets.
std::string next_step(const std::map<std::string, std::string>& env) {
  const auto file = env.find("CKPT_STEPS");
  if (file == env.end()) {
    return "0";
  }
  const Fd fd(::open(file->second.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!fd || ::write(fd.get(), ".", 1) != 1) {
    return "0";
  }
  return std::to_string(::lseek(fd.get(), 0, SEEK_CUR) - 1);
}

std::string program_path(const Step& step) {
  const std::string& name = step.argv.front();
  if (name.find('/') != std::string::npos) {
    return name;
  }
  const auto path = step.env.find("PATH");
  for (const std::string& folder : split(path == step.env.end() ? "" : path->second, ':')) {
    std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return name;
}

Status check(const Step& step) {
  const int cpus = number_of(step.env, "SLURM_CPUS_ON_NODE", 0);
  if (cpus > 0 && cpus_of(step) > cpus && !step.call.value("overcommit")) {
    return fail(ErrorClass::refused,
                "too_many_tasks",
                "Unable to create step: More processors requested than permitted (" +
                    std::to_string(step.tasks) + " tasks, " + std::to_string(cpus) + " CPUs)");
  }
  if (step.tasks > kMostTasks) {
    return fail(ErrorClass::refused, "too_many_tasks", "more than 4096 tasks");
  }
  const std::string mpi = step.tasks > 1 ? mpi_library_of(program_path(step)) : "";
  if (!mpi.empty()) {
    return fail(ErrorClass::refused,
                "srun_refused",
                step.argv.front() + " is an MPI program (" + mpi + "): its " +
                    std::to_string(step.tasks) + " tasks would not find each other",
                "parallel jobs with MPI are not carried yet");
  }
  return {};
}

/// This process becomes the task.
[[noreturn]] void become(const Step& step, int task, int out, int err) {
  if (const auto done = redirect_streams(step, task, out, err); !done) {
    ::_exit(complain(done.error()));
  }
  auto env = environment_of_task(step, task);
  env["SLURM_TASK_PID"] = std::to_string(::getpid());
  std::vector<std::string> entries;
  entries.reserve(env.size());
  for (const auto& [name, value] : env) {
    entries.push_back(name + "=" + value);
  }
  const auto pointers = [](std::vector<std::string>& words) {
    std::vector<char*> list;
    for (std::string& word : words) {
      list.push_back(word.data());
    }
    list.push_back(nullptr);
    return list;
  };
  std::vector<std::string> argv = step.argv;
  ::execvpe(argv.front().c_str(), pointers(argv).data(), pointers(entries).data());
  const int error = errno;
  std::fprintf(
      stderr, "srun: error: execve(): %s: %s\n", argv.front().c_str(), std::strerror(error));
  std::fprintf(stderr,
               "srun: error: %s: task %d: Exited with exit code %d\n",
               step.node.c_str(),
               task,
               error);
  ::_exit(error);
}

/// One stream of one task on its way to ours, a whole line at a time, with the task's number.
struct Labelled {
  int from = -1;
  int to = -1;
  std::string label;
  std::string line;

  void write_lines(bool all) {
    std::string text;
    for (std::size_t end = 0; (end = line.find('\n')) != std::string::npos;) {
      text += label + line.substr(0, end + 1);
      line.erase(0, end + 1);
    }
    if (all && !line.empty()) {
      text += label + line + "\n";
      line.clear();
    }
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t count = ::write(to, text.data() + done, text.size() - done);
      if (count < 0 && errno != EINTR) {
        return;
      }
      done += count < 0 ? 0 : static_cast<std::size_t>(count);
    }
  }

  /// False at its end.
  bool read_some() {
    std::array<char, 65536> part{};
    const ssize_t count = ::read(from, part.data(), part.size());
    if (count < 0 && errno == EINTR) {
      return true;
    }
    line.append(part.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
    write_lines(count <= 0);
    if (count <= 0) {
      ::close(from);
      from = -1;
    }
    return count > 0;
  }
};

class Tasks {
public:
  explicit Tasks(const Step& step) : step_(step) {
    const std::string kill = step.call.value("kill-on-bad-exit").value_or("0");
    kill_all_ = kill != "0" || (!step.call.value("kill-on-bad-exit") &&
                                number_of(step.env, "SLURM_KILL_BAD_EXIT", 0) != 0);
    label_ = step.call.value("label").has_value();
    quiet_ = step.call.value("quiet").has_value();
  }

  int run() {
    // DMTCP keeps SIGUSR2 to itself, and says so where the tasks write.
    const auto dmtcp = step_.env.lower_bound("DMTCP_");
    const bool carried_by_dmtcp = dmtcp != step_.env.end() && dmtcp->first.starts_with("DMTCP_");
    struct sigaction action {};
    action.sa_handler = pass_on;
    action.sa_flags = SA_RESTART;
    for (const int signal : kPassedOn) {
      struct sigaction before {};
      if (signal == SIGUSR2 && carried_by_dmtcp) {
        continue;
      }
      if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) {
        ::sigaction(signal, &action, nullptr);
      }
    }
    for (int task = 0; task < step_.tasks; ++task) {
      start(task);
    }
    while (left_ > 0) {
      if (label_) {
        pump(100);
        reap(WNOHANG);
      } else {
        reap(0);
      }
    }
    while (pump(0)) {
    }
    for (Labelled& stream : streams_) {
      stream.write_lines(true);
    }
    return status_;
  }

private:
  void start(int task) {
    std::array<int, 2> out{-1, -1};
    std::array<int, 2> err{-1, -1};
    if (label_ && (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0)) {
      std::fprintf(stderr, "srun: error: no pipe: %s\n", std::strerror(errno));
      status_ = std::max(status_, 1);
      return;
    }
    (void)std::fflush(nullptr);
    // A task that still has our handler would swallow a signal that is meant to end it.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &before);
    const pid_t pid = ::fork();
    if (pid == 0) {
      for (const int signal : kPassedOn) {
        struct sigaction now {};
        if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == pass_on) {
          std::signal(signal, SIG_DFL);
        }
      }
      ::sigprocmask(SIG_SETMASK, &before, nullptr);
      become(step_, task, out[1], err[1]);
    }
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    for (const int fd : {out[1], err[1]}) {
      if (fd >= 0) {
        ::close(fd);
      }
    }
    if (pid < 0) {
      std::fprintf(stderr, "srun: error: task %d: %s\n", task, std::strerror(errno));
      status_ = std::max(status_, 1);
    } else {
      g_tasks.at(static_cast<std::size_t>(task)) = pid;
      ++left_;
    }
    if (label_) {
      const std::size_t width = std::to_string(step_.tasks - 1).size();
      std::string number = std::to_string(task);
      number.insert(0, width - number.size(), '0');
      streams_.push_back({out[0], STDOUT_FILENO, number + ": ", {}});
      streams_.push_back({err[0], STDERR_FILENO, number + ": ", {}});
    }
  }

  /// True while something came.
  bool pump(int milliseconds) {
    std::vector<pollfd> polled;
    for (const Labelled& stream : streams_) {
      if (stream.from >= 0) {
        polled.push_back({stream.from, POLLIN, 0});
      }
    }
    if (::poll(polled.data(), polled.size(), milliseconds) <= 0) {
      return false;
    }
    bool some = false;
    for (const pollfd& one : polled) {
      for (Labelled& stream : streams_) {
        if (one.revents != 0 && stream.from == one.fd) {
          some = stream.read_some() || some;
        }
      }
    }
    return some;
  }

  void reap(int flags) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, flags);
    if (pid < 0 && errno == ECHILD) {
      left_ = 0;
    }
    const auto found = std::find(g_tasks.begin(), g_tasks.end(), pid);
    if (pid <= 0 || found == g_tasks.end() || (!WIFEXITED(status) && !WIFSIGNALED(status))) {
      return;
    }
    *found = 0;
    --left_;
    const auto task = static_cast<int>(found - g_tasks.begin());
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    status_ = std::max(status_, code);
    if (code == 0) {
      return;
    }
    if (!quiet_) {
      const std::string how = WIFEXITED(status) ? "Exited with exit code " + std::to_string(code)
                                                : ::strsignal(WTERMSIG(status));
      std::fprintf(stderr, "srun: error: %s: task %d: %s\n", step_.node.c_str(), task, how.c_str());
    }
    if (kill_all_ && left_ > 0) {
      kill_all_ = false;
      std::fprintf(stderr, "srun: Terminating the other tasks (--kill-on-bad-exit)\n");
      pass_on(SIGTERM);
      std::signal(SIGALRM, [](int) { pass_on(SIGKILL); });
      ::alarm(kPatienceSeconds);
    }
  }

  const Step& step_;
  bool kill_all_ = false;
  bool label_ = false;
  bool quiet_ = false;
  int left_ = 0;
  int status_ = 0;
  std::vector<Labelled> streams_;
};

} // namespace

int run_srun(const std::vector<std::string>& argv, const std::map<std::string, std::string>& env) {
  const std::vector<std::string> words(argv.begin() + 1, argv.end());
  Step step;
  step.env = env;
  const auto call = script::parse_srun(words);
  if (!call) {
    return complain(call.error());
  }
  step.call = *call;
  step.argv.assign(words.begin() + static_cast<std::ptrdiff_t>(call->command), words.end());
  if (step.argv.empty()) {
    std::fprintf(stderr, "srun: fatal: No command given to execute.\n");
    return 1;
  }
  const auto tasks = script::tasks_of(*call, env);
  if (!tasks) {
    return complain(tasks.error());
  }
  step.tasks = *tasks;
  const auto node = env.find("SLURMD_NODENAME");
  step.node = node == env.end() ? host_name() : node->second;
  if (const auto folder = call->value("chdir"); folder && ::chdir(folder->c_str()) != 0) {
    return complain(errno_error(errno, "cannot enter", *folder));
  }
  if (const auto fine = check(step); !fine) {
    return complain(fine.error());
  }
  step.id = next_step(env);
  if (const auto fine = prepare_files(step); !fine) {
    return complain(fine.error());
  }
  if (step.tasks == 1 && !call->value("label")) {
    become(step, 0, -1, -1);
  }
  return Tasks(step).run();
}

} // namespace ckpt::runner
