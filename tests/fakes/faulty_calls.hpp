#pragma once

#include "core/base/clock.hpp"
#include "core/domain/result.hpp"

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ckpt::test {

/// Calls that may go wrong on the way, as those to a real controller do: what a fake is made on.
class FaultyCalls {
public:
  enum class Fault {
    down,         ///< not reached: retryable
    lose_request, ///< outcome unknown, and nothing happened
    lose_answer,  ///< outcome unknown, and it happened
    twice,        ///< it happens twice (a message repeated by the network)
    late,         ///< outcome unknown; it happens `late_by` afterwards, in advance()
    refuse,       ///< permanent
  };

  /// The next call of that name ("submit", "snapshot", "cancel"…) meets this fault; several queue
  /// up.
  void fault(const std::string& call, Fault what) { faults_[call].push_back(what); }
  /// Calls so far, by name.
  int calls(const std::string& call) const {
    const auto found = calls_.find(call);
    return found == calls_.end() ? 0 : found->second;
  }
  /// Late ones meet their time in let_late_calls_happen().
  Duration late_by = seconds{30};
  bool controller_up = true;

protected:
  explicit FaultyCalls(Clock& clock) : clock_(clock) {}
  ~FaultyCalls() = default;

  void count(const std::string& call) { ++calls_[call]; }

  void let_late_calls_happen() {
    const TimePoint now = clock_.now();
    for (std::size_t i = 0; i < late_.size();) {
      if (late_[i].first > now) {
        ++i;
        continue;
      }
      const auto act = late_[i].second;
      late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(i));
      act();
    }
  }

  static Error unknown_outcome() {
    return {ErrorClass::timed_out, Outcome::unknown, "outcome_unknown", "no answer", ""};
  }
  static Error not_reached() {
    return {ErrorClass::unusable, Outcome::retryable, "scheduler_down", "connect failure", ""};
  }

  std::optional<Fault> next_fault(const std::string& call) {
    ++calls_[call];
    auto& queue = faults_[call];
    if (queue.empty()) {
      return controller_up ? std::nullopt : std::optional(Fault::down);
    }
    const Fault fault = queue.front();
    queue.pop_front();
    return fault;
  }

  Status ask(const std::string& call) {
    if (next_fault(call)) {
      return tl::unexpected<Error>(not_reached());
    }
    return {};
  }

  /// `effect` may be kept for later: it captures what it needs by value, but for `this`.
  template <class Effect> Status act(const std::string& call, Effect effect) {
    const auto fault = next_fault(call);
    if (!fault) {
      return effect();
    }
    switch (*fault) {
    case Fault::down:
      return tl::unexpected<Error>(not_reached());
    case Fault::lose_request:
      return tl::unexpected<Error>(unknown_outcome());
    case Fault::lose_answer:
      static_cast<void>(effect());
      return tl::unexpected<Error>(unknown_outcome());
    case Fault::twice:
      static_cast<void>(effect());
      return effect();
    case Fault::late:
      late_.emplace_back(clock_.now() + late_by, later(std::move(effect)));
      return tl::unexpected<Error>(unknown_outcome());
    case Fault::refuse:
      return fail(ErrorClass::refused, "scheduler_refused", "refused by the test");
    }
    return {};
  }

  template <class Effect> static std::function<void()> later(Effect effect) {
    return [effect]() mutable { static_cast<void>(effect()); };
  }

  Clock& clock_;

private:
  std::map<std::string, std::deque<Fault>> faults_;
  std::map<std::string, int> calls_;
  std::vector<std::pair<TimePoint, std::function<void()>>> late_;
};

} // namespace ckpt::test
