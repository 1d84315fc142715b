#include "runner/event_loop.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace ckpt::runner {
namespace {

void signal_event(const Fd& fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(fd.get(), &one, sizeof one);
}

void clear_event(const Fd& fd) {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd.get(), &count, sizeof count);
}

} // namespace

EventLoop::EventLoop() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGURG, SIGCHLD, SIGPIPE}) {
    ::sigaddset(&signals, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signals_.reset(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  // Orphans of the program come to us: that is how its whole tree stays visible.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

void EventLoop::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
  }
  signal_event(wake_);
}

std::vector<std::function<void()>> EventLoop::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(posted_, {});
}

std::vector<int> EventLoop::wait(Duration at_most) {
  std::array<pollfd, 2> fds{};
  fds[0] = {signals_.get(), POLLIN, 0};
  fds[1] = {wake_.get(), POLLIN, 0};
  const auto timeout = std::clamp<Duration>(at_most, Duration{0}, minutes{1});
  ::poll(fds.data(), fds.size(), static_cast<int>(timeout.count()));
  std::vector<int> arrived;
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    const int signal = static_cast<int>(info.ssi_signo);
    if (std::find(arrived.begin(), arrived.end(), signal) == arrived.end()) {
      arrived.push_back(signal);
    }
  }
  clear_event(wake_);
  for (const auto& task : take()) {
    task();
  }
  return arrived;
}

Worker::Worker(EventLoop& event_loop, bool low_priority)
    : loop_(event_loop), wake_(::eventfd(0, EFD_CLOEXEC)),
      thread_([this, low_priority] { loop(low_priority); }) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  signal_event(wake_);
  thread_.join();
}

bool Worker::idle() const {
  const std::lock_guard lock(mutex_);
  return tasks_.empty() && !busy_;
}

void Worker::enqueue(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  signal_event(wake_);
}

void Worker::loop(bool low_priority) {
  if (low_priority) {
    // Of this thread alone: on Linux nice is per thread. I/O priority: class idle (3), see
    // ioprio_set(2).
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 19);
    constexpr int kIoprioWhoProcess = 1;
    constexpr int kIoprioClassIdle = 3 << 13;
    ::syscall(SYS_ioprio_set, kIoprioWhoProcess, 0, kIoprioClassIdle);
  }
  while (true) {
    clear_event(wake_);
    while (true) {
      std::function<void()> task;
      {
        const std::lock_guard lock(mutex_);
        busy_ = false;
        if (stop_) {
          return;
        }
        if (tasks_.empty()) {
          break;
        }
        task = std::move(tasks_.front());
        tasks_.erase(tasks_.begin());
        busy_ = true;
      }
      task();
    }
  }
}

} // namespace ckpt::runner
