#include "client/follow.hpp"

#include "core/base/clock.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace ckpt::client {
namespace {

constexpr seconds kLongPoll{30};
constexpr milliseconds kShortestPause{100};
constexpr milliseconds kLongestPause{1000};
constexpr int kReconnects = 5;

std::atomic<int> interrupts{0};
void on_interrupt(int /*signal*/) {
  ++interrupts;
}

/// Calls the daemon; when it is gone, finds it again a few times.
template <class Call>
auto patiently(Session& session, const Call& call) -> decltype(call(std::declval<ApiClient&>())) {
  for (int tries = 0;; ++tries) {
    const auto daemon = session.daemon();
    if (!daemon) {
      return tl::unexpected(daemon.error());
    }
    auto result = call(**daemon);
    const bool gone = !result && result.error().cls == ErrorClass::no_daemon;
    const bool busy = !result && result.error().code == "too_many_waiting";
    if ((!gone && !busy) || tries == kReconnects) {
      return result;
    }
    if (gone) {
      session.forget_daemon();
    }
    system_clock().sleep_for(kLongestPause);
  }
}

} // namespace

bool is_settled(JobState state) {
  switch (state) {
  case JobState::parked:
  case JobState::completed:
  case JobState::failed:
  case JobState::cancelled:
    return true;
  case JobState::queued:
  case JobState::running:
  case JobState::stopping:
    break;
  }
  return false;
}

JobResult result_of(const api::JobView& job) {
  constexpr int kSignalled = 128;
  JobResult result{job, 1, false};
  if (job.state == JobState::parked) {
    result.exit_status = kParkedStatus;
  } else if (job.state == JobState::completed || job.state == JobState::failed) {
    result.from_program = job.exit_code.has_value() || job.signal.has_value();
    if (job.signal) {
      result.exit_status = kSignalled + *job.signal;
    } else if (job.exit_code) {
      result.exit_status = *job.exit_code;
    } else {
      result.exit_status = job.state == JobState::completed ? 0 : 1;
    }
  }
  return result;
}

Result<api::JobView> wait_for_job(Session& session,
                                  const std::string& selector,
                                  std::optional<MonoTime> deadline,
                                  const std::function<bool(const api::JobView&)>& done) {
  api::EventFilter filter; // from now on; so nothing is missed between the two questions
  filter.limit = 1000;
  std::string job_name = selector;
  for (;;) {
    const Duration left = deadline ? *deadline - system_clock().monotonic() : Duration(kLongPoll);
    const auto page = patiently(session, [&](ApiClient& client) { return client.events(filter); });
    if (!page) {
      return tl::unexpected(page.error());
    }
    filter.after = page->last_seq;
    auto job = patiently(session, [&](ApiClient& client) { return client.job(job_name); });
    if (!job || done(*job)) {
      return job;
    }
    job_name = job->id.str(); // "last" and names may come to mean another job
    filter.job = job_name;
    if (left <= Duration{0}) {
      return fail(ErrorClass::timed_out,
                  "wait_timed_out",
                  job_name + " is still " + std::string(word(job->state)),
                  "It goes on. Type `ckpt wait " + job_name + "` to wait on.");
    }
    filter.wait = std::clamp<Duration>(left, seconds{1}, kLongPoll);
  }
}

Result<api::JobView> wait_for_number(Session& session, const api::JobView& job, Duration patience) {
  return wait_for_job(
      session, job.id.str(), system_clock().monotonic() + patience, [](const api::JobView& view) {
        return is_settled(view.state) ||
               (view.current_attempt && !view.current_attempt->scheduler_job_id.empty());
      });
}

void say_warnings(Session& session, const api::JobView& job) {
  for (const api::WarningView& warning : job.warnings) {
    session.say("warning: " + warning.message);
  }
}

int wait_for_end(Session& session, const api::JobView& job) {
  const auto ended = wait_for_job(
      session, job.id.str(), {}, [](const api::JobView& view) { return is_settled(view.state); });
  return ended ? result_of(*ended).exit_status : session.fail(ended.error());
}

Result<std::uint64_t> copy_output(Session& session,
                                  const std::string& selector,
                                  api::OutputRequest request,
                                  bool follow,
                                  std::FILE* out,
                                  const std::function<Status(std::uint64_t)>& each_turn) {
  Duration pause = kShortestPause;
  for (;;) {
    const auto chunk =
        patiently(session, [&](ApiClient& client) { return client.output(selector, request); });
    if (!chunk) {
      return tl::unexpected(chunk.error());
    }
    if (chunk->offset < request.offset) {
      session.say("the job went back to a checkpoint: the last " +
                  std::to_string(request.offset - chunk->offset) + " bytes above will come again");
    }
    request.offset = chunk->offset + chunk->data.size();
    (void)std::fwrite(chunk->data.data(), 1, chunk->data.size(), out);
    if (std::fflush(out) != 0) {
      return fail(ErrorClass::failed,
                  errno == EPIPE ? "output_closed" : "output_failed",
                  std::string("the output cannot be written any more: ") + std::strerror(errno));
    }
    const bool at_end = request.offset >= chunk->size;
    if (at_end && (chunk->complete || !follow)) {
      return request.offset;
    }
    if (each_turn) {
      if (const Status fine = each_turn(request.offset); !fine) {
        return tl::unexpected(fine.error());
      }
    }
    if (at_end) {
      system_clock().sleep_for(pause);
    }
    pause = chunk->data.empty() ? std::min<Duration>(2 * pause, kLongestPause)
                                : Duration(kShortestPause);
  }
}

const std::atomic<int>& count_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigaction(SIGINT, &action, nullptr);
  return interrupts;
}

} // namespace ckpt::client
