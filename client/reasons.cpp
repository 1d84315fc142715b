#include "client/reasons.hpp"

#include "client/engines_here.hpp"
#include "client/format.hpp"
#include "client/lineage.hpp"
#include "core/base/strings.hpp"
#include "core/domain/end_words.hpp"

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
      {"BeginTime",
       "it may not begin yet, because of the --begin that it was given, or of Slurm's own wait of "
       "at most two minutes after a requeue or a preemption; nothing has to be typed"},
      {"DependencyNeverSatisfied",
       "a job that it depends on has not ended as it should: restart that one, or cancel this"},
      {"Dependency", "a job that it depends on has not ended"},
      {"JobHeldUser", "it is held until `ckpt release` (or `scontrol release`)"},
      {"JobHoldMaxRequeue",
       "Slurm holds it after too many requeues, as after a node that failed again and again; "
       "`ckpt release` lets it try once more"},
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

/// "Its newest checkpoint is g2", unless newer ones were left behind by a rollback.
std::string newest_checkpoint(const JobDetails& details) {
  const GenerationId id = details.job.latest_generation->id;
  std::vector<std::string> newer;
  for (const GenerationId left : abandoned(details.generations, details.attempts)) {
    if (id < left) {
      newer.push_back(left.str());
    }
  }
  if (newer.empty()) {
    return "Its newest checkpoint is " + id.str();
  }
  return "It was set back: " + join(newer, ", ") +
         (newer.size() == 1 ? " is newer, but" : " are newer, but") +
         " abandoned, and the checkpoint that it goes on from is " + id.str();
}

/// "j-1 g3", of a fork that has nothing newer of its own; else empty.
std::string origin_text(const JobDetails& details) {
  const auto origin = origin_of(details.job.id, details.attempts);
  return origin && !details.job.latest_generation ? generation_text(*origin) : "";
}

std::string where_it_is(const JobDetails& details) {
  const std::string origin = origin_text(details);
  return details.job.latest_generation ? newest_checkpoint(details) + "."
         : origin.empty()
             ? "It has no checkpoint yet, so it begins anew."
             : "It has no checkpoint of its own yet, so it goes on from " + origin + ".";
}

bool contains(const std::string& text, const std::string& part) {
  return !part.empty() && text.find(part) != std::string::npos;
}

/// Of an attempt that could not be launched.
std::string mended_launch(const JobDetails& details, const std::string& reason) {
  if (contains(reason, "DMTCP cannot be loaded into it")) { // it is there, and not for this program
    return std::string(" `ckpt trial -- PROGRAM` tells which engine can carry it.") +
           (contains(reason, "static") ? " This one is static: submit it with --engine criu or "
                                         "app, or link it dynamically, and then:"
                                       : " Once that is mended:");
  }
  if (is_for_want_of_engine(reason)) {
    return " `ckpt doctor` tells what is missing. Once it is installed, or on your PATH "
           "(`module load dmtcp`), where the job finds it from then on:";
  }
  return " `ckpt logs " + details.job.id.str() + " --runner` has the details. Once that is mended:";
}

/// What has to be done before a restart can be of use; empty: nothing.
std::string first_to_do(const JobDetails& details) {
  const api::AttemptView* attempt = last_ended(details);
  if (attempt == nullptr || !attempt->end_reason || details.job.state != JobState::parked) {
    return "";
  }
  const std::string id = details.job.id.str();
  switch (*attempt->end_reason) {
  case EndReason::launch_failed:
    return mended_launch(details, attempt->reason);
  case EndReason::restart_failed:
    return " `ckpt logs " + id + " --runner` has the details.";
  case EndReason::out_of_memory:
    return " With more memory (`--mem`):";
  case EndReason::completed:
  case EndReason::failed:
  case EndReason::walltime:
  case EndReason::preempted:
  case EndReason::requeued:
  case EndReason::node_fail:
  case EndReason::cancelled:
  case EndReason::stopped:
  case EndReason::interrupted:
  case EndReason::fenced:
  case EndReason::lost:
  case EndReason::unknown:
    break;
  }
  return "";
}

