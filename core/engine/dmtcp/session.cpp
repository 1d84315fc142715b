#include "core/engine/dmtcp/session.hpp"

#include "core/base/clock.hpp"
#include "core/engine/dmtcp/checkpoint.hpp"
#include "core/engine/dmtcp/commands.hpp"
#include "core/engine/dmtcp/processes.hpp"
#include "core/engine/evidence.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <set>
#include <utility>

namespace ckpt::engine::dmtcp {
namespace {

constexpr milliseconds kHealthTimeout{900};
constexpr seconds kAnswer{5};
constexpr seconds kKillPatience{10};
constexpr std::size_t kLastWords = std::size_t{16} << 10U;

MonoTime now() {
  return system_clock().monotonic();
}

} // namespace

DmtcpSession::DmtcpSession(Install install,
                           Coordinator coordinator,
                           pid_t root,
                           Path images_dir,
                           Path messages,
                           Path program_stderr)
    : install_(std::move(install)), coordinator_(std::move(coordinator)),
      root_(process_or_pid(root)), images_dir_(std::move(images_dir)),
      messages_(std::move(messages)), program_stderr_(std::move(program_stderr)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

DmtcpSession::~DmtcpSession() {
  // While the program lives it needs its coordinator; afterwards nobody would end that.
  if (program_processes().empty()) {
    coordinator_.end();
  }
}

bool DmtcpSession::root_live() const {
  return is_live(root_);
}

void DmtcpSession::reap_root() const {
  if (!root_live()) {
    ::waitpid(root_.pid, nullptr, WNOHANG);
  }
}

std::vector<ProcessInfo> DmtcpSession::program_processes() const {
  // The tree below the root, then what lost its parent: members of the root's session, and peers
  // that made a session of their own.
  std::vector<ProcessInfo> all = process_tree(root_.pid);
  std::set<pid_t> seen;
  for (const auto& process : all) {
    seen.insert(process.pid);
  }
  const auto add = [&](const ProcessInfo& process) {
    if (process.pid != coordinator_.process().pid && seen.insert(process.pid).second) {
      all.push_back(process);
    }
  };
  for (const auto& process : session_members(root_.pid)) {
    add(process);
  }
  const std::lock_guard lock(mutex_);
  for (const auto& process : known_) {
    if (is_live(process)) {
      add(process);
    }
  }
  return all;
}

std::optional<ExitStatus> DmtcpSession::program_status(const ExitStatus& root_status) const {
  // 99 is DMTCP's, and could be the program's: the coordinator's death tells, a checkpoint that
  // did not come to its end (with the disk full DMTCP leaves without a word), or DMTCP's own words
  // where the program would have its last ones.
  const bool engine_died =
      root_status.code == 99 &&
      (!coordinator_.alive() || checkpoint_open_ ||
       tells_of_a_broken_process(read_end_of_file(program_stderr_, kLastWords)));
  return engine_died || broken() ? std::nullopt : std::optional(root_status);
}

// One that dies like that need not be the root: a shell script goes on without its `sleep`, or its
// pipe's other end just closes.
bool DmtcpSession::broken() const {
  if (!broken_) {
    const auto messages = read_file(messages_);
    broken_ = (messages && tells_of_a_broken_process(*messages)) ||
              stderr_tells_of_a_refused_process(read_end_of_file(program_stderr_, kLastWords));
  }
  return broken_;
}

std::optional<CoordinatorInfo> DmtcpSession::coordinator() const {
  return CoordinatorInfo{.host = host_name(),
                         .port = coordinator_.port(),
                         .pid = coordinator_.process().pid,
                         .version = install_.version};
}

void DmtcpSession::remember(const std::vector<Peer>& peers) {
  std::vector<ProcessInfo> found;
  for (const auto& peer : peers) {
    if (const auto info = process_info(peer.pid)) {
      found.push_back(*info);
    }
  }
  const std::lock_guard lock(mutex_);
  known_ = std::move(found);
}

Result<std::vector<Peer>> DmtcpSession::peers() {
  auto list = coordinator_.list(kAnswer);
  if (list) {
    remember(*list);
  }
  return list;
}

Status DmtcpSession::health() {
  const auto list = coordinator_.list(kHealthTimeout);
  if (!list) {
    return tl::unexpected(list.error());
  }
  remember(*list);
  return {};
}

// The others would wait for it in the barrier, for ever: DMTCP knows no way back from a request.
Status DmtcpSession::nobody_stopped() const {
  for (const ProcessInfo& process : program_processes()) {
    if (is_stopped(process)) {
      return fail(ErrorClass::refused,
                  "program_stopped",
                  "no checkpoint taken: process " + std::to_string(process.pid) + " (" +
                      process.comm + ") of the program is stopped, and DMTCP needs all of them",
                  "`kill -CONT` it; the next try comes by itself",
                  Outcome::retryable);
    }
  }
  return {};
}

Result<CheckpointImages> DmtcpSession::checkpoint(const CheckpointRequest& request) {
  if (auto running = nobody_stopped(); !running) {
    return tl::unexpected(running.error());
  }
  interrupted_ = false;
  checkpoint_open_ = true;
  eventfd_t drained = 0;
  ::eventfd_read(wake_.get(), &drained);
  const CheckpointSubject subject{.install = install_,
                                  .coordinator = coordinator_,
                                  .root = root_,
                                  .images_dir = images_dir_,
                                  .processes = [this] { return program_processes(); },
                                  .interrupted = [this] { return interrupted_.load(); },
                                  .wake_fd = wake_.get()};
  while (now() < coordinator_.newcomers_in() && !interrupted_) {
    system_clock().sleep_for(milliseconds{10});
  }
  unreaped_.settle(wake_.get());
  // The image of a program that lacks a part is worth nothing. What breaks after the freeze does
  // the set no harm.
  CheckpointRequest guarded = request;
  guarded.while_frozen = [&]() -> Status {
    if (broken()) {
      return fail(ErrorClass::failed,
                  "checkpoint_failed",
                  "DMTCP has ended a process of the program: see " + messages_.string());
    }
    if (auto whole = unreaped_.check(); !whole) {
      return whole;
    }
    return request.while_frozen ? request.while_frozen() : Status{};
  };
  auto outcome = take_checkpoint(subject, guarded);
  if (outcome.broken) {
    broken_ = true;
    if (const auto left = kill(kKillPatience); !left) {
      outcome.result = tl::unexpected(left.error());
    }
  }
  if (!outcome.result) {
    outcome.result.error().message += keep_evidence(outcome.result.error());
  }
  checkpoint_open_ = !outcome.result.has_value();
  return std::move(outcome.result);
}

std::vector<pid_t> DmtcpSession::parents() const {
  std::vector<pid_t> parents{root_.pid};
  const std::lock_guard lock(mutex_);
  for (const auto& process : known_) {
    parents.push_back(process.pid);
  }
  return parents;
}

std::string DmtcpSession::keep_evidence(const Error& error) {
  if (!tells_of_a_stall(error)) {
    return {};
  }
  const std::string stands = describe_stall(program_processes());
  std::string states;
  for (const Peer& peer : peers().value_or(std::vector<Peer>{})) {
    states += "DMTCP says: " + std::to_string(peer.pid) + " " + peer.name + " " + peer.state + "\n";
  }
  engine::keep_evidence(
      messages_.parent_path() / (error.code + ".txt"),
      error.message,
      [this] { return program_processes(); },
      {messages_, messages_.parent_path() / "coordinator.log"},
      states);
  return stands.empty() ? stands : "; " + stands;
}

Status DmtcpSession::signal_program(int signal) {
  if (signal == SIGUSR2) {
    return fail(ErrorClass::conflict,
                "signal_reserved",
                "SIGUSR2 is DMTCP's own signal: the program would not get it");
  }
  if (!root_live()) {
    return fail(ErrorClass::conflict, "program_gone", "the program has ended");
  }
  // A pipeline shares the root's process group. The stub made the root the leader of its own.
  if (::kill(-root_.pid, signal) != 0 && !signal_process(root_, signal)) {
    return fail(ErrorClass::failed,
                "signal_failed",
                "signal " + signal_name(signal) + " could not be sent");
  }
  return {};
}

// Stopped first: what stands still cannot fork away from under us, nor complain into the user's
// standard error that its coordinator is gone.
void DmtcpSession::stop_all() const {
  std::size_t before = 0;
  for (int round = 0; round < 20; ++round) {
    const auto all = program_processes();
    for (const auto& process : all) {
      signal_process(process, SIGSTOP);
    }
    if (all.size() == before) {
      return;
    }
    before = all.size();
  }
}

// Orphans of the program are our children where we are their subreaper. The root is the caller's.
void DmtcpSession::reap(const std::vector<ProcessInfo>& processes) const {
  for (const auto& process : processes) {
    if (process.pid != root_.pid) {
      ::waitpid(process.pid, nullptr, WNOHANG);
    }
  }
}

Status DmtcpSession::kill(Duration patience) {
  const MonoTime end = now() + patience;
  if (const auto list = coordinator_.list(std::min<Duration>(seconds{1}, patience))) {
    remember(*list);
  }
  stop_all();
  std::vector<ProcessInfo> victims = program_processes();
  for (const auto& process : victims) {
    signal_process(process, SIGKILL);
  }
  coordinator_.end();
  while (true) {
    const auto left = program_processes();
    reap(victims);
    if (left.empty()) {
      return {};
    }
    for (const auto& process : left) {
      signal_process(process, SIGKILL);
      const bool known = std::any_of(victims.begin(), victims.end(), [&](const auto& victim) {
        return victim.pid == process.pid;
      });
      if (!known) {
        victims.push_back(process);
      }
    }
    if (now() > end) {
      return fail(ErrorClass::timed_out,
                  "kill_incomplete",
                  std::to_string(left.size()) +
                      " processes of the program did not end, first pid " +
                      std::to_string(left.front().pid) + " (" + left.front().comm + ", state " +
                      left.front().state + ")",
                  {},
                  Outcome::retryable);
    }
    system_clock().sleep_for(milliseconds{2});
  }
}

void DmtcpSession::interrupt() {
  interrupted_ = true;
  ::eventfd_write(wake_.get(), 1);
}

} // namespace ckpt::engine::dmtcp
