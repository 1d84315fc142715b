#include "client/reasons.hpp"

#include "client/format.hpp"

#include <algorithm>

namespace ckpt::client {
namespace {

const api::AttemptView* last_ended(const JobDetails& details) {
  const api::AttemptView* found = nullptr;
  for (const api::AttemptView& attempt : details.attempts) {
    if (attempt.ended_at) {
      found = &attempt;
    }
  }
  return found;
}

std::string quoted(const std::string& reason) {
  return reason.empty() ? "" : ": " + reason;
}

/// Slurm's words that people ask about, in other words.
std::string pending_in_words(const std::string& reason) {
  const std::pair<const char*, const char*> kWords[] = {
      {"Resources", "no node with enough room is free yet"},
      {"Priority", "others are before it in the queue"},
      {"BeginTime", "it may not begin before a certain time"},
      {"DependencyNeverSatisfied",
       "a job that it depends on has not ended as it should: restart that one, or cancel this"},
      {"Dependency", "a job that it depends on has not ended"},
      {"JobHeldUser", "it is held; `scontrol release` or `ckpt release` lets it go"},
      {"JobHeldAdmin", "an administrator holds it"},
      {"PartitionTimeLimit", "its time limit is longer than the partition allows"},
      {"ReqNodeNotAvail", "a node that it needs is reserved or down, see `ckpt nodes`"},
      {"QOSMaxJobsPerUserLimit", "as many of your jobs run as the QOS allows"},
      {"AssocGrpCPUMinutesLimit", "the account's budget is used up"}};
  for (const auto& [word, text] : kWords) {
    if (reason.find(word) != std::string::npos) {
      return std::string(text) + " (" + reason + ")";
    }
  }
  return reason;
}

std::string where_it_is(const JobDetails& details) {
  const auto& latest = details.job.latest_generation;
  return latest ? "Its newest checkpoint is " + latest->id.str() + "."
                : "It has no checkpoint yet, so it begins anew.";
}

/// What `ckpt restart` would do now.
std::string how_to_go_on(const JobDetails& details) {
  const std::string restart = "`ckpt restart " + details.job.id.str() + "`";
  const auto& latest = details.job.latest_generation;
  if (!latest) {
    return "It has no checkpoint: " + restart + " begins anew.";
  }
  return "Its newest checkpoint is " + latest->id.str() + ": " + restart + " goes on from there" +
         (details.generations.size() > 1 ? ", with `--generation gN` from an older one." : ".");
}

std::string last_attempt(const JobDetails& details) {
  const api::AttemptView* attempt = last_ended(details);
  if (attempt == nullptr || (!attempt->reason.empty() && attempt->reason == details.job.reason)) {
    return ""; // nothing new
  }
  const std::string how =
      attempt->end_reason ? std::string(word(*attempt->end_reason)) : std::string("unknown");
  return " Its last attempt (" + attempt->n.str() +
         (attempt->node.empty() ? "" : " on " + attempt->node) + ") ended by " + how +
         quoted(attempt->reason) + ".";
}

std::string queued(const JobDetails& details) {
  const api::JobView& job = details.job;
  std::string text = job.id.str() + " waits";
  const auto& attempt = job.current_attempt;
  if (attempt && attempt->state == AttemptState::pending) {
    text += " in the queue as Slurm job " + attempt->scheduler_job_id.value;
    text += attempt->reason.empty() ? "" : ": " + pending_in_words(attempt->reason);
  } else if (job.reason.empty()) {
    text += attempt && !attempt->node.empty()
                ? ": it is being started on " + attempt->node
                : ": it was submitted only now, ask again in a moment";
  } else {
    text += quoted(job.reason);
  }
  text += ".";
  text += last_attempt(details);
  return details.job.attempts_count > 0 ? text + " " + where_it_is(details) : text;
}

std::string running(const JobDetails& details, TimePoint now) {
  const api::JobView& job = details.job;
  std::string text = job.id.str() + " runs";
  if (job.current_attempt && !job.current_attempt->node.empty()) {
    text += " on " + job.current_attempt->node;
  }
  if (job.current_attempt && job.current_attempt->walltime_ends_at) {
    text += "; its allocation ends " + ago(*job.current_attempt->walltime_ends_at, now);
  }
  text += ". ";
  const auto& latest = job.latest_generation;
  text += latest && latest->frozen_at ? "Its newest checkpoint is " + latest->id.str() + " (" +
                                            ago(*latest->frozen_at, now) + ")"
                                      : "It has no checkpoint yet";
  text += job.next_checkpoint_at
              ? "; the next one is due " + ago(*job.next_checkpoint_at, now) + "."
              : ".";
  return text;
}

std::string parked(const JobDetails& details) {
  return details.job.id.str() + " is parked" + quoted(details.job.reason) + "." +
         last_attempt(details) + " " + how_to_go_on(details);
}

std::string failed(const JobDetails& details) {
  const api::JobView& job = details.job;
  const std::string id = job.id.str();
  std::string text =
      id + (job.state == JobState::cancelled ? " was " : " ") + outcome_with_reason(job) + ".";
  if (!job.stdout_path.empty()) {
    const std::string& said = job.stderr_path.empty() ? job.stdout_path : job.stderr_path;
    text += " What the program said is in " + said + " (`ckpt logs " + id + "`)" +
            (details.last_lines.empty() ? "." : "; the end of it stands below.");
  }
  if (job.attempts_count == 0) {
    return text; // the scheduler refused it: there is nothing to go on from
  }
  return text + " " + how_to_go_on(details);
}

/// Who waits for it in the queue and cannot go on.
std::string dependents(const JobDetails& details) {
  std::string text;
  for (const api::WarningView& warning : details.job.warnings) {
    if (warning.code.starts_with("dependent_")) {
      text += " " + warning.message + ": " + warning.advice + ".";
    }
  }
  return text;
}

std::string in_a_sentence(const JobDetails& details, TimePoint now) {
  const api::JobView& job = details.job;
  switch (job.state) {
  case JobState::queued:
    return queued(details);
  case JobState::running:
    return running(details, now);
  case JobState::stopping:
    return job.id.str() + " is being stopped" + quoted(job.reason) +
           ". It is parked once its last checkpoint is sealed.";
  case JobState::parked:
    return parked(details);
  case JobState::completed:
    return job.id.str() + " is done: the program ended with status 0" +
           (job.ended_at ? ", " + ago(*job.ended_at, now) : "") + ".";
  case JobState::failed:
  case JobState::cancelled:
    return failed(details);
  }
  return "";
}

} // namespace

std::string why(const JobDetails& details, TimePoint now) {
  return in_a_sentence(details, now) + dependents(details);
}

} // namespace ckpt::client
