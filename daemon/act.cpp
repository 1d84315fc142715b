#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "core/base/strings.hpp"
#include "core/store/fate.hpp"
#include "daemon/reconciler.hpp"

#include <algorithm>
#include <utility>

// Every act is written down before it is done, and safe to repeat after a crash between the two.

namespace ckpt::daemon {

using store::JobEventKind;

namespace {

std::string script_with(const std::map<std::string, std::string>& exports,
                        const std::string& command) {
  std::string script = "#!/bin/sh\n";
  for (const auto& [name, value] : exports) {
    script += "export " + name + "=" + shell_quote(value) + "\n";
  }
  return script + "exec " + command + "\n";
}

} // namespace

std::string batch_script(const std::string& runner,
                         const Path& job_folder,
                         const SubmissionToken& token,
                         const std::map<std::string, std::string>& exports) {
  return script_with(
      exports, shell_join({runner, "run", "--job", job_folder.string(), "--token", token.value}));
}

std::string array_batch_script(const std::string& runner,
                               const Path& tasks,
                               const SubmissionToken& array,
                               const std::map<std::string, std::string>& exports) {
  const std::string index = "\"$SLURM_ARRAY_TASK_ID\"";
  return script_with(exports,
                     shell_quote(runner) + " run --job " + shell_quote(tasks.string() + "/") +
                         index + " --token " + shell_quote(array.value + ".") + index);
}

void Reconciler::act(LiveJob& job, const Action& action) {
  switch (action.kind) {
  case ActionKind::nothing:
    return;
  case ActionKind::submit:
    return submit(job, action);
  case ActionKind::look_for_token:
    job.waits_for = action.reason;
    return poll_soon();
  case ActionKind::start_now:
    job.done.start_now_at = now();
    return ask_scheduler(
        job, [&s = ports_.scheduler, id = *action.allocation] { return s.start_now(id); });
  case ActionKind::requeue:
    job.done.requeued_at = now();
    return ask_scheduler(
        job,
        [&s = ports_.scheduler, id = *action.allocation] {
          Status asked = s.requeue(id);
          return asked ? s.start_now(id), asked : asked; // the wait taken away is a bonus
        },
        [](LiveJob& j, const Status& asked) {
          j.done.requeue_refused = !asked && asked.error().outcome == Outcome::permanent;
        });
  case ActionKind::cancel_allocation:
    job.surplus_cancelled[*action.allocation] = now();
    if (const auto* open = job.model.open_submission();
        open != nullptr && open->scheduler_job_id == action.allocation) {
      if (!job.done.cancelled_at) {
        give_cancel_order(job, action.reason);
      }
      job.done.cancelled_at = now();
    }
    return ask_scheduler(job,
                         [&s = ports_.scheduler, id = *action.allocation] { return s.cancel(id); });
  case ActionKind::hold_allocation:
    job.done.held_at = now();
    return ask_scheduler(job,
                         [&s = ports_.scheduler, id = *action.allocation] { return s.hold(id); });
  case ActionKind::release_allocation:
    job.done.held_at = now();
    return ask_scheduler(
        job,
        [&s = ports_.scheduler, id = *action.allocation] { return s.release(id); },
        [this](LiveJob& j, const Status& asked) {
          const bool settled = asked || asked.error().outcome == Outcome::permanent;
          if (settled && j.model.job.hold == HoldWish::releasing) {
            j.model.job.hold = HoldWish::none; // a hold that is seen from now on is another one
            commit(j, {});
          }
        });
  case ActionKind::stop_order:
    poll_soon();
    return give_stop_order(job);
  case ActionKind::drain_order:
    return give_drain_order(job, action);
  case ActionKind::ring:
    poll_soon(); // whoever does not answer may be gone, and another attempt have begun
    return ring(job);
  case ActionKind::close_submission:
    return close_submission(job, action);
  case ActionKind::mark_lost:
    return mark_lost(job, action);
  case ActionKind::transition:
    return transition(job, action);
  }
}

void Reconciler::ask_scheduler(LiveJob& job,
                               std::function<Status()> blocking,
                               std::function<void(LiveJob&, const Status&)> then) {
  job.busy = true;
  auto answer = std::make_shared<Status>();
  kill_point("act.begin");
  ports_.executor.run([answer, blocking = std::move(blocking)] { *answer = blocking(); },
                      [this, answer, then = std::move(then), id = job.model.job.id] {
                        LiveJob* again = find(id);
                        if (again == nullptr) {
                          return;
                        }
                        kill_point("act.done");
                        again->busy = false;
                        if (!*answer) {
                          log::warning(id.str() + ": " + answer->error().message);
                        }
                        if (then) {
                          then(*again, *answer);
                        }
                        poll_soon();
                      });
}

void Reconciler::submit(LiveJob& job, const Action& action) {
  const bool first = !action.token && job.model.submissions.empty() && job.spec.array;
  if (first || (action.token && is_task_of_array(job.spec, *action.token))) {
    return submit_tasks(job, action.reason);
  }
  SubmissionToken token;
  if (action.token) {
    token = *action.token;
  } else {
    token = SubmissionToken{random_hex(16)};
    store::JobEvent intent;
    intent.kind = JobEventKind::submit_intent;
    intent.token = token;
    intent.reason = action.reason;
    intent.by = "daemon";
    if (!record(job, intent)) {
      return;
    }
  }
  const auto submission = submission_of(job, token);
  tried(job, token);
  Status prepared = submission ? write_start(job, token) : tl::unexpected(submission.error());
  if (prepared) {
    const auto script = job.folder.prepare_submission(
        token, batch_script(config_.runner, job.folder.path(), token, config_.exports));
    prepared = script ? prepared : tl::unexpected(script.error());
  }
  SubmissionRow* open = job.model.open_submission();
  if (open == nullptr) {
    return;
  }
  if (!prepared) {
    return put_off(job, prepared.error().message);
  }
  open->state = SubmissionState::asked;
  Change change;
  change.submissions.insert(token.value);
  if (!commit(job, change)) {
    open->state = SubmissionState::intended;
    return;
  }
  kill_point("submit.asked");
  job.busy = true;
  auto answer = std::make_shared<Result<SchedulerJobId>>(SchedulerJobId{});
  ports_.executor.run(
      [answer, &s = ports_.scheduler, submission = *submission] {
        *answer = s.submit(submission);
        kill_point("submit.answered");
      },
      [this, answer, token, id = job.model.job.id] {
        if (LiveJob* again = find(id)) {
          again->busy = false;
          submitted(*again, token, *answer);
        }
      });
}

void Reconciler::tried(LiveJob& job, const SubmissionToken& token) {
  job.done_for = token;
  forget_watch(job);
  job.tried_at = now();
}

void Reconciler::put_off(LiveJob& job, const std::string& why) {
  if (SubmissionRow* open = job.model.open_submission()) {
    open->reason = why;
  }
  job.waits_for = why;
}

Status Reconciler::write_start(LiveJob& job, const SubmissionToken& token) {
  const store::StartWish wish{job.model.chosen_start(), job.model.job.attempt_floor};
  return job.folder.write_start(token, wish);
}

Result<scheduler::Submission> Reconciler::submission_of(const LiveJob& job,
                                                        const SubmissionToken& token) const {
  const JobRow& row = job.model.job;
  scheduler::Submission submission;
  submission.token = token;
  submission.name = job.spec.array ? job.spec.array->name : row.name;
  submission.script = job.folder.submission_dir(token) / "batch.sh";
  submission.cwd = row.cwd;
  submission.output_path = (job.folder.submission_dir(token) / "batch.log").string();
  auto args = args_of(job);
  if (!args) {
    return tl::unexpected(args.error());
  }
  submission.args = *std::move(args);
  submission.time_limit = row.overrides.time_limit ? row.overrides.time_limit : job.spec.time_limit;
  submission.warn_before = config_.warn_before;
  submission.env = config_.env;
  return submission;
}

void Reconciler::submitted(LiveJob& job,
                           const SubmissionToken& token,
                           const Result<SchedulerJobId>& result) {
  SubmissionRow* open = job.model.open_submission();
  poll_soon();
  if (open == nullptr || open->token != token || open->state == SubmissionState::submitted) {
    return; // a claim told us meanwhile
  }
  store::JobEvent event;
  event.token = token;
  event.by = "scheduler";
  if (result) {
    event.kind = JobEventKind::submitted;
    event.scheduler_job_id = *result;
    record(job, event);
    job.waits_for.clear();
    return;
  }
  const Error& error = result.error();
  const bool advised = error.outcome == Outcome::permanent && !error.advice.empty();
  open->reason = error.message + (advised ? ": " + error.advice : "");
  job.waits_for = open->reason;
  log::warning(job.model.job.id.str() + ": " + open->reason);
  if (result.error().outcome == Outcome::permanent) {
    event.kind = JobEventKind::submit_failed;
    event.reason = open->reason;
    record(job, event);
    attend(job); // refused: the job fails or is parked, and whoever waits is told
    return;
  }
  if (result.error().outcome == Outcome::retryable) {
    open->state = SubmissionState::intended; // nothing happened
  }
  Change change;
  change.submissions.insert(token.value);
  commit(job, change);
}

void Reconciler::close_submission(LiveJob& job, const Action& action) {
  if (const Status revoked = job.folder.revoke(*action.token); !revoked) {
    job.waits_for = revoked.error().message; // first it must not start any more
    return;
  }
  store::JobEvent event;
  event.kind = JobEventKind::token_revoked;
  event.token = action.token;
  event.reason = action.reason;
  const AttemptRow* newest = job.model.newest_attempt();
  if (newest == nullptr || newest->token != *action.token) {
    // No runner has begun: what the batch script said is the only evidence there is.
    const auto log = read_file(job.folder.submission_dir(*action.token) / "batch.log");
    const auto lines = log ? split_lines(*log) : std::vector<std::string>{};
    event.reason += lines.empty() ? "" : "; it said: " + lines.back().substr(0, 300);
  }
  event.by = "daemon";
  record(job, event);
}

void Reconciler::mark_lost(LiveJob& job, const Action& action) {
  EndReason reason = EndReason::lost;
  const SubmissionRow* open = job.model.open_submission();
  const auto found = open != nullptr && open->scheduler_job_id
                         ? sightings_.by_id.find(*open->scheduler_job_id)
                         : sightings_.by_id.end();
  if (found != sightings_.by_id.end()) {
    const EndReason told = end_reason_from_allocation(found->second);
    const bool telling = told == EndReason::node_fail || told == EndReason::preempted ||
                         told == EndReason::walltime || told == EndReason::out_of_memory ||
                         told == EndReason::requeued;
    // The scheduler sees the batch script; a runner without a last word is no program's result.
    reason = telling ? told : EndReason::lost;
    if (found->second.restart_count > job.model.newest_attempt()->restart_count) {
      reason = EndReason::requeued;
    }
  }
  store::JobEvent event;
  event.kind = JobEventKind::attempt_lost;
  event.attempt = job.model.newest_attempt()->n;
  event.reason = std::string(word(reason)) + ": " + action.reason;
  // First so that no result can come any more; if one was faster, the job has it.
  const store::Fate wish{.kind = store::FateKind::given_up,
                         .by = {},
                         .reason = event.reason,
                         .exit_code = {},
                         .signal = {},
                         .at = wall()};
  const auto fate = store::decide_fate(job.folder, *event.attempt, wish);
  if (!fate) {
    job.waits_for = fate.error().message;
    return;
  }
  if (fate->kind == store::FateKind::result) {
    Change change;
    take_result(job.model, *event.attempt, *fate, change);
    commit(job, change);
    return;
  }
  kill_point("lost.given_up");
  event.by = "daemon";
  record(job, event);
}

void Reconciler::transition(LiveJob& job, const Action& action) {
  store::JobEvent event;
  event.reason = action.reason;
  event.by = "daemon";
  event.exit_code = action.exit_code;
  event.signal = action.signal;
  switch (*action.event) {
  case JobEventType::completed:
    event.kind = JobEventKind::completed;
    break;
  case JobEventType::failed:
    event.kind = JobEventKind::failed;
    break;
  case JobEventType::cancelled:
    event.kind = JobEventKind::cancelled;
    break;
  case JobEventType::parked:
    event.kind = JobEventKind::parked;
    event.token = action.token;
    break;
  case JobEventType::restart_asked:
    event.kind = JobEventKind::released;
    event.by = "scheduler";
    break;
  case JobEventType::attempt_started:
  case JobEventType::attempt_over:
  case JobEventType::stop_asked:
    return; // these come from journals and users
  }
  const SubmissionRow* open = job.model.open_submission();
  if (open != nullptr && !action.token && event.kind != JobEventKind::released) {
    // It must not start again, also when somebody requeues the finished allocation.
    if (const Status revoked = job.folder.revoke(open->token); !revoked) {
      job.waits_for = revoked.error().message;
      return;
    }
  }
  kill_point("transition.revoked");
  record(job, event);
}

} // namespace ckpt::daemon
