#include "daemon/notices.hpp"

namespace ckpt::daemon {

using store::JobEventKind;
using store::NoticeWay;

void NoticeBook::apply(const store::JobEvent& event) {
  const bool settled =
      event.kind == JobEventKind::notified || event.kind == JobEventKind::notify_failed;
  if (settled && event.of) {
    const auto found = open_.find(*event.of);
    if (found == open_.end()) {
      return;
    }
    for (const NoticeWay way : event.notice) {
      std::erase(found->second.due, way);
    }
    if (found->second.due.empty()) {
      open_.erase(found);
    }
    return;
  }
  began_ = began_ || event.kind == JobEventKind::began;
  if (!event.notice.empty()) {
    open_[event.number] = {event.number, event.kind, event.at, event.reason, event.notice};
  }
}

std::vector<NoticeWay> ways_of(JobEventKind kind, const scheduler::MailWish& mail, bool command) {
  bool mailed = false;
  if (kind == JobEventKind::began) {
    mailed = mail.begin;
    command = false;
  } else if (kind == JobEventKind::completed || kind == JobEventKind::cancelled) {
    mailed = mail.end;
  } else if (kind == JobEventKind::failed || kind == JobEventKind::parked) {
    mailed = mail.end || mail.fail;
  } else {
    return {};
  }
  std::vector<NoticeWay> ways;
  if (mailed) {
    ways.push_back(NoticeWay::mail);
  }
  if (command) {
    ways.push_back(NoticeWay::command);
  }
  return ways;
}

} // namespace ckpt::daemon