/// What `ckpt restart` would do now.
std::string how_to_go_on(const JobDetails& details) {
  const std::string restart = "`ckpt restart " + details.job.id.str() + "`";
  const std::string first = first_to_do(details);
  if (const std::string origin = origin_text(details); !origin.empty()) {
    return (first.empty() ? " It has no checkpoint of its own:" : first) + " " + restart +
           " goes on from " + origin + ".";
  }
  if (!details.job.latest_generation) {
    return (first.empty() ? " It has no checkpoint:" : first) + " " + restart + " begins anew.";
  }
  return first +
         (first.ends_with(':')
              ? " " + restart + " goes on from " + details.job.latest_generation->id.str()
              : " " + newest_checkpoint(details) + ": " + restart + " goes on from there") +
         (details.generations.size() > 1 ? ", with `--generation gN` from another one." : ".");
}

/// How the last one ended, unless the job's own reason has said so.
std::string last_attempt(const JobDetails& details) {
  const api::AttemptView* attempt = last_ended(details);
  if (attempt == nullptr || contains(details.job.reason, attempt->reason)) {
    return "";
  }
  const std::string how = end_words(attempt->end_reason.value_or(EndReason::unknown));
  if (contains(details.job.reason, "attempt " + attempt->n.str() + " " + how) ||
      attempt->end_reason == EndReason::stopped) {
    return "";
  }
  return " Its last attempt (" + attempt->n.str() +
         (attempt->node.empty() ? "" : " on " + attempt->node) + ") " + how +
         quoted(attempt->reason) + ".";
}

constexpr std::string_view kRestarted = "restarted by the user";

/// What a queued job does when it runs, behind the reason for which it is queued.
std::string what_comes(const JobDetails& details) {
  const api::JobView& job = details.job;
  if (job.reason.starts_with(std::string(kRestarted) + " from g")) { // a rollback
    return "goes on from there";
  }
  const std::string origin = origin_text(details);
  return job.latest_generation ? "goes on from " + job.latest_generation->id.str()
         : !origin.empty()     ? "goes on from " + origin
                               : "begins anew, since it has no checkpoint";
}

/// A restart that was asked for a moment ago: Slurm has not answered yet.
std::string restarting(const JobDetails& details) {
  const api::JobView& job = details.job;
  return job.id.str() + " was " + job.reason + ". " +
         (job.scheduler == SchedulerKind::slurm ? "It waits for an allocation from Slurm, and "
                                                : "It is about to start on this machine, and ") +
         what_comes(details) + ".";
}

std::string queued(const JobDetails& details) {
  const api::JobView& job = details.job;
  const bool restarted = job.reason.starts_with(kRestarted);
  if (restarted && (!job.current_attempt || job.current_attempt->state != AttemptState::pending)) {
    return restarting(details);
  }
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
  if (attempt && attempt->state == AttemptState::ended) {
    return text; // nothing new has begun: the reason speaks of that one
  }
  if (restarted) {
    return text + " It was " + job.reason + ", and " + what_comes(details) + " when it runs.";
  }
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
  text += (job.reason.empty() ? "" : "; " + job.reason) + ". ";
  const auto& latest = job.latest_generation;
  text += latest && latest->frozen_at
              ? newest_checkpoint(details) + " (" + ago(*latest->frozen_at, now) + ")"
          : origin_text(details).empty()
              ? "It has no checkpoint yet"
              : "It has no checkpoint of its own yet, and would go on from " + origin_text(details);
  text += job.next_checkpoint_at
              ? "; the next one is due " + ago(*job.next_checkpoint_at, now) + "."
              : ".";
  return text;
}

std::string parked(const JobDetails& details) {
  const std::string id = details.job.id.str();
  const std::string& reason = details.job.reason;
  const bool held = reason.starts_with("held outside");
  return id + " is parked" + quoted(held ? pending_in_words(reason) : reason) + "." +
         (held ? " `ckpt release " + id + "` lets it go on where it waits." : "") +
         last_attempt(details) + how_to_go_on(details);
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
  return text + how_to_go_on(details);
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
