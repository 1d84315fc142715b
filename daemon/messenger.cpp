#include "daemon/messenger.hpp"

#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/base/process.hpp"
#include "core/base/strings.hpp"

#include <unistd.h>

#include <algorithm>

namespace ckpt::daemon {
namespace {

constexpr std::size_t kMostLines = 20; ///< of a command's output, in our log

bool is_program(const std::string& path) {
  return !path.empty() && path.front() == '/' && ::access(path.c_str(), X_OK) == 0;
}

std::string find_sendmail(const std::map<std::string, std::string>& env) {
  const auto path = env.find("PATH");
  std::vector<std::string> folders =
      path == env.end() ? std::vector<std::string>{} : split(path->second, ':');
  folders.insert(folders.end(), {"/usr/sbin", "/usr/lib", "/sbin"}); // not on users' PATH
  for (const std::string& folder : folders) {
    if (is_program(folder + "/sendmail")) {
      return folder + "/sendmail";
    }
  }
  return "";
}

bool is_sendmail(const std::string& command) {
  const std::string first(command.substr(0, command.find(' ')));
  return Path(first).filename() == "sendmail";
}

std::string last_words(const CommandResult& result) {
  const std::vector<std::string> lines =
      split_lines(trim(result.err).empty() ? result.out : result.err);
  return lines.empty() ? "" : ": " + lines.back().substr(0, 300);
}

Status outcome(const std::string& what, const Result<CommandResult>& result) {
  if (!result) {
    return tl::unexpected(result.error());
  }
  if (result->status.success() && !result->timed_out) {
    return {};
  }
  const std::string how =
      result->timed_out ? "did not end in time" : "ended with " + result->status.describe();
  return fail(ErrorClass::failed,
              "message_not_sent",
              what + " " + how + last_words(*result),
              "it is tried again",
              Outcome::retryable);
}

/// As Slurm names them.
std::string slurm_state(const std::string& change) {
  std::string state = change;
  std::transform(state.begin(), state.end(), state.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return change == "began" ? "RUNNING" : state;
}

} // namespace

Status ProcessMessenger::deliver(const Message& message, const scheduler::MailSite& site) {
  return message.way == store::NoticeWay::mail ? mail(message, site) : command(message);
}

Status ProcessMessenger::mail(const Message& message, const scheduler::MailSite& site) {
  Command command;
  bool sendmail = false;
  if (!config_.mail_command.empty()) {
    command.argv = {"/bin/sh", "-c", config_.mail_command + " \"$@\"", "mail"};
    sendmail = is_sendmail(config_.mail_command);
  } else if (is_program(site.program)) {
    command.argv = {site.program};
    sendmail = is_sendmail(site.program);
  } else if (const std::string found = find_sendmail(config_.env); !found.empty()) {
    command.argv = {found};
    sendmail = true;
  } else {
    return fail(ErrorClass::unusable,
                "no_mail_program",
                "there is no program to send mail with" +
                    (site.program.empty() ? "" : " (" + site.program + " is not here)"),
                "set notify.mail_command",
                Outcome::retryable);
  }
  if (sendmail) {
    command.argv.insert(command.argv.end(), {"-t", "-i"});
    command.stdin_data = mail_with_headers(message, host_name());
  } else {
    command.argv.insert(command.argv.end(), {"-s", message.subject, message.to});
    command.stdin_data = message.text;
  }
  auto env = config_.env;
  env["CKPT_JOB"] = message.job.str();
  if (!message.scheduler_job_id.empty()) { // as Slurm does for the site's own program
    env["SLURM_JOB_ID"] = message.scheduler_job_id;
  }
  env["SLURM_JOB_NAME"] = message.name;
  env["SLURM_JOB_STATE"] = slurm_state(message.change);
  env["SLURM_JOB_MAIL_TYPE"] = message.change == "began"    ? "Began"
                               : message.change == "failed" ? "Failed"
                                                            : "Ended";
  command.env = std::move(env);
  RunLimits limits;
  limits.timeout = config_.timeout;
  limits.stop = &stop_;
  return outcome("the mail program", run_command(command, limits));
}

Status ProcessMessenger::command(const Message& message) {
  Command command;
  command.argv = {"/bin/sh", "-c", config_.command};
  command.stdin_data = message.text;
  auto env = config_.env;
  env["CKPT_JOB"] = message.job.str();
  env["CKPT_JOB_NAME"] = message.name;
  env["CKPT_STATE"] = message.change;
  env["CKPT_REASON"] = message.reason;
  command.env = std::move(env);
  RunLimits limits;
  limits.timeout = config_.timeout;
  limits.output_bytes = std::size_t{64} << 10U;
  limits.stop = &stop_;
  const auto result = run_command(command, limits);
  if (result) {
    std::vector<std::string> lines = split_lines(result->out + result->err);
    lines.resize(std::min(lines.size(), kMostLines));
    for (const std::string& line : lines) {
      log::info(message.job.str() + ": notify.command: " + line);
    }
  }
  return outcome("notify.command", result);
}

} // namespace ckpt::daemon
