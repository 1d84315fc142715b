#pragma once

#include "core/domain/decide.hpp"
#include "core/store/job_folder.hpp"
#include "core/store/journal.hpp"
#include "daemon/model.hpp"
#include "daemon/notices.hpp"

#include <map>
#include <optional>
#include <string>

namespace ckpt::daemon {

/// How a runner answered an order.
struct OrderAnswer {
  bool done = false;
  std::optional<GenerationId> generation;
  std::string code;
  std::string reason;
};

/// An unfinished job: its rows, its files, and what this daemon has seen of it since it started
/// (none of which is durable: it is seen again).
struct LiveJob {
  JobModel model;
  JobSpec spec;
  store::JobFolder folder;
  store::JobJournal journal;

  std::optional<store::Lease> lease;
  AttemptId lease_of;
  std::optional<MonoTime> lease_since;
  std::optional<MonoTime> lease_read_at;

  std::optional<MonoTime> tried_at; ///< of the open submission
  std::optional<MonoTime> absent_since;
  int absent_answers = 0;
  std::optional<MonoTime> absent_counted; ///< the answer that was counted last
  ActsDone done;
  SubmissionToken done_for; ///< the submission that `done`, `tried_at` and `absent…` speak of
  AttemptId policy_told_to; ///< by this daemon, with its revision
  int policy_told = 0;
  AttemptId orders_read_of; ///< orders of an earlier daemon were looked for
  std::map<SchedulerJobId, MonoTime> surplus_cancelled;

  bool generations_due = true;        ///< the folders know more than the journals: one died over it
  bool tidy_wanted = true;            ///< retention has not looked since the newest attempt ended
  std::optional<MonoTime> over_since; ///< final or parked, and nothing of it runs or waits

  NoticeBook notices;                             ///< of whom is still to be told
  scheduler::MailWish mail;                       ///< as spec and newest restart want it
  std::optional<api::WarningView> notice_trouble; ///< why nobody could be told so far

  /// Other jobs in the queue that wait for an id it had: when they were told of the new one, and
  /// why they could not be.
  std::map<SchedulerJobId, MonoTime> moved;
  std::map<SchedulerJobId, api::WarningView> not_moved;

  std::optional<Change> unsaved; ///< the registry could not take it: goes with what comes next
  bool busy = false;             ///< an act is under way in the executor
  std::string waits_for;         ///< the reason of decide()'s `nothing`
  std::map<std::int64_t, OrderAnswer> answers; ///< of the newest attempt, by order number
  AttemptId answers_of;
};

} // namespace ckpt::daemon
