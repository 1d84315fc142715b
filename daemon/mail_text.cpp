#include "core/base/strings.hpp"
#include "daemon/messenger.hpp"

#include <algorithm>
#include <map>

namespace ckpt::daemon {
namespace {

using store::JobEventKind;

/// One line, whatever a name or a reason holds.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return text;
}

/// Headers are ASCII; the text below them says it in full.
std::string header_text(const std::string& text) {
  std::string plain = one_line(text);
  std::replace_if(
      plain.begin(), plain.end(), [](char c) { return static_cast<unsigned char>(c) > '~'; }, '?');
  return plain;
}

std::string headline(const Notice& notice, const api::JobView& job) {
  const std::string how = job.exit_code ? ", ExitCode " + std::to_string(*job.exit_code)
                          : job.signal  ? ", signal " + std::to_string(*job.signal)
                                        : "";
  const std::map<JobEventKind, std::string> headlines{
      {JobEventKind::began, "Began"},
      {JobEventKind::completed, "Ended, COMPLETED" + how},
      {JobEventKind::failed, "Failed" + how},
      {JobEventKind::cancelled, "Ended, CANCELLED"},
      {JobEventKind::parked, "Parked: " + notice.reason}};
  const auto found = headlines.find(notice.kind);
  return found == headlines.end() ? notice.change() : found->second;
}

} // namespace

std::string mail_subject(const Notice& notice, const api::JobView& job) {
  // Slurm's own form behind our number: mail filters and the site's mail program know it.
  const auto& attempt = job.current_attempt;
  const std::string number =
      attempt && job.scheduler == SchedulerKind::slurm && !attempt->scheduler_job_id.empty()
          ? "Slurm Job_id=" + attempt->scheduler_job_id.value + " "
          : "";
  return one_line("ckpt " + job.id.str() + ": " + number + "Name=" + job.name + " " +
                  headline(notice, job));
}

std::string mail_text(const Notice& notice, const api::JobView& job) {
  const std::string id = job.id.str();
  std::string text = "Job " + id + " (" + one_line(job.name) + ") " +
                     (notice.kind == JobEventKind::began ? "has started" : "is " + notice.change());
  text += notice.reason.empty() ? ".\n" : ": " + notice.reason + ".\n";
  const auto add = [&](const char* what, const std::string& value) {
    text += value.empty() ? "" : std::string(what) + value + "\n";
  };
  text += "\n";
  add("Program      ", one_line(shell_join(job.argv)));
  add("Folder       ", job.cwd);
  add("Output       ", job.stdout_path);
  add("Submitted    ", format_rfc3339(job.created_at));
  add("At           ", format_rfc3339(notice.at));
  if (job.exit_code) {
    add("Exit status  ", std::to_string(*job.exit_code));
  }
  if (job.signal) {
    add("Signal       ", std::to_string(*job.signal));
  }
  add("Allocations  ", std::to_string(job.attempts_count));
  if (job.accounting.run > Duration{0}) {
    add("Ran for      ", format_duration(std::chrono::duration_cast<seconds>(job.accounting.run)));
  }
  if (job.latest_generation) {
    add("Checkpoint   ", job.latest_generation->id.str());
  }
  if (notice.kind == JobEventKind::parked || notice.kind == JobEventKind::failed) {
    text += "\n`ckpt why " + id + "` says more; `ckpt restart " + id +
            "` goes on from the newest "
            "checkpoint.\n";
  } else {
    text += "\n`ckpt show " + id + "` says more.\n";
  }
  return text;
}

std::string mail_with_headers(const Message& message, const std::string& host) {
  // The same Message-ID when it is sent again: a mail program can tell.
  return "To: " + header_text(message.to) + "\nSubject: " + header_text(message.subject) +
         "\nMessage-ID: <ckpt." + message.job.str() + "." + std::to_string(message.number) + "." +
         std::to_string(message.at.time_since_epoch().count()) + "@" + header_text(host) +
         ">\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\nContent-Type: text/plain; "
         "charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" +
         message.text;
}

} // namespace ckpt::daemon
