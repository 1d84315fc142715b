// The socket is read on the engine thread only. A dump that fails, is interrupted or is killed
// leaves the program running; only a complete one leaves a folder of images.

#include "core/engine/criu/criu_session.hpp"

#include "core/base/clock.hpp"
#include "core/base/strings.hpp"
#include "core/engine/criu/open_files.hpp"
#include "core/engine/dmtcp/processes.hpp"

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
constexpr Duration kAbortPatience = seconds{5};
constexpr const char* kNotes = "files.txt";

MonoTime now() {
  return system_clock().monotonic();
}

tl::unexpected<Error> failed(const std::string& code,
                             const std::string& message,
                             const std::string& advice = {},
                             Outcome outcome = Outcome::retryable) {
  return fail(ErrorClass::failed, code, message, advice, outcome);
}

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
  const auto deadline = now() + request.timeout;
  Progress progress(stall);
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
      return failed("restart_stalled",
                    "criu restore made no progress for " + format_duration(*stall));
    }
    if (now() >= deadline) {
      return failed(restore ? "restart_timed_out" : "launch_timed_out",
                    "the program did not run after " + format_duration(request.timeout));
    }
    if (request.give_up && request.give_up()) {
      return failed("interrupted", "interrupted by the runner");
    }
  }
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

Result<Path> CriuSession::new_generation_folder() {
  for (;;) {
    std::array<char, 16> name{};
    std::snprintf(name.data(), name.size(), "gen-%03d", ++generations_);
    const Path folder = plan_.images_dir / name.data();
    const auto made = make_directory_exclusively(folder);
    if (made) {
      return folder;
    }
    if (made.error().code != "file_exists") {
      return failed("checkpoint_failed", made.error().message, made.error().advice);
    }
  }
}

// CRIU follows parents to children: a process whose parent has ended hangs below our init, and
// would silently be missing in the images.
std::optional<Error> CriuSession::lost_process() const {
  const Tree all = tree();
  for (const ProcessInfo& process : all.program) {
    if (all.init && process.ppid == all.init->pid && inner_pid(process.pid) != root_in_namespace_) {
      return Error{ErrorClass::failed,
                   Outcome::retryable,
                   "checkpoint_failed",
                   "process " + std::to_string(process.pid) + " (" + process.comm +
                       ") of the program has lost its parent; CRIU cannot carry it along",
                   "start it so that its parent waits for it, or use the engine dmtcp"};
    }
  }
  return std::nullopt;
}

Status CriuSession::at_freeze(const Path& images, const CheckpointRequest& request) {
  const DumpNotes notes{
      .stdout_path = plan_.stdout_path,
      .stderr_path = plan_.stderr_path,
      .files = writable_files(program_processes(), {plan_.stdout_path, plan_.stderr_path})};
  if (auto written = write_file_atomically(images / kNotes, encode(notes)); !written) {
    return written;
  }
  return request.while_frozen ? request.while_frozen() : Status{};
}

void CriuSession::abort_dump() {
  static_cast<void>(send_message(control_.get(), {"abort", {}}));
  const auto deadline = now() + kAbortPatience;
  while (now() < deadline && helper_in_namespace_ != 0) {
    const auto message = next(kTick);
    if (!message && message.error().code == "engine_dead") {
      return;
    }
  }
}

Result<Message> CriuSession::dump(const Path& images,
                                  const Path& log,
                                  const CheckpointRequest& request,
                                  CheckpointImages& result,
                                  const std::function<bool()>& at_hook) {
  const auto started = now();
  result.frozen_at = system_clock().now();
  if (auto sent = send_message(control_.get(), {"dump", {images.string(), log.string()}}); !sent) {
    return tl::unexpected(sent.error());
  }
  helper_in_namespace_ = -1; // until the init names it
  Progress progress(request.stall_timeout);
  for (;;) {
    auto message = next(kTick);
    if (!message) {
      return tl::unexpected(message.error());
    }
    const std::string word = *message ? (*message)->word : "";
    if (word == "frozen") {
      static_cast<void>(send_message(control_.get(), {at_hook() ? "go" : "stop", {}}));
    } else if (word == "dumped" || word == "ended") {
      result.blocked = now() - started;
      return **message;
    }
    const dmtcp::Work work = dmtcp::work_of(tree().helpers);
    if (progress.stalled(bytes_in(images) + work.bytes + work.cpu_ticks)) {
      return failed("checkpoint_stalled",
                    "criu dump made no progress for " + format_duration(request.stall_timeout),
                    "see " + log.string());
    }
    if (now() - started > request.timeout) {
      return failed("checkpoint_stalled",
                    "criu dump took longer than " + format_duration(request.timeout),
                    "see " + log.string());
    }
  }
}

tl::unexpected<Error> CriuSession::dump_failed(const std::string& status, const Path& log) {
  const auto text = read_file(log);
  const std::string errors = text ? first_errors(*text) : std::string{};
  return failed("checkpoint_failed",
                "criu dump ended with " + status + (errors.empty() ? "" : ": " + errors),
                "see " + log.string());
}

Result<CheckpointImages> CriuSession::checkpoint(const CheckpointRequest& request) {
  std::uint64_t earlier = 0;
  static_cast<void>(::read(interrupted_.get(), &earlier, sizeof(earlier)));
  if (auto lost = lost_process()) {
    return tl::unexpected(*lost);
  }
  const auto folder = new_generation_folder();
  if (!folder) {
    return tl::unexpected(folder.error());
  }
  static_cast<void>(remove_file(plan_.work_dir / "stats-dump")); // of the dump before
  const Path log = plan_.work_dir / ("dump-" + folder->filename().string() + ".log");
  CheckpointImages result;
  bool frozen = false;
  std::optional<Error> refused;
  const auto done = dump(*folder, log, request, result, [&] {
    frozen = true;
    const Status looked = at_freeze(*folder, request);
    if (!looked) {
      refused = looked.error();
    }
    return looked.has_value();
  });
  if (done && done->word == "dumped" && done->arguments.at(0) == "0" && frozen && !refused) {
    for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
      result.images.push_back(entry.path());
    }
    // What passed from order to answer includes CRIU's own start; its statistics know better.
    if (const auto stats = read_file(plan_.work_dir / "stats-dump", 65536)) {
      const auto frozen_for = parse_frozen_microseconds(*stats);
      const Duration exact = milliseconds{(frozen_for.value_or(0) + 999) / 1000};
      result.blocked = frozen_for && exact < result.blocked ? exact : result.blocked;
    }
    std::sort(result.images.begin(), result.images.end());
    return result;
  }
  if (!done && done.error().code != "engine_dead") {
    abort_dump();
  }
  static_cast<void>(remove_tree(*folder)); // whatever made it fail, half a set is only a danger
  if (ended_ || (!done && done.error().code == "engine_dead")) {
    return failed(
        "program_gone", "the program ended during the checkpoint", {}, Outcome::permanent);
  }
  if (!done) {
    return tl::unexpected(done.error());
  }
  if (refused) {
    return tl::unexpected(*refused);
  }
  return dump_failed(done->arguments.at(0), log);
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
