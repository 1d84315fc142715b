#include "daemon/notifier.hpp"

#include "api/codec.hpp"
#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

// Invariants: what is told stands in job.jsonl before (reconciler.cpp, record), and that it was
// told after; a death between the two tells it again, under the same number.

namespace ckpt::daemon {
namespace {

using store::JobEventKind;
using store::NoticeWay;

std::string own_name() {
  const struct passwd* entry = ::getpwuid(::getuid());
  return entry != nullptr ? entry->pw_name : std::to_string(::getuid());
}

/// As Slurm takes it: a plain name gets the site's domain.
std::string address(const std::string& user, const std::string& domain) {
  const std::string name = user.empty() ? own_name() : user;
  return domain.empty() || name.find('@') != std::string::npos ? name : name + "@" + domain;
}

} // namespace

Notifier::Notifier(Reconciler& reconciler,
                   Executor& executor,
                   Messenger& messenger,
                   View view,
                   NotifySettings settings)
    : reconciler_(reconciler), executor_(executor), messenger_(messenger), view_(std::move(view)),
      settings_(settings) {}

bool Notifier::busy() const {
  const auto& jobs = reconciler_.jobs();
  return std::any_of(jobs.begin(), jobs.end(), [](const auto& entry) {
    return !entry.second->notices.open().empty();
  });
}

void Notifier::tick() {
  std::erase_if(deliveries_, [this](const auto& entry) {
    const auto& [id, number, way] = entry.first;
    const LiveJob* job = reconciler_.find(id);
    return !entry.second.under_way && (job == nullptr || job->notices.open().count(number) == 0);
  });
  for (const auto& [id, job] : reconciler_.jobs()) {
    const auto open = job->notices.open(); // a copy: what is told leaves the book
    for (const auto& [number, notice] : open) {
      for (const NoticeWay way : notice.due) {
        deliver(*job, notice, way);
      }
    }
  }
}

/// Slurm is asked for its mail program when the first mail is to be sent.
bool Notifier::know_site() {
  if (site_ || asking_site_ || (ask_site_at_ && now() < *ask_site_at_)) {
    return site_.has_value();
  }
  asking_site_ = true;
  auto answer = std::make_shared<Result<scheduler::MailSite>>(scheduler::MailSite{});
  auto& ports = reconciler_.ports();
  ports.executor.run([answer, &scheduler = ports.scheduler] { *answer = scheduler.mail_site(); },
                     [this, answer] {
                       asking_site_ = false;
                       if (*answer) {
                         site_ = **answer;
                       } else {
                         ask_site_at_ = now() + settings_.first_retry;
                       }
                     });
  return site_.has_value();
}

void Notifier::deliver(LiveJob& job, const Notice& notice, NoticeWay way) {
  const Key key{job.model.job.id, notice.number, way};
  Delivery& delivery = deliveries_[key];
  if (delivery.under_way || (delivery.again_at && now() < *delivery.again_at) ||
      !reconciler_.still_owner()) {
    return;
  }
  if (delivery.done) {
    return settle(job, key, JobEventKind::notified, "");
  }
  if (way == NoticeWay::mail && !know_site()) {
    return;
  }
  auto message = message_of(job, notice, way);
  if (!message) {
    return answered(key, "", tl::unexpected(message.error()));
  }
  delivery.under_way = true;
  auto answer = std::make_shared<Status>();
  const std::string to = message->to;
  executor_.run(
      [answer,
       &messenger = messenger_,
       message = *std::move(message),
       site = site_.value_or(scheduler::MailSite{})] {
        kill_point("notice.deliver");
        *answer = messenger.deliver(message, site);
        kill_point("notice.delivered");
      },
      [this, answer, key, to] { answered(key, to, *answer); });
}

Result<Message> Notifier::message_of(const LiveJob& job, const Notice& notice, NoticeWay way) {
  const auto view = view_(job.model.job.id);
  if (!view) {
    return tl::unexpected(view.error());
  }
  Message message;
  message.way = way;
  message.job = view->id;
  message.number = notice.number;
  message.at = notice.at;
  message.change = notice.change();
  message.reason = notice.reason;
  message.name = view->name;
  if (view->current_attempt) {
    message.scheduler_job_id = view->current_attempt->scheduler_job_id.value;
  }
  if (way == NoticeWay::command) {
    message.text = dump_json(api::to_json(*view)) + "\n";
    return message;
  }
  message.to = address(job.mail.user, site_ ? site_->domain : "");
  message.subject = mail_subject(notice, *view);
  message.text = mail_text(notice, *view);
  return message;
}

Duration Notifier::pause(int tries) const {
  Duration wait = settings_.first_retry;
  for (int i = 1; i < tries && wait < settings_.last_retry; ++i) {
    wait *= 2;
  }
  return std::min(wait, settings_.last_retry);
}

void Notifier::answered(const Key& key, const std::string& to, const Status& status) {
  const auto& [id, number, way] = key;
  Delivery& delivery = deliveries_[key];
  delivery.under_way = false;
  ++delivery.tries;
  LiveJob* job = reconciler_.find(id);
  const auto notice = job == nullptr ? std::map<std::int64_t, Notice>::const_iterator{}
                                     : job->notices.open().find(number);
  if (job == nullptr || notice == job->notices.open().end()) {
    return;
  }
  if (status) {
    delivery.done = true;
    return settle(*job, key, JobEventKind::notified, to.empty() ? "" : "to " + to);
  }
  delivery.again_at = now() + pause(delivery.tries);
  const Error& error = status.error();
  job->notice_trouble = api::WarningView{
      "notification_failing",
      "nobody could be told yet (" + std::string(word(way)) + ") that it is " +
          notice->second.change() + ": " + error.message,
      error.advice,
      job->notice_trouble ? job->notice_trouble->first_seen : reconciler_.ports().clock.now()};
  log::warning(id.str() + ": " + job->notice_trouble->message);
  reconciler_.changed();
  if (reconciler_.ports().clock.now() - notice->second.at > settings_.patience) {
    settle(*job, key, JobEventKind::notify_failed, error.message);
  }
}

void Notifier::settle(LiveJob& job, const Key& key, JobEventKind kind, const std::string& reason) {
  store::JobEvent event;
  event.kind = kind;
  event.by = "daemon";
  event.reason = reason;
  event.notice = {std::get<NoticeWay>(key)};
  event.of = std::get<std::int64_t>(key);
  job.notice_trouble.reset();
  if (const Status done = reconciler_.record(job, event);
      !done && job.notices.open().count(*event.of) != 0) {
    deliveries_[key].again_at = now() + settings_.first_retry; // only to write it down
  }
}

} // namespace ckpt::daemon
