// Invariants:
//  - What DMTCP's tools say is not believed: a checkpoint is complete when the headers of its
//  images
//    agree and are as many as they say, and nothing is unfinished.
//  - All user threads of all processes stand still when the checkpoint's folder appears (it is made
//    after the barrier DMT:CHECKPOINT, which each process enters with its threads suspended), and
//    none goes on before its own image has its final name (after the barrier DMT:WriteCkpt, which
//    the coordinator opens). So we stop the coordinator when we see the folder, and "no final name
//    exists" afterwards proves that nothing ran in between.
//  - The coordinator is never left stopped.

#include "core/engine/dmtcp/checkpoint.hpp"

#include "core/base/clock.hpp"
#include "core/base/log.hpp"
#include "core/engine/dmtcp/image.hpp"
#include "core/engine/dmtcp/processes.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <list>

namespace ckpt::engine::dmtcp {
namespace {

constexpr milliseconds kPoll{5}; // inotify is faster; this is for filesystems without it
constexpr milliseconds kPollWriting{20};
constexpr milliseconds kPollWaking{10};
constexpr milliseconds kRetry{20};     // between refused requests
constexpr seconds kRequestTimeout{10}; // of dmtcp_command -c
constexpr seconds kAnswer{5};          // of dmtcp_command -l
constexpr seconds kLostWorker{2};      // without progress before we ask who is missing

class CheckpointRun {
public:
  CheckpointRun(const CheckpointSubject& subject, const CheckpointRequest& request)
      : subject_(subject), request_(request), start_(now()),
        notify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    ::inotify_add_watch(notify_.get(), subject_.images_dir.c_str(), IN_CREATE | IN_MOVED_TO);
  }

  ~CheckpointRun() {
    subject_.coordinator.hold_newcomers(false);
    reap_request(true);
  }
  CheckpointRun(const CheckpointRun&) = delete;
  CheckpointRun& operator=(const CheckpointRun&) = delete;

  CheckpointOutcome run() {
    Status status = await_folder();
    bool in_time = false;
    Status window;
    if (status) {
      window = hold_window(in_time);
      status = await_set();
    }
    if (status) {
      status = await_running();
    }
    if (!status) {
      return {tl::unexpected(status.error()), broken_};
    }
    if (!in_time) {
      return {fail(ErrorClass::failed,
                   "freeze_window_missed",
                   "the program may have gone on before its files were looked at",
                   "the checkpoint is to be taken again",
                   Outcome::retryable),
              false};
    }
    if (!window) {
      return {tl::unexpected(window.error()), false};
    }
    return {CheckpointImages{.images = files_of_set(folder_),
                             .frozen_at = frozen_at_,
                             .blocked = thawed_ - frozen_mono_},
            false};
  }

private:
  static MonoTime now() { return system_clock().monotonic(); }

  // ---- what ends every wait ----

  Status check(MonoTime quiet_since, Duration quiet_limit) const {
    if (subject_.interrupted()) {
      return fail(ErrorClass::failed,
                  "interrupted",
                  "the checkpoint was interrupted",
                  {},
                  Outcome::unknown);
    }
    if (now() - start_ > request_.timeout) {
      return stalled("not complete after " + format_duration(request_.timeout));
    }
    if (now() - quiet_since > quiet_limit) {
      return stalled("no progress for " + format_duration(quiet_limit));
    }
    return {};
  }

  static tl::unexpected<Error> stalled(const std::string& why) {
    return fail(ErrorClass::timed_out,
                "checkpoint_stalled",
                "the checkpoint hangs: " + why,
                "the program may stand still: end it, and restart it from the generation before",
                Outcome::unknown);
  }

  static tl::unexpected<Error> failed(const std::string& why) {
    return fail(ErrorClass::failed, "checkpoint_failed", "the checkpoint failed: " + why);
  }

  Status coordinator_died() {
    broken_ = true;
    const auto status = peek_exit(subject_.coordinator.process().pid);
    return failed("DMTCP's coordinator died" + (status ? " (" + status->describe() + ")" : ""));
  }

