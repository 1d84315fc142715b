#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "core/domain/array.hpp"
#include "core/domain/machines.hpp"
#include "core/store/array_folder.hpp"
#include "daemon/reconciler.hpp"

#include <algorithm>

// The tasks of a job array are jobs that are submitted by one call. Invariants: each has its own
// token, so that nothing that is said of one is ever taken as said of another; all are marked as
// asked for before the call; none goes alone while what was asked of another is not known, since
// that one may be in the queue, and its array's limit with it.

namespace ckpt::daemon {

using store::JobEventKind;

namespace {

constexpr Duration kBetweenLooks = seconds{5};

SubmissionToken own_token(const LiveJob& job) {
  return task_token(job.spec.array->token, job.spec.array->index);
}

} // namespace

bool is_task_of_array(const JobSpec& spec, const SubmissionToken& token) {
  return spec.array && token == task_token(spec.array->token, spec.array->index);
}

struct Reconciler::TaskGroup {
  std::vector<LiveJob*> tasks; ///< that may go now
  std::string wait_for;        ///< why nothing may
};

/// All that wait to be submitted together with `asking`, which is one of them.
Reconciler::TaskGroup Reconciler::tasks_to_submit(LiveJob& asking) {
  TaskGroup group;
  for (const auto& [id, other] : jobs_) {
    LiveJob& job = *other;
    if (!job.spec.array || job.spec.array->token != asking.spec.array->token ||
        is_final(job.model.job.state)) {
      continue;
    }
    if (&job == &asking) {
      group.tasks.push_back(&job);
      continue;
    }
    if (!job.busy) {
      observe(job);
    }
    const SubmissionRow* open = job.model.open_submission();
    const bool of_array =
        open == nullptr ? job.model.submissions.empty() : is_task_of_array(job.spec, open->token);
    if (!of_array || (open != nullptr && (open->state == SubmissionState::submitted ||
                                          open->state == SubmissionState::refused))) {
      continue;
    }
    if (job.busy) {
      return {{}, id.str() + " of its array is being submitted"};
    }
    const auto actions = decide(facts_of(job), now(), config_.limits);
    const bool goes = std::any_of(actions.begin(), actions.end(), [&](const Action& action) {
      return action.kind == ActionKind::submit &&
             (!action.token || *action.token == own_token(job));
    });
    const bool waits = std::all_of(actions.begin(), actions.end(), [](const Action& action) {
      return action.kind == ActionKind::nothing || action.kind == ActionKind::look_for_token;
    });
    if (goes) {
      group.tasks.push_back(&job);
    } else if (waits && open != nullptr) {
      return {{},
              "it goes together with " + id.str() +
                  " of its array, which waits: " + (actions.empty() ? "" : actions.back().reason)};
    }
  }
  return group;
}

/// Written down for each before any of them is asked for.
Status Reconciler::intend(const std::vector<LiveJob*>& tasks, const std::string& reason) {
  std::vector<JobAndEvent> intents;
  for (LiveJob* job : tasks) {
    if (job->model.open_submission() == nullptr) {
      store::JobEvent intent;
      intent.kind = JobEventKind::submit_intent;
      intent.token = own_token(*job);
      intent.reason = reason;
      intent.by = "daemon";
      intents.push_back({job, std::move(intent)});
    }
  }
  return intents.empty() ? Status{} : record_all(intents);
}

Result<scheduler::Submission>
Reconciler::submission_of_tasks(const std::vector<LiveJob*>& tasks) const {
  const LiveJob& first = *tasks.front();
  const ArrayTask& array = *first.spec.array;
  auto submission = submission_of(first, array.token);
  if (!submission) {
    return submission;
  }
  const store::ArrayFolder folder(ports_.store.root(), array.token);
  submission->script = folder.batch_script();
  auto& of_tasks = submission->tasks.emplace();
  of_tasks.at_once = array.at_once;
  for (const LiveJob* job : tasks) {
    of_tasks.indexes.push_back(job->spec.array->index);
    const Path own = job->folder.submission_dir(own_token(*job));
    if (const Status made = make_directories(own); !made) {
      return tl::unexpected(made.error());
    }
  }
  std::sort(of_tasks.indexes.begin(), of_tasks.indexes.end());
  of_tasks.output_pieces = {
      folder.tasks().string() + "/", "/submissions/" + array.token.value + ".", "/batch.log"};
  const Status written = folder.write_batch_script(
      array_batch_script(config_.runner, folder.tasks(), array.token, config_.exports));
  return written ? submission : tl::unexpected(written.error());
}

void Reconciler::submit_tasks(LiveJob& asking, const std::string& reason) {
  const SubmissionToken array = asking.spec.array->token;
  const auto looked = arrays_looked_at_.find(array);
  if (looked != arrays_looked_at_.end() && now() - looked->second < kBetweenLooks) {
    return;
  }
  const TaskGroup group = tasks_to_submit(asking);
  if (group.tasks.empty()) {
    asking.waits_for = group.wait_for;
    arrays_looked_at_[array] = now();
    return;
  }
  arrays_looked_at_.erase(array);
  if (const Status intended = intend(group.tasks, reason); !intended) {
    log::error(asking.model.job.id.str() + ": " + intended.error().message);
    arrays_looked_at_[array] = now();
    return;
  }
  kill_point("array.intended");
  const auto submission = submission_of_tasks(group.tasks);
  std::vector<JobAndChange> asked;
  std::vector<JobId> ids;
  for (LiveJob* job : group.tasks) {
    tried(*job, own_token(*job));
    if (!submission) {
      put_off(*job, submission.error().message);
      continue;
    }
    job->model.open_submission()->state = SubmissionState::asked;
    Change change;
    change.submissions.insert(own_token(*job).value);
    asked.push_back({job, std::move(change)});
    ids.push_back(job->model.job.id);
  }
  if (!submission) {
    return;
  }
  if (!commit_all(asked)) {
    for (LiveJob* job : group.tasks) {
      job->model.open_submission()->state = SubmissionState::intended;
    }
    return;
  }
  kill_point("submit.asked");
  for (LiveJob* job : group.tasks) {
    job->busy = true;
  }
  auto answer = std::make_shared<Result<SchedulerJobId>>(SchedulerJobId{});
  ports_.executor.run(
      [answer, &s = ports_.scheduler, submission = *submission] {
        *answer = s.submit(submission);
        kill_point("submit.answered");
      },
      [this, answer, ids] { tasks_submitted(ids, *answer); });
}

void Reconciler::tasks_submitted(const std::vector<JobId>& tasks,
                                 const Result<SchedulerJobId>& result) {
  std::vector<JobAndEvent> accepted;
  for (const JobId id : tasks) {
    LiveJob* job = find(id);
    if (job == nullptr) {
      continue;
    }
    job->busy = false;
    const SubmissionToken token = own_token(*job);
    if (!result) {
      submitted(*job, token, tl::unexpected(result.error()));
      continue;
    }
    const SubmissionRow* open = job->model.open_submission();
    if (open == nullptr || open->token != token || open->state == SubmissionState::submitted) {
      continue; // a claim told us meanwhile
    }
    store::JobEvent event;
    event.kind = JobEventKind::submitted;
    event.token = token;
    event.by = "scheduler";
    event.scheduler_job_id = task_id(*result, job->spec.array->index);
    accepted.push_back({job, std::move(event)});
    job->waits_for.clear();
  }
  poll_soon();
  if (const Status done = record_all(accepted); !done) {
    log::error("what became of a job array is not written down: " + done.error().message);
  }
}

} // namespace ckpt::daemon
