// Every question to a coordinator has a time-out: one connection that says nothing blocks it, and a
// stranger on its port would block us.

#include "core/engine/dmtcp/coordinator.hpp"

#include "core/base/clock.hpp"
#include "core/base/log.hpp"
#include "core/base/strings.hpp"
#include "core/engine/dmtcp/commands.hpp"
#include "core/engine/dmtcp/door.hpp"
#include "core/engine/dmtcp/guard.hpp"
#include "core/engine/dmtcp/processes.hpp"
#include "core/engine/start_stub.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <limits>
#include <thread>

namespace ckpt::engine::dmtcp {
namespace {

constexpr seconds kStartTimeout{20};
constexpr std::size_t kLastWords = std::size_t{64} << 10U;
constexpr int kToldForGood = std::numeric_limits<int>::max();
constexpr milliseconds kConnectAgain{1100}; // the kernel's first retry comes after a second

std::optional<int> read_port(const Path& file) {
  const auto text = read_file(file, 64);
  if (!text) {
    return std::nullopt;
  }
  const std::string_view digits = trim(*text);
  int port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool whole = error == std::errc{} && end == digits.data() + digits.size();
  return whole && port > 0 ? std::optional(port) : std::nullopt;
}

// Local, and the program's own choice where it has one: DMTCP maps files there.
Path temporary_base(const std::map<std::string, std::string>& env) {
  const auto found = env.find("TMPDIR");
  std::error_code ignored;
  return found != env.end() && std::filesystem::is_directory(found->second, ignored)
             ? Path(found->second)
             : Path("/tmp");
}

/// Where a library can be loaded from: the node's own /tmp, or the store where that is `noexec`.
Path guard_folder(const Path& tmp_dir, const Path& work_dir) {
  struct statvfs info {};
  const bool forbidden = ::statvfs(tmp_dir.c_str(), &info) == 0 && (info.f_flag & ST_NOEXEC) != 0;
  return forbidden ? work_dir : tmp_dir;
}

tl::unexpected<Error> failed_to_start(const std::string& why, const Path& log) {
  return fail(ErrorClass::failed,
              "launch_failed",
              "DMTCP's coordinator did not start: " + why,
              "see " + log.string(),
              Outcome::retryable);
}

} // namespace

Result<Coordinator> Coordinator::start(const CoordinatorSetup& setup) {
  auto listener = listen_on_loopback();
  if (!listener) {
    return tl::unexpected(listener.error());
  }
  const Path log = setup.work_dir / "coordinator.log";
  // An ending coordinator removes its port file's path, whoever wrote it last: never used twice.
  const Path port_file = setup.work_dir / ("coordinator-" + random_hex(4) + ".port");
  const Path plan_file = setup.work_dir / "coordinator.plan";
  Coordinator coordinator;
  coordinator.tmp_dir_ = temporary_base(setup.env) / ("ckpt-dmtcp-" + random_hex(6));
  if (auto made = make_directory_exclusively(coordinator.tmp_dir_); !made) {
    return tl::unexpected(made.error());
  }
  StubPlan plan;
  plan.argv = coordinator_command(setup.install, port_file, setup.images_dir, coordinator.tmp_dir_);
  plan.env = clean_environment(setup.env);
  plan.env["DMTCP_TMPDIR"] = coordinator.tmp_dir_.string(); // it reads --tmpdir and forgets it
  plan.cwd = setup.work_dir.string();
  plan.umask = 077;
  plan.stderr_path = log.string(); // its standard output is a prompt, once an event: /dev/null
  plan.death_signal = SIGKILL;
  plan.ignore_term =
      true; // Slurm sends TERM to everything of the job, and its death is the program's
  plan.ignore_pipe = true; // it writes to processes that may just have ended, and 4.2.0 dies of it
  plan.parent_pid = ::getpid();
  plan.inherit_fd = listener->fd.get();
  plan.inherit_as = kListenerFd;
  const auto own_env = plan.env; // the guard is for the coordinator, not for our questions to it
  if (auto posted = post_guard(guard_folder(coordinator.tmp_dir_, setup.work_dir), plan.env);
      !posted) {
    log::warning(posted.error().message);
  }
  const auto pid = start_stub(setup.runner, plan, plan_file, log, listener->fd.get());
  if (!pid) {
    coordinator.end();
    return tl::unexpected(pid.error());
  }
  coordinator.install_ = setup.install;
  coordinator.log_ = log;
  coordinator.env_ = own_env;
  coordinator.process_ = process_or_pid(*pid);
  if (auto ready = coordinator.await_port(setup, port_file); !ready) {
    const auto reason = stub_failure(plan_file);
    coordinator.end();
    return reason ? failed_to_start(*reason, log) : tl::unexpected(ready.error());
  }
  coordinator.loopback_only_ = coordinator.port_ == listener->port;
  if (coordinator.loopback_only_) {
    coordinator.listener_ = std::move(listener->fd);
  } else {
    log::warning(
        "DMTCP's coordinator did not take the loopback socket that it was given: its port " +
        std::to_string(coordinator.port_) + " can be reached from other machines");
  }
  return coordinator;
}

Status Coordinator::await_port(const CoordinatorSetup& setup, const Path& port_file) {
  const Path log = setup.work_dir / "coordinator.log";
  const auto end = std::chrono::steady_clock::now() + kStartTimeout;
  while (std::chrono::steady_clock::now() < end) {
    if (const auto port = read_port(port_file)) {
      port_ = *port;
      return {};
    }
    if (const auto status = peek_exit(process_.pid)) {
      return failed_to_start(status->describe(), log);
    }
    if (setup.give_up && setup.give_up()) {
      return fail(ErrorClass::failed, "interrupted", "the start was given up");
    }
    std::this_thread::sleep_for(milliseconds{2});
  }
  return failed_to_start("no port after " + format_duration(kStartTimeout), log);
}

std::string Coordinator::strangers() {
  struct stat info {};
  if (::stat(log_.c_str(), &info) != 0 || info.st_size == read_until_) {
    return {};
  }
  const GuardReport report = parse_guard_report(read_end_of_file(log_, kLastWords));
  std::string words;
  if (read_until_ == 0 && !report.at_the_door) {
    words = "nobody guards DMTCP's coordinator on port " + std::to_string(port_) +
            ": other users of this machine can checkpoint or end the program";
  } else if (!report.sees && sees_) {
    words = "this kernel does not tell who connects to DMTCP's coordinator: other users of this "
            "machine can checkpoint or end the program";
  } else if (report.turned_away > told_of_) {
    words = "somebody else tried to reach DMTCP's coordinator and was turned away (" + report.last +
            ")";
  }
  // One warning is enough of a kind; an insistent stranger may not fill the journal.
  sees_ = sees_ && report.sees;
  told_of_ = std::max(told_of_, report.turned_away > 0 ? kToldForGood : 0);
  read_until_ = info.st_size;
  return words;
}

bool Coordinator::has_turned_one_away() const {
  return log_tells_of_one_turned_away(read_end_of_file(log_, kLastWords));
}

bool Coordinator::alive() const {
  return is_live(process_);
}

Result<std::string> Coordinator::ask(const std::string& what, Duration timeout) const {
  const auto dead = [] {
    return fail(ErrorClass::failed, "engine_dead", "DMTCP's coordinator is gone");
  };
  if (!alive()) {
    return dead();
  }
  std::optional<BackDoor> back_door;
  if (held_) {
    auto opened = BackDoor::open(port_);
    if (!opened) {
      return tl::unexpected(opened.error());
    }
    back_door.emplace(std::move(*opened));
  }
  const int port = back_door ? back_door->port() : port_;
  const auto answer = run_command(
      {.argv = ask_command(install_, port, what), .env = env_, .cwd = {}, .stdin_data = {}},
      {.timeout = timeout, .output_bytes = std::size_t{16} << 20U});
  if (!answer) {
    return tl::unexpected(answer.error());
  }
  if (answer->status.success() && !answer->timed_out) {
    return answer->out;
  }
  if (!alive()) {
    return dead();
  }
  const std::string how = answer->timed_out ? "within " + format_duration(timeout)
                                            : "(" + answer->status.describe() + ")";
  return fail(ErrorClass::timed_out,
              "engine_not_answering",
              "DMTCP's coordinator does not answer " + how,
              {},
              Outcome::retryable);
}

Result<CoordinatorStatus> Coordinator::status(Duration timeout) const {
  const auto text = ask("-s", timeout);
  if (!text) {
    return tl::unexpected(text.error());
  }
  if (const auto status = parse_status(*text)) {
    return *status;
  }
  return fail(ErrorClass::failed, "engine_not_answering", "dmtcp_command -s cannot be understood");
}

Result<std::vector<Peer>> Coordinator::list(Duration timeout) const {
  const auto text = ask("-l", timeout);
  if (!text) {
    return tl::unexpected(text.error());
  }
  if (auto peers = parse_list(*text)) {
    return std::move(*peers);
  }
  return fail(ErrorClass::failed, "engine_not_answering", "dmtcp_command -l cannot be understood");
}

Result<pid_t> Coordinator::spawn_checkpoint_request() const {
  SpawnOptions options;
  options.argv = ask_command(install_, port_, "-c");
  options.env = env_;
  return spawn(options);
}

void Coordinator::hold_newcomers(bool hold) const {
  if (!listener_ || hold == held_) {
    return;
  }
  if (!shut(listener_, hold)) {
    log::info("new connections to DMTCP's coordinator cannot be held back here");
    return;
  }
  held_ = hold;
  if (!hold) {
    newcomers_in_ = system_clock().monotonic() + kConnectAgain;
  }
}

void Coordinator::end() {
  if (!tmp_dir_.empty()) {
    end_process();
    if (remove_tree(tmp_dir_)) {
      tmp_dir_.clear(); // else the next call tries again
    }
  }
}

void Coordinator::end_process() {
  listener_.reset();
  if (process_.pid <= 0) {
    return;
  }
  if (process_.start_ticks == 0 || is_live(process_)) {
    ::kill(process_.pid, SIGKILL); // our own child, not reaped: the pid cannot be another's
  }
  ::waitpid(process_.pid, nullptr, 0);
  process_.pid = 0;
}

} // namespace ckpt::engine::dmtcp