  bool root_ended() const { return !is_live(subject_.root); }

  // The program's end, seen while no complete set is there.
  Status dead(bool folder_seen) {
    const auto status = peek_exit(subject_.root.pid);
    const bool by_engine =
        status && status->code == 99 && (folder_seen || !subject_.coordinator.alive());
    if (by_engine) {
      broken_ = true;
      return subject_.coordinator.alive()
                 ? failed("DMTCP ended the program (99): no space, or no permission")
                 : coordinator_died();
    }
    if (folder_seen) {
      return failed("the program died while its image was written (" +
                    (status ? status->describe() : std::string("gone")) + ")");
    }
    return fail(
        ErrorClass::failed, "program_gone", "the program ended before the checkpoint began");
  }

  void wait(Duration longest) const {
    std::array<pollfd, 2> fds{{{notify_.get(), POLLIN, 0}, {subject_.wake_fd, POLLIN, 0}}};
    ::poll(fds.data(), fds.size(), static_cast<int>(longest.count()));
    std::array<char, 4096> drained{};
    while (::read(notify_.get(), drained.data(), drained.size()) > 0) {
    }
  }

  // ---- the request, until the checkpoint's folder appears ----

  Status await_folder() {
    const std::vector<Path> known = checkpoint_folders(subject_.images_dir);
    MonoTime next_request = now();
    MonoTime asked = now();
    while (true) {
      if (request_pid_ == 0 && !accepted_ && now() >= next_request) {
        const auto pid = subject_.coordinator.spawn_checkpoint_request();
        if (!pid) {
          return tl::unexpected(pid.error());
        }
        request_pid_ = *pid;
        requested_ = now();
      }
      wait(kPoll);
      if (find_new_folder(known)) {
        return {};
      }
      if (root_ended()) {
        return dead(false);
      }
      if (!subject_.coordinator.alive()) {
        return coordinator_died();
      }
      if (request_pid_ != 0) {
        if (auto ok = look_at_request(next_request); !ok) {
          return ok;
        }
      } else if (now() - asked > kLostWorker) {
        asked = now();
        if (subject_.coordinator.has_turned_one_away()) {
          broken_ = true;
          return failed("DMTCP turned away a process that was born in the moment of the request, "
                        "and waits for it for ever");
        }
      }
      if (auto ok = check(start_, request_.stall_timeout); !ok) {
        return ok;
      }
    }
  }

  bool find_new_folder(const std::vector<Path>& known) {
    for (const auto& folder : checkpoint_folders(subject_.images_dir)) {
      if (!std::binary_search(known.begin(), known.end(), folder)) {
        folder_ = folder;
        return true;
      }
    }
    return false;
  }

  Status look_at_request(MonoTime& next_request) {
    int raw = 0;
    if (::waitpid(request_pid_, &raw, WNOHANG) == request_pid_) {
      request_pid_ = 0;
      const ExitStatus status = ExitStatus::from_wait_status(raw);
      accepted_ = status.success();
      next_request = now() + kRetry; // refused: a process is starting, or another checkpoint runs
      if (!accepted_ && status.code != 2) {
        return failed("dmtcp_command -c ended with " + status.describe());
      }
    } else if (now() - requested_ > kRequestTimeout) {
      return failed("DMTCP's coordinator does not answer");
    }
    return {};
  }

  void reap_request(bool by_force) {
    if (request_pid_ == 0) {
      return;
    }
    if (by_force && now() - requested_ > kRequestTimeout) {
      ::kill(-request_pid_, SIGKILL);
    }
    // It has an answer by now, or gets one at once: the coordinator runs, or is dead.
    const MonoTime end = now() + kAnswer;
    while (::waitpid(request_pid_, nullptr, WNOHANG) == 0) {
      if (now() > end) {
        ::kill(-request_pid_, SIGKILL);
      }
      system_clock().sleep_for(milliseconds{1});
    }
    request_pid_ = 0;
  }

  // ---- the freeze window ----

