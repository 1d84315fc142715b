#pragma once

#include "core/scheduler/mail.hpp"
#include "core/store/records.hpp"

#include <map>
#include <string>
#include <vector>

// Who is to be told of what has become of a job. It stands in job.jsonl: the event of a change
// names the ways in which people are to be told of it, and another one that this was done. So a
// change is told at least once, whenever the daemon dies, and once where it does not.

namespace ckpt::daemon {

/// A change that people are still to be told of.
struct Notice {
  std::int64_t number = 0; ///< of the event; names the notice for good
  store::JobEventKind kind = store::JobEventKind::completed;
  TimePoint at{};
  std::string reason;
  std::vector<store::NoticeWay> due;                             ///< never empty
  std::string change() const { return std::string(word(kind)); } ///< "completed"
};

/// The fold of a job's events. Not thread-safe.
class NoticeBook {
public:
  void apply(const store::JobEvent& event);
  const std::map<std::int64_t, Notice>& open() const { return open_; } ///< by number
  bool began() const { return began_; } ///< its first start was written down

private:
  std::map<std::int64_t, Notice> open_;
  bool began_ = false;
};

/// In which ways people want to hear of such an event. A job that is parked is told of as one that
/// failed is: it does not go on by itself. Pure.
std::vector<store::NoticeWay>
ways_of(store::JobEventKind kind, const scheduler::MailWish& mail, bool command);

} // namespace ckpt::daemon
