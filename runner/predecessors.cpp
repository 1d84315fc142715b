#include "runner/predecessors.hpp"

#include "core/base/log.hpp"
#include "core/base/process.hpp"
#include "core/store/fate.hpp"
#include "core/store/journal.hpp"
#include "runner/neighbours.hpp"
#include "runner/program.hpp"

#include <signal.h>

#include <algorithm>

namespace ckpt::runner {
namespace {

bool has_ended(const store::JobFolder& folder, const store::AttemptFolder& attempt) {
  const auto fate = store::read_fate(folder, attempt.id());
  if (fate && *fate && (*fate)->kind == store::FateKind::result) {
    return true; // its program is gone; the journal's last line may never come
  }
  const auto batch = store::read_attempt_events(attempt.journal());
  return batch && std::any_of(batch->events.begin(), batch->events.end(), [](const auto& event) {
           return event.kind == store::AttemptEventKind::ended;
         });
}

/// Its runner died on this very host and boot: its program died with it (PDEATHSIG), or is found by
/// its environment.
bool is_dead_here(const store::Claim& claim) {
  if (claim.host != host_name() || claim.boot_id != boot_id()) {
    return false;
  }
  const auto process = process_info(static_cast<pid_t>(claim.pid));
  return !process || process->start_ticks != claim.start_ticks || process->state == 'Z';
}

/// The lease of one attempt, watched.
class LeaseWatch {
public:
  explicit LeaseWatch(store::AttemptFolder attempt) : attempt_(std::move(attempt)) {}

  bool ran_out(MonoTime now, Duration lease) {
    const auto seen = attempt_.read_lease();
    if (!seen && seen.error().code != "no_such_file") {
      unchanged_since_.reset(); // not readable is not unchanged
      return false;
    }
    const store::Lease current = seen ? *seen : store::Lease{};
    if (!unchanged_since_ || !(current == last_)) {
      unchanged_since_ = now;
      last_ = current;
    }
    return now - *unchanged_since_ >= lease;
  }

private:
  store::AttemptFolder attempt_;
  store::Lease last_;
  std::optional<MonoTime> unchanged_since_;
};

/// A fork's program has its origin's environment: one that another job's runner looks after is no
/// left-over.
std::vector<ProcessInfo> left_overs_with(const std::string& mark, const Path& ours) {
  std::vector<ProcessInfo> found = processes_with_environment(mark);
  std::erase_if(found, [&](const ProcessInfo& one) { return is_of_another_job(one.pid, ours); });
  return found;
}

void end_left_overs(const Context& context, AttemptId before, Clock& clock) {
  constexpr Duration kPatience = seconds{10};
  const MonoTime deadline = clock.monotonic() + kPatience;
  for (std::int64_t number = 1; number < before.value; ++number) {
    const std::string mark = "CKPT_RUN=" + run_mark(context, AttemptId{number});
    std::vector<ProcessInfo> found = left_overs_with(mark, context.job_path);
    while (!found.empty() && clock.monotonic() < deadline) {
      for (const ProcessInfo& process : found) {
        log::warning("ending left-over process " + std::to_string(process.pid) + " (" +
                     process.comm + ") of attempt " + std::to_string(number));
        signal_process(process, SIGKILL);
      }
      clock.sleep_for(milliseconds{20});
      found = left_overs_with(mark, context.job_path);
    }
  }
}

} // namespace

Status wait_for_predecessors(const Context& context,
                             AttemptId ours,
                             Clock& clock,
                             const std::function<void(std::string)>& report,
                             const std::function<bool()>& give_up) {
  const auto claims = context.folder().read_claims();
  if (!claims) {
    return tl::unexpected<Error>(claims.error());
  }
  bool reported = false;
  for (const store::Claim& claim : *claims) {
    if (claim.attempt >= ours) {
      continue;
    }
    const store::AttemptFolder attempt = context.folder().attempt(claim.attempt);
    LeaseWatch watch(attempt);
    while (!has_ended(context.folder(), attempt) && !is_dead_here(claim) &&
           !watch.ran_out(clock.monotonic(), context.lease)) {
      if (give_up()) {
        return fail(
            ErrorClass::failed, "interrupted", "ended while it waited for an earlier attempt");
      }
      if (!reported) {
        report("attempt " + claim.attempt.str() + " on " + claim.host +
               " has no recorded end: waiting for its lease to run out");
        reported = true;
      }
      clock.sleep_for(milliseconds{200});
    }
  }
  end_left_overs(context, ours, clock);
  return {};
}

} // namespace ckpt::runner