  Status hold_window(bool& in_time) {
    std::list<Stopped> held;
    held.emplace_back(subject_.coordinator.process());
    frozen_mono_ = now();
    frozen_at_ = system_clock().now();
    // Until all run again: no thread runs that could connect, and the first that does must wait for
    // the others.
    subject_.coordinator.hold_newcomers(true);
    const bool all_held = held.back().held();
    if (subject_.install.major < 4) { // not proved there that the coordinator holds them all
      for (const auto& process : subject_.processes()) {
        held.emplace_back(process);
      }
    }
    Status status;
    if (request_.while_frozen) {
      status = request_.while_frozen();
    }
    in_time = all_held && look_at(folder_).images.empty();
    return status;
  }

  // ---- until the set is complete ----

  Status await_set() {
    MonoTime moved = now();
    MonoTime asked = now();
    std::uint64_t bytes = 0;
    std::uint64_t cpu_ticks = 0;
    ::inotify_add_watch(notify_.get(), folder_.c_str(), IN_MOVED_TO);
    while (true) {
      const bool ended = root_ended(); // before the look: a short program may complete and end
      const FolderLook look = look_at(folder_);
      const SetState state = state_of(look);
      if (state == SetState::complete) {
        return {};
      }
      if (ended) {
        return dead(true);
      }
      if (!subject_.coordinator.alive()) {
        return coordinator_died();
      }
      if (look.bytes != bytes) {
        moved = asked = now();
        bytes = look.bytes;
      }
      if (now() - asked > kLostWorker) {
        asked = now();
        if (auto ok = nobody_lost(look, state); !ok) {
          return ok;
        }
        const std::uint64_t ticks = work_of(subject_.processes()).cpu_ticks;
        moved = ticks != cpu_ticks ? now() : moved;
        cpu_ticks = ticks;
      }
      if (auto ok = check(moved, request_.stall_timeout); !ok) {
        return ok;
      }
      wait(kPollWriting);
    }
  }

  // A process that died while it was written leaves its `.temp`, and the others wait for ever.
  Status nobody_lost(const FolderLook& look, SetState state) {
    const auto peers = subject_.coordinator.list(kAnswer);
    if (!peers) {
      return {}; // dead or slow: the caller finds out
    }
    std::uint32_t expected = 0;
    for (const auto* paths : {&look.images, &look.unfinished}) {
      for (const auto& path : *paths) {
        if (const auto header = read_header(path)) {
          expected = std::max(expected, header->peers);
        }
      }
    }
    if (peers->size() < expected) {
      broken_ = !all_running(*peers);
      return failed("of " + std::to_string(expected) + " processes, " +
                    std::to_string(expected - peers->size()) + " died while they were written");
    }
    if (state == SetState::inconsistent && all_running(*peers)) {
      return failed("its images do not belong together");
    }
    return {};
  }

  // ---- until the program runs again ----

  Status await_running() {
    reap_request(false);
    const MonoTime complete = now();
    bool first_look = true;
    while (true) {
      const auto peers = subject_.coordinator.list(kAnswer);
      // The set is whole. If the program has ended since, or lost its coordinator, that is another
      // matter: the caller looks at root_pid.
      if ((peers && all_running(*peers)) || root_ended() || !subject_.coordinator.alive()) {
        thawed_ = first_look ? complete : now();
        return {};
      }
      first_look = false;
      if (auto ok = check(complete, request_.stall_timeout); !ok) {
        return ok;
      }
      wait(kPollWaking);
    }
  }

  const CheckpointSubject& subject_;
  const CheckpointRequest& request_;
  MonoTime start_;
  Fd notify_;
  Path folder_;
  pid_t request_pid_ = 0;
  MonoTime requested_{};
  bool accepted_ = false;
  bool broken_ = false;
  TimePoint frozen_at_{};
  MonoTime frozen_mono_{};
  MonoTime thawed_{};
};

} // namespace

CheckpointOutcome take_checkpoint(const CheckpointSubject& subject,
                                  const CheckpointRequest& request) {
  return CheckpointRun(subject, request).run();
}

} // namespace ckpt::engine::dmtcp
