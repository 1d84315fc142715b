#include "daemon/event_text.hpp"

#include "core/base/strings.hpp"
#include "core/domain/end_words.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace ckpt::daemon {
namespace {

using store::AttemptEventKind;
using store::JobEventKind;

std::string with(const std::string& text, const std::string& reason) {
  return reason.empty() ? text : text + ": " + reason;
}

/// The reason is a sentence by itself where there is one.
std::string reason_or(const std::string& reason, const std::string& otherwise) {
  return reason.empty() ? otherwise : reason;
}

std::string how(const std::optional<int>& exit_code, const std::optional<int>& signal) {
  return signal      ? " by signal " + std::to_string(*signal)
         : exit_code ? " with exit status " + std::to_string(*exit_code)
                     : "";
}

/// Exit status or signal, and the reason: once, where the reason is only that.
std::string with_status(const std::string& text,
                        const std::optional<int>& exit_code,
                        const std::optional<int>& signal,
                        const std::string& reason) {
  if (signal && reason.starts_with("killed by signal " + std::to_string(*signal))) {
    return with(text, reason); // it has the signal's name, too
  }
  const bool same = exit_code && reason == "exit status " + std::to_string(*exit_code);
  return with(text + how(exit_code, signal), same ? "" : reason);
}

std::string value_text(const nlohmann::json& value, bool is_time) {
  if (is_time && value.is_number()) {
    constexpr double kMilliseconds = 1000;
    return format_duration(Duration{std::llround(value.get<double>() * kMilliseconds)});
  }
  if (value.is_array()) {
    std::string text;
    for (const nlohmann::json& one : value) {
      text += (text.empty() ? "" : " ") + value_text(one, is_time);
    }
    return text;
  }
  return value.is_null() ? "none" : value.is_string() ? value.get<std::string>() : dump_json(value);
}

/// "every 10m, keep 5", in the words of the options. The event has what was asked for as JSON.
std::string policy_words(const std::string& patch) {
  constexpr std::string_view kTime = "_seconds";
  const auto json = parse_json(patch);
  if (!json || !json->is_object()) {
    return patch;
  }
  std::vector<std::string> words;
  for (const auto& [key, value] : json->items()) {
    if (key == "tags" && value.is_object()) {
      for (const auto& [tag, text] : value.items()) {
        words.push_back("tag " + tag + "=" + value_text(text, false));
      }
      continue;
    }
    const bool is_time = key.ends_with(kTime);
    std::string option = key.substr(0, key.size() - (is_time ? kTime.size() : 0));
    std::replace(option.begin(), option.end(), '_', '-');
    words.push_back(option + " " + value_text(value, is_time));
  }
  return join(words, ", ");
}

std::string generation_of(const std::optional<GenerationId>& id) {
  return id ? id->str() : "a checkpoint";
}

std::string ways_of(const store::JobEvent& event) {
  std::string text;
  for (const store::NoticeWay way : event.of ? event.notice : std::vector<store::NoticeWay>{}) {
    text += " by " + std::string(word(way));
  }
  return text;
}

std::string cause_of(Trigger trigger) {
  switch (trigger) {
  case Trigger::proof:
    return "an early one, as a proof that it can be done";
  case Trigger::interval:
    return "it is time for one";
  case Trigger::before_walltime:
    return "the allocation is about to end";
  case Trigger::preemption:
    return "it is about to be preempted";
  case Trigger::drain:
    return "its node is being taken away";
  case Trigger::manual:
    return "the user asked for one";
  case Trigger::stop:
    return "the job is being stopped";
  case Trigger::program:
    return "the program asked for one";
  case Trigger::signal:
    return "a signal asked for one";
  }
  return "";
}

std::string sealed_text(const store::AttemptEvent& event) {
  std::string text = generation_of(event.generation) + " is sealed";
  text += event.bytes ? ", " + human_bytes(*event.bytes) : "";
  text += event.blocked
              ? "; the program stood still for " + std::to_string(event.blocked->count()) + " ms"
              : "";
  return with(text, event.reason); // one that an earlier attempt left says so
}

std::string starting_text(const std::string& attempt, const store::AttemptEvent& event) {
  if (!event.engine) {
    return with(attempt + " starts", event.reason);
  }
  std::string text = attempt + " starts with " + std::string(word(event.engine->engine));
  text += event.engine->version.empty() ? "" : " " + event.engine->version;
  text += event.generation ? ", from " + event.generation->str() : "";
  return event.reason.empty() ? text : text + " (passed over: " + event.reason + ")";
}

std::string ended_text(const std::string& attempt, const store::AttemptEvent& event) {
  const EndReason reason = event.end_reason.value_or(EndReason::unknown);
  const bool status = reason == EndReason::failed || reason == EndReason::completed;
  const std::string text = attempt + " " + end_words(reason);
  return status ? with_status(text, event.exit_code, event.signal, event.reason)
                : with(text, event.reason);
}

} // namespace

