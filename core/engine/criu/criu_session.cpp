// The socket is read on the engine thread only. A dump that fails, is interrupted or is killed
// leaves the program running; only a complete one leaves a folder of images.

#include "core/engine/criu/criu_session.hpp"

#include "core/base/clock.hpp"
#include "core/base/strings.hpp"
#include "core/engine/criu/open_files.hpp"
#include "core/engine/dmtcp/processes.hpp"
#include "core/engine/evidence.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>

namespace ckpt::engine::criu {
namespace {

constexpr Duration kTick = milliseconds{200};

} // namespace

CriuSession::CriuSession(SessionPlan plan, ProcessInfo outer, Fd control, Fd interrupted)
    : plan_(std::move(plan)), outer_(std::move(outer)), control_(std::move(control)),
      interrupted_(std::move(interrupted)) {}

Result<std::unique_ptr<CriuSession>>
CriuSession::start(const SessionPlan& plan,
                   const std::map<std::string, std::string>& env,
                   const std::string& mode,
                   const std::vector<std::string>& target) {
  auto channel = make_channel();
  if (!channel) {
    return tl::unexpected(channel.error());
  }
  SpawnOptions options;
  options.argv = {plan.runner,
                  "--ns-init",
                  std::to_string(channel->second.get()),
                  mode,
                  plan.criu,
                  plan.work_dir.string()};
  options.argv.insert(options.argv.end(), target.begin(), target.end());
  options.env = env;
  options.stdout_path = (plan.work_dir / "ns-init.log").string();
  options.new_session = true;
  options.pass_fd = channel->second.get();
  const auto pid = spawn(options);
  if (!pid) {
    return tl::unexpected(pid.error());
  }
  Fd interrupted(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  return std::unique_ptr<CriuSession>(new CriuSession(
      plan, dmtcp::process_or_pid(*pid), std::move(channel->first), std::move(interrupted)));
}

Tree CriuSession::tree() const {
  return look_below(outer_.pid, helper_in_namespace_);
}

std::vector<ProcessInfo> CriuSession::program_processes() const {
  return tree().program;
}

void CriuSession::note(const Message& message) const {
  const int value = message.arguments.empty() ? 0 : std::atoi(message.arguments.front().c_str());
  if (message.word == "helper") {
    helper_in_namespace_ = value;
  } else if (message.word == "dumped" || message.word == "started") {
    helper_in_namespace_ = 0;
  } else if (message.word == "ended") {
    end_status_ = value;
    ended_ = true;
  }
}

Result<std::optional<Message>> CriuSession::next(Duration tick) {
  std::array<pollfd, 2> fds{{{control_.get(), POLLIN, 0}, {interrupted_.get(), POLLIN, 0}}};
  ::poll(fds.data(), fds.size(), static_cast<int>(tick.count()));
  std::uint64_t count = 0;
  if (fds[1].revents != 0 && ::read(interrupted_.get(), &count, sizeof(count)) > 0) {
    return failed("interrupted", "interrupted by the runner");
  }
  auto message = receive_message(control_.get());
  if (message && *message) {
    note(**message);
  }
  return message;
}

Status CriuSession::await_start(const LaunchRequest& request, std::optional<Duration> stall) {
  const bool restore = stall.has_value();
  // A large image that makes progress may take its time; a launch too, but not as long.
  constexpr int kRestartPatience = 60;
  constexpr int kLaunchPatience = 10;
  const auto deadline = now() + (restore ? std::max(request.timeout, kRestartPatience * *stall)
                                         : kLaunchPatience * request.timeout);
  Progress progress(stall.value_or(request.timeout));
  for (;;) {
    auto message = next(kTick);
    if (!message) {
      return tl::unexpected(message.error());
    }
    if (*message && (*message)->word == "started") {
      init_ = tree().init;
      root_in_namespace_ = std::atoi((*message)->arguments.at(0).c_str());
      return {};
    }
    if (*message && (*message)->word == "failed") {
      const auto& words = (*message)->arguments;
      return fail(words.at(0) == "engine_unusable" ? ErrorClass::unusable : ErrorClass::failed,
                  words.at(0),
                  words.at(1),
                  words.at(2));
    }
    const std::vector<ProcessInfo> all = process_tree(outer_.pid);
    // CPU time is no progress: a damaged image makes the restore spin.
    if (progress.stalled(dmtcp::work_of(all).bytes + all.size())) {
      return stalled(restore ? "restart_stalled" : "launch_timed_out",
                     (restore ? "criu restore made no progress for "
                              : "the program did not start, without progress for ") +
                         format_duration(stall.value_or(request.timeout)),
                     plan_.work_dir / (restore ? "restore.log" : "ns-init.log"));
    }
    if (now() >= deadline) {
      return stalled(restore ? "restart_timed_out" : "launch_timed_out",
                     "the program did not run in time",
                     plan_.work_dir / (restore ? "restore.log" : "ns-init.log"));
    }
    if (request.give_up && request.give_up()) {
      return failed("interrupted", "interrupted by the runner");
    }
  }
}

void CriuSession::wake_stopped() const {
  for (const ProcessInfo& process : tree().program) {
    if (is_stopped(process)) {
      signal_process(process, SIGCONT);
    }
  }
}

// Everything below the runner's child: criu itself may be what hangs.
tl::unexpected<Error>
CriuSession::stalled(const std::string& code, const std::string& why, const Path& log) const {
  const auto all = [this] { return process_tree(outer_.pid); };
  const Tree parts = tree();
  const std::string stands = describe_stall(parts.helpers.empty() ? parts.program : parts.helpers);
  const Path file = plan_.work_dir / (code + ".txt");
  keep_evidence(file, why, all, {log, plan_.work_dir / "ns-init.log"});
  return fail(ErrorClass::timed_out,
              code,
              why + (stands.empty() ? "" : "; " + stands),
              "see " + file.string() + " and " + log.string(),
              Outcome::retryable);
}

void CriuSession::abandon() {
  static_cast<void>(kill(seconds{10}));
  ::waitpid(outer_.pid, nullptr, 0);
}

std::optional<ExitStatus> CriuSession::program_status(const ExitStatus&) const {
  // The socket keeps what the init said last.
  for (auto message = receive_message(control_.get()); message && *message;
       message = receive_message(control_.get())) {
    note(**message);
  }
  if (!ended_) {
    return std::nullopt;
  }
  return ExitStatus::from_wait_status(end_status_);
}

Status CriuSession::health() {
  if (auto sent = send_message(control_.get(), {"ping", {}}); !sent) {
    return sent;
  }
  const auto deadline = now() + seconds{1};
  while (now() < deadline) {
    const auto message = next(milliseconds{100});
    if (!message) {
      return tl::unexpected(message.error());
    }
    if (*message && (*message)->word == "pong") {
      return {};
    }
  }
  return failed("engine_dead", "CRIU's namespace init does not answer");
}

Status CriuSession::signal_program(int signal) {
  for (const ProcessInfo& process : tree().program) {
    if (inner_pid(process.pid) != root_in_namespace_) {
      continue;
    }
    // It leads its own session and group, unless it gave the lead away.
    if (::kill(-process.pid, signal) == 0 || signal_process(process, signal)) {
      return {};
    }
  }
  return failed("program_gone", "the program has ended", {}, Outcome::permanent);
}

Status CriuSession::kill(Duration patience) {
  const auto deadline = now() + patience;
  do {
    // The end of a namespace's init is the end of everything inside; the outer process follows it.
    const std::optional<ProcessInfo> init = init_ ? init_ : tree().init;
    const bool inside = init && dmtcp::is_live(*init);
    if (!inside && !dmtcp::is_live(outer_)) {
      return {};
    }
    signal_process(inside ? *init : outer_, SIGKILL);
    system_clock().sleep_for(milliseconds{2});
  } while (now() < deadline);
  return failed("still_running",
                "processes of the program are still there after SIGKILL",
                "the node's filesystem may hang");
}

void CriuSession::interrupt() {
  const std::uint64_t one = 1;
  if (::write(interrupted_.get(), &one, sizeof(one)) < 0) {
    return; // the counter is full: it is interrupted already
  }
}

} // namespace ckpt::engine::criu
