// The mark of a start: what must be on the disk before a program is launched or restarted, and what
// forbids it.
#include "core/base/kill_point.hpp"
#include "core/domain/protocol.hpp"
#include "core/store/fate.hpp"
#include "runner/supervisor.hpp"

#include <algorithm>

namespace ckpt::runner {

using Kind = store::AttemptEventKind;

// Rules 3, 4 and 6 of the protocol: older attempts can get no result any more, the mark is on the
// disk, then everything that may forbid the start is read (again).
Status Supervisor::mark_start(std::optional<GenerationId> from) {
  const auto fates = store::supersede_older(folder_, claim_.attempt);
  if (!fates) {
    return tl::unexpected<Error>(fates.error());
  }
  const auto wish = folder_.read_start(claim_.token);
  if (!wish) {
    return tl::unexpected<Error>(wish.error());
  }
  const std::int64_t floor = wish->value_or(store::StartWish{}).attempt_floor;
  for (std::size_t i = 0; i < fates->size(); ++i) {
    const store::Fate& fate = (*fates)[i];
    if (fate.kind == store::FateKind::result && static_cast<std::int64_t>(i) >= floor) {
      return already_finished(AttemptId{static_cast<std::int64_t>(i) + 1},
                              {fate.exit_code, fate.signal});
    }
  }
  kill_point("start.superseded");
  const auto marked = journal_from_worker({.kind = Kind::starting,
                                           .reason = passed_over_,
                                           .generation = from,
                                           .engine = engine_->version().value_or(EngineVersion{})});
  if (!marked) {
    return tl::unexpected<Error>(marked.error());
  }
  kill_point("start.marked");
  const auto claims = folder_.read_claims();
  protocol::StartView view;
  view.token_revoked = folder_.is_revoked(claim_.token);
  view.newer_claim = !claims || claims->empty() || claims->back().attempt != claim_.attempt;
  view.newest = from;
  view.marked = true;
  view.marked_from = from;
  view.since_own_renewal = lease_->since_renewal_began();
  if (protocol::may_start_program(view, context_.lease) == protocol::StartVerdict::start) {
    return look_for_late_generations();
  }
  if (!claims) {
    return tl::unexpected<Error>(claims.error());
  }
  if (!view.token_revoked && !view.newer_claim) {
    return fail(ErrorClass::failed,
                "io_error",
                "the store is too slow to renew the lease",
                "look after that filesystem",
                Outcome::retryable);
  }
  return fail(ErrorClass::conflict,
              "fenced",
              view.token_revoked ? "this submission was called off"
                                 : "a newer attempt has claimed this job");
}

// What an older attempt was sealing when it was superseded (its write may have hung for long) is
// there by now or comes too late: the choice is made, and marked, once more with it.
Status Supervisor::look_for_late_generations() {
  const auto sealed = good_generations(generations_);
  if (!sealed) {
    return tl::unexpected<Error>(sealed.error());
  }
  for (const Manifest& manifest : *sealed) {
    if (std::none_of(considered_.begin(), considered_.end(), [&](const Manifest& known) {
          return known.id == manifest.id;
        })) {
      return fail(ErrorClass::conflict,
                  "late_generation",
                  manifest.id.str() + " was sealed by an older attempt meanwhile");
    }
  }
  return {};
}

tl::unexpected<Error> Supervisor::already_finished(AttemptId by, const ExitStatus& result) {
  finished_before_ = result;
  return fail(ErrorClass::conflict,
              "already_finished",
              "attempt " + by.str() + " has finished the program already: " + result.describe());
}

} // namespace ckpt::runner