std::string event_text(const store::JobEvent& event) {
  const std::string generation = generation_of(event.generation);
  switch (event.kind) {
  case JobEventKind::created:
    return with("created", event.reason);
  case JobEventKind::submit_intent:
    return with("asks the scheduler for an allocation", event.reason);
  case JobEventKind::submitted:
    return event.scheduler_job_id ? "the scheduler took it as " + event.scheduler_job_id->value
                                  : "the scheduler took it";
  case JobEventKind::submit_failed:
    return with("the scheduler refused it", event.reason);
  case JobEventKind::token_revoked:
    return with("this allocation will not be used any more", event.reason);
  case JobEventKind::stop_requested:
    return reason_or(event.reason, "is to be stopped");
  case JobEventKind::parked:
    return with("parked", event.reason);
  case JobEventKind::restart_requested:
    return reason_or(event.reason, "is to be restarted");
  case JobEventKind::cancel_requested:
    return with("is to be cancelled", event.reason);
  case JobEventKind::cancelled:
    return event.reason.starts_with("cancelled") ? event.reason : with("cancelled", event.reason);
  case JobEventKind::completed:
    return with("completed", event.reason);
  case JobEventKind::failed:
    return with_status("failed", event.exit_code, event.signal, event.reason);
  case JobEventKind::held:
    return reason_or(event.reason, "held");
  case JobEventKind::released:
    return reason_or(event.reason, "released");
  case JobEventKind::pinned:
    return generation + " is pinned";
  case JobEventKind::unpinned:
    return generation + " is not pinned any more";
  case JobEventKind::policy_changed:
    return with("its policy was changed", policy_words(event.reason));
  case JobEventKind::tagged:
    return with("its tags were changed", event.reason);
  case JobEventKind::attempt_lost:
    return with("attempt " + (event.attempt ? event.attempt->str() : "?") + " is given up",
                event.reason);
  case JobEventKind::pruned:
    return with(generation + " is removed", event.reason);
  case JobEventKind::began:
    return "the program has begun for the first time";
  case JobEventKind::notified:
    return with("notified" + ways_of(event), event.reason);
  case JobEventKind::notify_failed:
    return with("nobody could be notified" + ways_of(event), event.reason);
  }
  return event.reason;
}

std::string event_text(const AttemptRow& row, const store::AttemptEvent& event) {
  const std::string attempt = "attempt " + row.n.str();
  const std::string generation = generation_of(event.generation);
  switch (event.kind) {
  case AttemptEventKind::claimed:
    return attempt + " begins" + (row.node.empty() ? "" : " on " + row.node);
  case AttemptEventKind::waiting:
    return with(attempt + " waits", event.reason);
  case AttemptEventKind::starting:
    return starting_text(attempt, event);
  case AttemptEventKind::program_started:
    return attempt + ": the program runs";
  case AttemptEventKind::program_restarted:
    return attempt + ": the program goes on from " + generation;
  case AttemptEventKind::restart_failed:
    return with(attempt + " could not go on from " + generation, event.reason);
  case AttemptEventKind::walltime_known:
    return attempt + ": its allocation ends in " +
           format_duration(std::chrono::floor<seconds>(event.time.value_or(event.at) - event.at));
  case AttemptEventKind::checkpoint_started:
    return with(generation + " is being written",
                event.trigger ? cause_of(*event.trigger) : std::string());
  case AttemptEventKind::checkpoint_frozen:
    return generation + ": a restart goes back to this instant";
  case AttemptEventKind::checkpoint_sealed:
    return sealed_text(event);
  case AttemptEventKind::checkpoint_failed:
    return with(generation + " failed", event.reason);
  case AttemptEventKind::checkpoint_refused:
    return with("no checkpoint was taken", event.reason);
  case AttemptEventKind::compressed:
    return generation + " is compressed" +
           (event.bytes ? ", " + human_bytes(*event.bytes) + " now" : "");
  case AttemptEventKind::pruned:
    return with(generation + " is removed", event.reason);
  case AttemptEventKind::corrupt:
    return with(generation + " is damaged", event.reason);
  case AttemptEventKind::order_done:
    return "what was asked for is done" +
           (event.generation ? ": " + event.generation->str() : std::string());
  case AttemptEventKind::order_refused:
    return with("what was asked for is refused", event.reason);
  case AttemptEventKind::policy_applied:
    return attempt + " keeps to the changed policy from now on";
  case AttemptEventKind::term_seen:
    return attempt + " was told to end (TERM)";
  case AttemptEventKind::lease_lost:
    return with(attempt + ": the program is stopped until the store can be written again",
                event.reason);
  case AttemptEventKind::lease_renewed:
    return with(attempt + ": the store can be written again, the program goes on", event.reason);
  case AttemptEventKind::warning:
    return with("warning", reason_or(event.reason, event.code));
  case AttemptEventKind::warning_gone:
    return with("a warning is gone", reason_or(event.reason, event.code));
  case AttemptEventKind::suspended:
    return with(attempt + " is suspended", event.reason);
  case AttemptEventKind::resumed:
    return with(attempt + " is resumed", event.reason);
  case AttemptEventKind::requeue_intent:
    return attempt + " asks to be requeued"; // the reason is the submission's token
  case AttemptEventKind::requeue_done:
    return with(attempt + " was requeued", event.reason);
  case AttemptEventKind::requeue_failed:
    return with(attempt + " could not be requeued", event.reason);
  case AttemptEventKind::node_refused:
    return with("this node cannot carry it" + (row.node.empty() ? "" : " (" + row.node + ")"),
                event.reason);
  case AttemptEventKind::ended:
    return ended_text(attempt, event);
  }
  return event.reason;
}

} // namespace ckpt::daemon
