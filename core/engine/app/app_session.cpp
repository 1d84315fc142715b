// A checkpoint is complete when the program's files differ from before the request, nobody of the
// program has them open for writing, and they then stay the same for a while (it may write
// several). The program is stopped and the files are copied as soon as they look complete, not at
// the end of that while: what it prints in between would be printed again after a restart. Where
// it has printed all the same (a busy node), it is asked once more; where that is how it works
// ("saved" after each save), a second time changes nothing.

#include "core/engine/app/app_session.hpp"

#include "core/base/clock.hpp"
#include "core/engine/criu/open_files.hpp"
#include "core/engine/dmtcp/processes.hpp"
#include "core/engine/evidence.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <iomanip>
#include <list>
#include <set>
#include <sstream>

namespace ckpt::engine::app {
namespace {

constexpr Duration kBetweenLooks = milliseconds{50}; ///< where the folder watch sees nothing
constexpr Duration kQuiet = milliseconds{200};
constexpr Duration kStoppedLate = milliseconds{20}; ///< more than a line "saved" needs

tl::unexpected<Error> failed(const std::string& code,
                             const std::string& message,
                             const std::string& advice = {},
                             Outcome outcome = Outcome::retryable) {
  return fail(ErrorClass::failed, code, message, advice, outcome);
}

tl::unexpected<Error> program_gone() {
  return failed("program_gone", "the program has ended", {}, Outcome::permanent);
}

/// The whole program stopped, until the end of this object.
class Standstill {
public:
  explicit Standstill(const Session& session) {
    for (bool found = true; found;) { // one that was just forked is found in the next round
      found = false;
      for (const ProcessInfo& process : session.program_processes()) {
        if (seen_.insert(process.pid).second) {
          stopped_.emplace_back(process);
          found = true;
        }
      }
    }
  }

private:
  std::set<pid_t> seen_;
  std::list<dmtcp::Stopped> stopped_;
};

} // namespace

/// The user's own command, while it runs. Killed at the end if it still does.
class AppSession::Command {
public:
  explicit Command(pid_t pid) : pid_(pid) {}
  ~Command() {
    if (pid_ > 0) {
      ::kill(-pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  /// Nothing while it runs.
  std::optional<ExitStatus> ended() {
    int raw = 0;
    if (!status_ && ::waitpid(pid_, &raw, WNOHANG) == pid_) {
      status_ = ExitStatus::from_wait_status(raw);
      pid_ = 0;
    }
    return status_;
  }

private:
  pid_t pid_;
  std::optional<ExitStatus> status_;
};

AppSession::AppSession(ProcessInfo root, LaunchRequest request)
    : root_(std::move(root)), launch_(std::move(request)),
      interrupted_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

std::vector<ProcessInfo> AppSession::program_processes() const {
  std::vector<ProcessInfo> found;
  std::set<pid_t> known;
  if (dmtcp::is_live(root_)) {
    found = process_tree(root_.pid);
    for (const ProcessInfo& process : found) {
      known.insert(process.pid);
    }
  }
  // What lost its parent is still in the session. The number is ours as long as one member lives.
  for (ProcessInfo& process : dmtcp::session_members(root_.pid)) {
    if (!known.contains(process.pid)) {
      found.push_back(std::move(process));
    }
  }
  return found;
}

Status AppSession::health() {
  return dmtcp::is_live(root_) ? Status{} : failed("engine_dead", "the program has ended");
}

Status AppSession::signal_program(int signal) {
  if (!dmtcp::is_live(root_)) {
    return program_gone();
  }
  if (::kill(-root_.pid, signal) == 0 || signal_process(root_, signal)) {
    return {};
  }
  return program_gone();
}

Status AppSession::kill(Duration patience) {
  const auto deadline = system_clock().monotonic() + patience;
  for (;;) {
    const std::vector<ProcessInfo> left = program_processes();
    if (left.empty() && !dmtcp::is_live(root_)) {
      return {};
    }
    for (const ProcessInfo& process : left) {
      signal_process(process, SIGKILL);
    }
    if (system_clock().monotonic() >= deadline) {
      return failed("still_running",
                    "processes of the program are still there after SIGKILL",
                    "the node's filesystem may hang");
    }
    system_clock().sleep_for(milliseconds{2});
  }
}

void AppSession::interrupt() {
  const std::uint64_t one = 1;
  if (::write(interrupted_.get(), &one, sizeof(one)) < 0) {
    return; // the counter is full: it is interrupted already
  }
}

bool AppSession::pause(Duration time) {
  return pause(FolderWatch(), time);
}

bool AppSession::pause(const FolderWatch& watch, Duration time) {
  std::array<pollfd, 2> fds{};
  fds[0] = {interrupted_.get(), POLLIN, 0};
  fds[1] = {watch.fd(), POLLIN, 0};
  ::poll(fds.data(), fds.size(), static_cast<int>(time.count()));
  watch.clear();
  std::uint64_t count = 0;
  return fds[0].revents == 0 || ::read(interrupted_.get(), &count, sizeof(count)) < 0;
}

Snapshot AppSession::look_now() const {
  return look(launch_.program.checkpoint_files, launch_.program.cwd);
}

Status AppSession::ask(std::unique_ptr<Command>& command) const {
  const AppCheckpointing& app = launch_.program.app;
  if (app.command.empty()) {
    const auto number = parse_signal(app.signal);
    return number && signal_process(root_, *number) ? Status{} : program_gone();
  }
  SpawnOptions options;
  // Ours is not the program's: what the command writes has the modes that its user expects.
  std::ostringstream script;
  script << "umask " << std::oct << std::setw(4) << std::setfill('0') << launch_.umask << "\n"
         << app.command;
  options.argv = {"/bin/sh", "-c", script.str()};
  options.env = launch_.program.env;
  options.env["CKPT_PID"] = std::to_string(root_.pid);
  options.cwd = launch_.program.cwd;
  options.stdout_path = (launch_.work_dir / "checkpoint-command.log").string();
  const auto pid = spawn(options);
  if (!pid) {
    return failed("checkpoint_failed", pid.error().message);
  }
  command = std::make_unique<Command>(*pid);
  return {};
}

bool AppSession::settled(const Snapshot& files) const {
  const auto open = criu::writable_files(program_processes(), {});
  return std::none_of(open.begin(), open.end(), [&](const criu::OpenFile& file) {
    return files.contains(file.path);
  });
}

Result<Path> AppSession::new_generation_folder() {
  for (;;) {
    std::array<char, 16> name{};
    std::snprintf(name.data(), name.size(), "gen-%03d", ++generations_);
    const Path folder = launch_.images_dir / name.data();
    const auto made = make_directory_exclusively(folder);
    if (made) {
      return folder;
    }
    if (made.error().code != "file_exists") {
      return failed("checkpoint_failed", made.error().message, made.error().advice);
    }
  }
}

Result<std::optional<AppSession::Candidate>> AppSession::take(const Snapshot& before,
                                                              const CheckpointRequest& request) {
  const auto begin = system_clock().monotonic();
  CheckpointImages images;
  images.frozen_at = system_clock().now();
  const Standstill standstill(*this);
  const Snapshot files = look_now();
  if (!has_news(before, files) || !settled(files)) {
    return std::optional<Candidate>{};
  }
  const Duration printed_after = written_later(files, {launch_.stdout_path, launch_.stderr_path});
  const auto folder = new_generation_folder();
  if (!folder) {
    return tl::unexpected(folder.error());
  }
  auto saved = save(files, *folder);
  Status looked = saved && request.while_frozen ? request.while_frozen() : Status{};
  images.blocked = system_clock().monotonic() - begin;
  if (saved && looked) {
    images.images = std::move(*saved);
    return std::optional(
        Candidate{files, *folder, std::move(images), system_clock().monotonic(), printed_after});
  }
  static_cast<void>(remove_tree(*folder));
  if (!looked) {
    return tl::unexpected(looked.error());
  }
  return failed("checkpoint_failed",
                "cannot copy the program's checkpoint files: " + saved.error().message,
                saved.error().advice);
}

Result<CheckpointImages> AppSession::checkpoint(const CheckpointRequest& request) {
  pause(Duration{0}); // an interrupt that came before is not meant for this
  const FolderWatch watch(launch_.program.checkpoint_files, launch_.program.cwd);
  Snapshot before = look_now();
  const auto begin = system_clock().monotonic();
  if (!dmtcp::is_live(root_)) {
    return program_gone();
  }
  std::unique_ptr<Command> command;
  if (auto asked = ask(command); !asked) {
    return tl::unexpected(asked.error());
  }
  std::optional<Candidate> candidate;
  dmtcp::Work work;
  auto worked = begin;
  const auto give_up = [&](tl::unexpected<Error> error) {
    if (candidate) {
      static_cast<void>(remove_tree(candidate->folder));
    }
    return error;
  };
  for (;;) {
    if (!pause(watch, kBetweenLooks)) {
      return give_up(failed("interrupted", "interrupted by the runner"));
    }
    if (!dmtcp::is_live(root_)) {
      return give_up(program_gone());
    }
    const auto command_end = command ? command->ended() : std::nullopt;
    if (command_end && !command_end->success()) {
      return give_up(failed("checkpoint_failed",
                            "the checkpoint command ended with " + command_end->describe(),
                            "see " + (launch_.work_dir / "checkpoint-command.log").string()));
    }
    const auto now = system_clock().monotonic();
    if (candidate && look_now() == candidate->files) {
      if (now - candidate->taken >= kQuiet) {
        if (candidate->printed_after <= kStoppedLate || asked_twice_) {
          return std::move(candidate->images);
        }
        asked_twice_ = true;
        before = candidate->files;
        static_cast<void>(remove_tree(candidate->folder));
        candidate.reset();
        if (auto asked = ask(command); !asked) {
          return tl::unexpected(asked.error());
        }
      }
    } else if (!command || command_end) {
      if (candidate) { // it went on writing
        static_cast<void>(remove_tree(candidate->folder));
        candidate.reset();
      }
      if (has_news(before, look_now())) {
        auto taken = take(before, request);
        if (!taken) {
          return tl::unexpected(taken.error());
        }
        candidate = std::move(*taken);
      }
    }
    if (const auto latest = dmtcp::work_of(program_processes()); !(latest == work)) {
      work = latest;
      worked = now;
    }
    if (now - begin > request.timeout || now - worked > request.stall_timeout) {
      const std::string why =
          "the program wrote no new checkpoint files in " + format_duration(now - begin);
      const std::string stands = describe_stall(program_processes());
      keep_evidence(launch_.work_dir / "checkpoint_stalled.txt",
                    why,
                    [this] { return program_processes(); },
                    {launch_.work_dir / "checkpoint-command.log"});
      return give_up(
          failed("checkpoint_stalled",
                 why + (stands.empty() ? "" : "; " + stands),
                 "does the signal or command fit the program, and --ckpt-files its files?"));
    }
  }
}

} // namespace ckpt::engine::app
