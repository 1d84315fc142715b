#pragma once

#include "api/views.hpp"
#include "core/scheduler/mail.hpp"
#include "daemon/notices.hpp"

#include <atomic>
#include <map>
#include <string>

namespace ckpt::daemon {

/// What people are told by one mail or one run of their command.
struct Message {
  store::NoticeWay way = store::NoticeWay::mail;
  JobId job;
  std::int64_t number = 0; ///< of the notice: the same again when it is sent again
  TimePoint at{};
  std::string change; ///< "completed"
  std::string reason;
  std::string name;             ///< of the job
  std::string scheduler_job_id; ///< of its newest attempt; may be empty
  std::string to;               ///< mail: address
  std::string subject;          ///< mail: one line
  std::string text;             ///< mail: the body; command: the job as JSON
};

/// Brings a message to people. Blocking; one call at a time, on a thread of its own.
class Messenger {
public:
  virtual ~Messenger() = default;
  /// Success: it is out of our hands. Any error is tried again later.
  virtual Status deliver(const Message& message, const scheduler::MailSite& site) = 0;
};

struct MessengerConfig {
  std::string command;      ///< notify.command, for /bin/sh
  std::string mail_command; ///< notify.mail_command, for /bin/sh; empty: as the site does
  Duration timeout = seconds{60};
  std::map<std::string, std::string> env; ///< of both
};

/// By subprocesses. A mail goes to `mail_command`, else to the site's MailProg, called as Slurm
/// calls it (`-s SUBJECT ADDRESS`), else to `sendmail -t -i`. Errors: `no_mail_program`,
/// `message_not_sent`.
class ProcessMessenger final : public Messenger {
public:
  explicit ProcessMessenger(MessengerConfig config) : config_(std::move(config)) {}
  Status deliver(const Message& message, const scheduler::MailSite& site) override;
  /// From any thread: ends what is under way, so that the daemon can leave.
  void stop() { stop_ = true; }

private:
  Status mail(const Message& message, const scheduler::MailSite& site);
  Status command(const Message& message);

  MessengerConfig config_;
  std::atomic<bool> stop_{false};
};

/// How people read of it. Pure.
std::string mail_subject(const Notice& notice, const api::JobView& job);
std::string mail_text(const Notice& notice, const api::JobView& job);
/// The whole message for `sendmail -t`: headers and text. What could end a header line is taken
/// out. Pure.
std::string mail_with_headers(const Message& message, const std::string& host);

} // namespace ckpt::daemon
