#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "daemon/reconciler.hpp"

// Orders to a runner: files that it reads, and a doorbell.

namespace ckpt::daemon {

void Reconciler::ring(LiveJob& job) {
  const AttemptRow* newest = job.model.newest_attempt();
  if (newest == nullptr || job.busy) {
    return;
  }
  job.done.rung_at = now();
  // A doorbell: its loss costs seconds, so nobody waits for it.
  ports_.executor.run([&s = ports_.scheduler, id = newest->scheduler_job_id] { (void)s.ring(id); },
                      [] {});
}

bool Reconciler::give_order(LiveJob& job,
                            store::OrderKind kind,
                            Trigger trigger,
                            const std::string& reason) {
  store::Order order;
  order.epoch = epoch;
  order.expires_at = wall() + config_.order_validity;
  order.kind = kind;
  order.trigger = trigger;
  order.reason = reason;
  const auto given = job.folder.attempt(job.model.newest_attempt()->n).give_order(order);
  if (!given) {
    log::error(job.model.job.id.str() + ": " + given.error().message);
    job.waits_for = given.error().message;
    job.done.rung_at = now();
    return false;
  }
  kill_point("order.given");
  ring(job);
  return true;
}

Status Reconciler::order_requeue(LiveJob& job) {
  return give_order(job, store::OrderKind::requeue, Trigger::manual, "asked for by the user")
             ? Status{}
             : fail(ErrorClass::failed, "order_not_given", job.waits_for);
}

void Reconciler::tell_policy(LiveJob& job) {
  const AttemptRow* newest = job.model.newest_attempt();
  const int revision = job.model.job.policy.revision;
  if (newest == nullptr || !newest->live() || revision == Policy{}.revision ||
      (job.policy_told_to == newest->n && job.policy_told == revision)) {
    return;
  }
  if (give_order(job, store::OrderKind::reload_policy, Trigger::manual, "the policy has changed")) {
    job.policy_told_to = newest->n;
    job.policy_told = revision;
  }
}

void Reconciler::give_stop_order(LiveJob& job) {
  if (job.model.newest_attempt() != nullptr) {
    job.done.stop_order_given =
        give_order(job,
                   store::OrderKind::stop,
                   Trigger::stop,
                   job.model.job.reason.empty() ? "stopped by the user" : job.model.job.reason);
  }
}

/// A person's cancel, to a runner that lives: the scheduler's TERM alone does not say why it comes,
/// and a checkpoint would be taken that nobody wants.
void Reconciler::give_cancel_order(LiveJob& job, const std::string& reason) {
  const AttemptRow* newest = job.model.newest_attempt();
  const SubmissionRow* open = job.model.open_submission();
  if (job.model.job.wish_cancel && newest != nullptr && newest->live() && open != nullptr &&
      newest->token == open->token) {
    (void)give_order(job, store::OrderKind::cancel, Trigger::manual, reason);
  }
}

void Reconciler::give_drain_order(LiveJob& job, const Action& action) {
  if (job.model.newest_attempt() == nullptr) {
    return;
  }
  // Once an episode, also when it could not be given: the checkpoints of the policy go on.
  job.done.drain_order_given = true;
  if (give_order(job, store::OrderKind::checkpoint, Trigger::drain, action.reason)) {
    Change change;
    change.events.push_back({wall(),
                             "node_leaving",
                             job.model.newest_attempt()->n,
                             {},
                             action.reason + "; a checkpoint is asked for",
                             "scheduler",
                             "daemon",
                             std::nullopt});
    commit(job, change);
  }
}

/// Orders that an earlier daemon gave to this attempt.
void Reconciler::look_for_orders(LiveJob& job) {
  const AttemptRow* newest = job.model.newest_attempt();
  if (newest == nullptr || job.orders_read_of == newest->n) {
    return;
  }
  job.orders_read_of = newest->n;
  const store::AttemptFolder folder = job.folder.attempt(newest->n);
  for (std::int64_t number = 1;; ++number) {
    const auto order = folder.read_order(number);
    if (!order || !*order) {
      return;
    }
    job.done.stop_order_given =
        job.done.stop_order_given ||
        ((*order)->kind == store::OrderKind::stop && (*order)->expires_at > wall());
    // Its node has been leaving since then, as far as anybody knows.
    job.done.drain_order_given = job.done.drain_order_given || (*order)->trigger == Trigger::drain;
  }
}

} // namespace ckpt::daemon
