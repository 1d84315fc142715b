#include "core/domain/decide_verdict.hpp"

namespace ckpt {
namespace {

Action transition(JobEventType event, std::string reason) {
  Action action;
  action.kind = ActionKind::transition;
  action.event = event;
  action.reason = std::move(reason);
  return action;
}

Action program_ended(JobEventType event, const AttemptFacts& attempt) {
  Action action = transition(event,
                             attempt.end_detail.empty() ? std::string("the program ended by itself")
                                                        : attempt.end_detail);
  action.exit_code = attempt.exit_code;
  action.signal = attempt.signal;
  return action;
}

} // namespace

std::optional<Action> verdict_of_journal(const JobFacts& facts) {
  if (!facts.attempt || !facts.attempt->ended) {
    return std::nullopt;
  }
  const AttemptFacts& attempt = *facts.attempt;
  const std::string name = "attempt " + attempt.id.str();
  const std::string detail = attempt.end_detail.empty() ? "" : ": " + attempt.end_detail;
  // Whoever wants it cancelled does not want it parked.
  const auto parked = [&](std::string reason) {
    return facts.wishes.cancel ? std::nullopt
                               : std::optional(transition(JobEventType::parked, std::move(reason)));
  };
  switch (*attempt.ended) {
  case EndReason::completed:
    return program_ended(JobEventType::completed, attempt);
  case EndReason::failed:
    return program_ended(JobEventType::failed, attempt);
  case EndReason::cancelled:
    return transition(JobEventType::cancelled,
                      attempt.end_detail.starts_with("cancelled") // the sentence by itself
                          ? attempt.end_detail + " in " + name
                          : "cancelled in " + name + detail);
  case EndReason::stopped:
    return parked(attempt.end_detail.empty() ? "stopped" : attempt.end_detail);
  case EndReason::restart_failed:
    return parked("no generation could be restarted" + detail);
  case EndReason::out_of_memory:
    return parked("out of memory in " + name + detail + "; restart it with more memory");
  case EndReason::launch_failed: // later ones may be the node's fault: tried again, a few times
    return facts.counts.restarts > 0 ? std::nullopt
                                     : parked("the program could not be started" + detail);
  case EndReason::walltime:
    return facts.policy.at_walltime != AtWalltime::park
               ? std::nullopt
               : parked("walltime reached, and the policy says park");
  case EndReason::preempted:
  case EndReason::requeued:
  case EndReason::node_fail:
  case EndReason::interrupted:
  case EndReason::fenced:
  case EndReason::lost:
  case EndReason::unknown:
    return std::nullopt;
  }
  return std::nullopt;
}

bool is_fruitless(EndReason reason) {
  switch (reason) {
  case EndReason::failed:
  case EndReason::walltime:
  case EndReason::out_of_memory:
  case EndReason::launch_failed:
  case EndReason::restart_failed:
  case EndReason::interrupted:
  case EndReason::lost:
  case EndReason::unknown:
    return true;
  case EndReason::completed:
  case EndReason::preempted:
  case EndReason::requeued:
  case EndReason::node_fail:
  case EndReason::cancelled:
  case EndReason::stopped:
  case EndReason::fenced:
    return false;
  }
  return false;
}

} // namespace ckpt
