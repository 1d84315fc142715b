#include "core/engine/dmtcp/start_watch.hpp"

#include "core/base/clock.hpp"
#include "core/base/log.hpp"
#include "core/engine/dmtcp/processes.hpp"
#include "core/engine/start_stub.hpp"

namespace ckpt::engine::dmtcp {
namespace {

constexpr int kEngineFailure = 99; // DMTCP_FAIL_RC
constexpr milliseconds kLook{10};
constexpr milliseconds kSample{250};
constexpr seconds kAnswer{5};

MonoTime now() {
  return system_clock().monotonic();
}

tl::unexpected<Error> interrupted() {
  return fail(ErrorClass::failed, "interrupted", "the start was given up");
}

std::string states_of(const std::vector<Peer>& peers) {
  std::string text;
  for (const auto& peer : peers) {
    text += std::to_string(peer.pid) + peer.state + ' ';
  }
  return text;
}

class RestartWatch {
public:
  RestartWatch(DmtcpSession& session, const StartLimits& limits)
      : session_(session), limits_(limits), start_(now()), moved_(start_), sampled_(start_) {}

  Status run() {
    while (true) {
      const bool live = session_.root_live(); // before the look: it may run and end at once
      const auto peers = session_.peers();
      if (peers && counts_as_running(*peers)) {
        return {};
      }
      if (!live) {
        return ended();
      }
      if (!session_.link().alive()) {
        return failed("DMTCP's coordinator died");
      }
      note_progress(peers ? states_of(*peers) : std::string{});
      if (limits_.give_up && limits_.give_up()) {
        return interrupted();
      }
      if (now() - moved_ > limits_.stall_timeout) {
        return late("restart_stalled",
                    "no progress for " + format_duration(limits_.stall_timeout) +
                        (peers ? ", states: " + states_of(*peers) : std::string{}));
      }
      if (now() - start_ > limits_.timeout) {
        return late("restart_timed_out", "not done after " + format_duration(limits_.timeout));
      }
      system_clock().sleep_for(kLook);
    }
  }

private:
  // Two looks with all peers there; or several with fewer: a short-lived child (a script's `sleep`)
  // may have ended meanwhile, since none runs before all have passed DMTCP's restart barrier.
  bool counts_as_running(const std::vector<Peer>& peers) {
    if (!all_running(peers)) {
      good_looks_ = 0;
      if (peers.size() >= limits_.peers) {
        // All are connected, so the first may go on soon; what it forks while the others are not
        // yet as far would be refused.
        session_.link().hold_newcomers(true);
      }
      return false;
    }
    ++good_looks_;
    const bool all_there = peers.size() >= limits_.peers;
    if (!all_there && good_looks_ == kLooksWithFewer) {
      log::warning("restarted: " + std::to_string(peers.size()) + " of " +
                   std::to_string(limits_.peers) + " processes are still there");
    }
    return good_looks_ >= (all_there ? 2 : kLooksWithFewer);
  }

  // A program that was about to end ends with its own status; what DMTCP's tools end with is known.
  Status ended() const {
    if (const auto reason = stub_failure(limits_.plan_file)) {
      return failed(*reason);
    }
    const auto status = peek_exit(session_.root_pid());
    if (!status) {
      return failed("the process is gone");
    }
    const bool by_tool = status->signal || status->code == kEngineFailure || status->code == 255;
    if (by_tool && good_looks_ == 0) {
      return failed(status->describe());
    }
    return {};
  }

  void note_progress(const std::string& states) {
    if (states != states_) {
      states_ = states;
      moved_ = now();
    }
    if (now() - sampled_ < kSample) {
      return;
    }
    sampled_ = now();
    const std::uint64_t bytes = work_of(session_.program_processes()).bytes;
    if (bytes > most_bytes_) {
      most_bytes_ = bytes;
      moved_ = now();
    }
  }

  Status failed(const std::string& why) const {
    return fail(ErrorClass::failed,
                "restart_failed",
                "the restart failed: " + why,
                "see " + limits_.messages.string());
  }

  static Status late(const std::string& code, const std::string& why) {
    return fail(ErrorClass::timed_out,
                code,
                "the restart hangs: " + why,
                "the images may be damaged: use an older generation");
  }

  static constexpr int kLooksWithFewer = 5;

  DmtcpSession& session_;
  const StartLimits& limits_;
  MonoTime start_;
  MonoTime moved_;
  MonoTime sampled_;
  std::string states_;
  std::uint64_t most_bytes_ = 0;
  int good_looks_ = 0;
};

Status launch_failed(const std::string& why, const StartLimits& limits) {
  return fail(ErrorClass::failed,
              "launch_failed",
              "the program did not start under DMTCP: " + why,
              "see " + limits.messages.string());
}

// Loading a large program from a busy filesystem may take its time, as long as something moves.
// What has connected and does not run is another matter: DMTCP is not in what it has become.
class LaunchClock {
public:
  LaunchClock(const DmtcpSession& session, const StartLimits& limits)
      : session_(session), limits_(limits) {}

  Status check(bool connected) {
    const MonoTime time = now();
    if (!connected && time - sampled_ > kSample) {
      sampled_ = time;
      const Work work = work_of(session_.program_processes());
      moved_ = work == work_ ? moved_ : time;
      work_ = work;
    }
    if (time - moved_ <= limits_.timeout && time - start_ <= kSlowLaunch * limits_.timeout) {
      return {};
    }
    return fail(ErrorClass::timed_out,
                "launch_timed_out",
                "the program does not run under DMTCP after " + format_duration(time - start_),
                "a program that is linked statically never does: try --engine criu",
                Outcome::retryable);
  }

private:
  static constexpr int kSlowLaunch = 10;
  const DmtcpSession& session_;
  const StartLimits& limits_;
  MonoTime start_ = now();
  MonoTime moved_ = start_;
  MonoTime sampled_ = start_;
  Work work_;
};

} // namespace

Status await_launched(DmtcpSession& session, const StartLimits& limits) {
  LaunchClock clock(session, limits);
  while (true) {
    const bool live = session.root_live();
    const auto status = session.link().status(kAnswer);
    if (status && status->peers > 0 && status->running) {
      return {};
    }
    if (!live) {
      if (const auto reason = stub_failure(limits.plan_file)) {
        return launch_failed(*reason, limits);
      }
      const auto exit = peek_exit(session.root_pid());
      const bool by_engine = !exit || exit->code == kEngineFailure || !session.link().alive();
      return by_engine ? launch_failed(exit ? exit->describe() : "it is gone", limits) : Status{};
    }
    if (!session.link().alive()) {
      return launch_failed("DMTCP's coordinator died", limits);
    }
    if (limits.give_up && limits.give_up()) {
      return interrupted();
    }
    if (auto in_time = clock.check(status && status->peers > 0); !in_time) {
      return in_time;
    }
    system_clock().sleep_for(kLook);
  }
}

Status await_restarted(DmtcpSession& session, const StartLimits& limits) {
  const Status status = RestartWatch(session, limits).run();
  session.link().hold_newcomers(false);
  return status;
}

} // namespace ckpt::engine::dmtcp
