#pragma once

#include "core/domain/allocation.hpp"
#include "core/domain/job.hpp"
#include "core/domain/machines.hpp"

#include <optional>
#include <string>
#include <vector>

// What the daemon does next about one job, as a pure function of what it knows. Facts that were
// seen "for how long" are instants on the monotonic clock of the daemon that watched, so that a
// daemon that has just started knows little and waits.

namespace ckpt {

/// How long an unknown must last before it has an exit, and how often an act may be repeated.
struct DecideLimits {
  Duration lease = seconds{60};           ///< L: an older lease must stand still for this long
  Duration absence = seconds{60};         ///< between two answers that know nothing of an id
  Duration submit_patience = seconds{90}; ///< after a try of unknown outcome, before the next one
  Duration submit_retry = seconds{15};    ///< after a try that certainly did nothing
  Duration cred_expire = minutes{10};     ///< a longer BeginTime is a person's wish
  Duration act_repeat = seconds{15};      ///< cancel, requeue, start_now, ring: asked again after
  int fruitless = 3;                      ///< attempts in a row without progress; then parked
};

/// The newest wish to run the job in an allocation that has not been closed.
struct SubmissionFacts {
  SubmissionToken token;
  enum class State {
    intended,        ///< written down; the scheduler was not asked in this try
    outcome_unknown, ///< it was asked, and may have taken it
    submitted,       ///< it has an id
    refused,         ///< the scheduler said no for good (reason)
  };
  State state = State::intended;
  std::optional<SchedulerJobId> id;
  std::optional<MonoTime> tried_at; ///< the newest try, as far as this daemon knows
  std::string reason;
};

/// What the scheduler shows of the submission's allocation (found by id, or by its token).
struct AllocationFacts {
  enum class Sight {
    not_asked, ///< not since this daemon started, or not since the newest act
    no_answer, ///< it is down
    absent,    ///< it answered and does not know the id, nor does accounting
    present,
  };
  Sight sight = Sight::not_asked;
  std::optional<Allocation> allocation; ///< with `present`
  std::optional<MonoTime> answered_at;  ///< the answer that `sight` rests on
  std::optional<Duration> begins_in;    ///< from then on, until it may start at the earliest
  std::string node_leaving;             ///< why its node is being taken away; empty: it is not
  std::optional<MonoTime> absent_since; ///< the first of the answers in a row without it
  int absent_answers = 0;
  std::vector<SchedulerJobId> surplus; ///< others with a token of this job that are not over
};

/// The newest claimed attempt, as its journal tells.
struct AttemptFacts {
  AttemptId id;
  SubmissionToken token;
  int restart_count = 0;
  bool program_ran = false;
  bool requeue_intent = false;
  bool term_seen = false;
  bool marked_lost = false;
  std::optional<MonoTime> lease_still_since; ///< nothing: not watched yet
  std::optional<EndReason> ended;            ///< the journal's final event
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::string end_detail;
};

struct Wishes {
  bool stop = false;
  bool cancel = false;
  bool hold = false;
  bool release = false; ///< a hold was taken back, and an allocation that waits may still have it
  std::string reason;   ///< the user's words, or the daemon's
};

struct JobCounts {
  int restarts = 0;               ///< attempts begun after the first
  int fruitless_in_a_row = 0;     ///< the newest ended attempts that neither sealed nor finished
  std::string fruitless_evidence; ///< "attempt 4: launch_failed (…)"
  Duration run_time{0};           ///< of the program, over all attempts
};

/// When this daemon last did it for this allocation (nothing: not yet).
struct ActsDone {
  std::optional<MonoTime> cancelled_at;
  std::optional<MonoTime> requeued_at;
  std::optional<MonoTime> start_now_at;
  std::optional<MonoTime> rung_at;
  std::optional<MonoTime> held_at; ///< or released
  bool requeue_refused = false;    ///< the scheduler will not; submit anew
  bool stop_order_given = false;   ///< to the newest attempt
  bool drain_order_given = false;  ///< likewise, since its node began to be taken away
};

struct JobFacts {
  JobId job; ///< for what a person may type
  JobState state = JobState::queued;
  Policy policy;
  Wishes wishes;
  JobCounts counts;
  std::optional<SubmissionFacts> submission;
  AllocationFacts allocation;
  std::optional<AttemptFacts> attempt; ///< the newest, of whichever submission
  ActsDone done;
};

enum class ActionKind {
  nothing,
  submit,            ///< a new submission, or the next try of `token`
  look_for_token,    ///< ask the scheduler soon; the answer decides
  start_now,         ///< take the wait after a requeue away
  requeue,           ///< of `allocation`
  cancel_allocation, ///< `allocation`
  hold_allocation,   ///< `allocation`, which has not begun
  release_allocation,
  stop_order,       ///< to the newest attempt, and ring
  drain_order,      ///< to the newest attempt, and ring: a checkpoint, since its node will go
  ring,             ///< an order was given and not answered
  close_submission, ///< revoke `token`: it is over, or must not start any more
  mark_lost,        ///< the newest attempt
  transition,       ///< `event`
};

/// One thing to do. The reason is for people: it shows in `ckpt show` and in the events.
struct Action {
  ActionKind kind = ActionKind::nothing;
  std::string reason;
  std::optional<SubmissionToken> token;
  std::optional<SchedulerJobId> allocation;
  std::optional<JobEventType> event;
  std::optional<int> exit_code;
  std::optional<int> signal;
  bool operator==(const Action&) const = default;
};

/// At least one action (`nothing` says why it waits), in the order in which they are to be done.
/// Never more than one of submit and requeue; never any for a job in a final state but the
/// cancelling of what is left over.
std::vector<Action> decide(const JobFacts& facts, MonoTime now, const DecideLimits& limits);

/// An attempt that ended so, without a newly sealed generation, made no progress by a fault that
/// will probably repeat itself (unlike a preemption, or a node that died).
bool is_fruitless(EndReason reason);

} // namespace ckpt
