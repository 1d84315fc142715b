#pragma once

#include "core/domain/decide.hpp"

#include <string>
#include <vector>

namespace ckpt {

/// decide() at work on one job: made for one call, gone after it. Private to decide*.cpp.
class Decider {
public:
  Decider(const JobFacts& facts, MonoTime now, const DecideLimits& limits);
  std::vector<Action> run();

private:
  using Submitted = SubmissionFacts::State;
  using Sight = AllocationFacts::Sight;

  // what decides
  void choose();
  /// What the runner wrote last decides, whatever the scheduler shows.
  bool final_by_journal();

  // building actions
  Action& act(ActionKind kind, std::string reason);
  void wait(std::string reason) { act(ActionKind::nothing, std::move(reason)); }
  Action& transition(JobEventType event, std::string reason);
  void close_submission(std::string reason);
  bool due(const std::optional<MonoTime>& last) const;

  // what the facts mean
  /// The newest attempt belongs to the open submission (of whichever restart count).
  bool current_attempt() const;
  bool seen() const { return facts_.allocation.sight == Sight::present; }
  const Allocation& shown() const { return shown_; } ///< empty unless seen()
  bool shown_over() const { return seen() && is_over(shown().state); }
  /// The newest attempt is the one that runs (or ran) under the restart count that is shown.
  bool claimed() const;
  bool attempt_settled() const { return facts_.attempt->ended || facts_.attempt->marked_lost; }
  bool lease_ran_out() const;
  /// "No such id" twice, some time apart, from a controller that is up.
  bool absence_confirmed() const;
  std::string id_text() const;
  std::string shown_text() const;
  std::string cancelled_outside() const;
  std::string attempt_text() const { return "attempt " + facts_.attempt->id.str(); }

  // what a person asked for (decide_wishes.cpp)
  void parked();
  void cancelling();
  void stopping();
  void stop_by_order();
  void cancel_allocation(const std::string& why);

  // until the scheduler has taken it
  void refused();
  void try_submission();
  bool unknown_has_passed() const;
  void look(const std::string& why);
  void outcome_unknown();

  // the scheduler has it (decide_allocation.cpp)
  void submitted();
  void alive();
  void held_outside();
  bool hold_or_release(); ///< what a person has wished of an allocation that waits
  /// A hold that nobody wished: a node or the controller came back without its memory. It would
  /// wait for ever; a new submission does not.
  void launch_failed();
  bool announced(); ///< a preemption, or a drain of its node: the runner is told
  void over();
  /// Somebody may still run there: the lease tells, and only it.
  void after_lease(const std::string& what);
  void absent();
  /// The next run, if policy and experience allow one.
  void go_on(const std::string& why);

  const JobFacts& facts_;
  MonoTime now_;
  const DecideLimits& limits_;
  Allocation shown_;
  std::vector<Action> actions_;
};

} // namespace ckpt
