#include "core/scheduler/scheduler.hpp"

#include "core/base/process.hpp"
#include "core/base/strings.hpp"
#include "core/domain/array.hpp"
#include "core/scheduler/local/local_scheduler.hpp"
#include "core/scheduler/slurm/options.hpp"
#include "core/scheduler/slurm/slurm_scheduler.hpp"

#include <unistd.h>

#include <charconv>

namespace ckpt::scheduler {
namespace {

constexpr std::string_view kTokenMark = "ckpt:";

} // namespace

std::unique_ptr<Scheduler> make_scheduler(const SchedulerConfig& config) {
  if (config.kind == SchedulerKind::slurm) {
    return std::make_unique<slurm::SlurmScheduler>(config);
  }
  return std::make_unique<local::LocalScheduler>(config);
}

SchedulerKind detect_scheduler(const std::map<std::string, std::string>& env) {
  const auto path = env.find("PATH");
  if (path != env.end()) {
    for (const std::string& folder : split(path->second, ':')) {
      if (!folder.empty() && ::access((folder + "/sbatch").c_str(), X_OK) == 0) {
        return SchedulerKind::slurm;
      }
    }
  }
  return SchedulerKind::local;
}

std::string comment_with_token(const std::string& users, const SubmissionToken& token) {
  return (users.empty() ? users : users + " ") + std::string(kTokenMark) + token.value;
}

std::optional<SubmissionToken> token_in_comment(const std::string& comment) {
  // Ours is the last one: the user may have copied a comment of an earlier job.
  const std::size_t mark = comment.rfind(kTokenMark);
  if (mark == std::string::npos) {
    return std::nullopt;
  }
  const std::string token = comment.substr(mark + kTokenMark.size());
  const std::size_t end = token.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz"
                                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_");
  const std::string_view exact = std::string_view(token).substr(0, end);
  return exact.empty() ? std::nullopt : std::optional(SubmissionToken{std::string(exact)});
}

std::optional<SubmissionToken> token_of(const Allocation& allocation) {
  const auto token = token_in_comment(allocation.comment);
  if (!token || allocation.id.value.find('_') == std::string::npos) {
    return token;
  }
  const auto task = task_of_id(allocation.id); // several in one line are nobody's
  return task ? std::optional(task_token(*token, task->index)) : std::nullopt;
}

std::optional<UserSignal> user_signal(const std::vector<std::string>& sbatch_args) {
  const auto options = slurm::parse_options(sbatch_args);
  const auto value = options ? slurm::last_value(*options, "signal") : std::nullopt;
  if (!value) {
    return std::nullopt;
  }
  std::string_view text = *value;
  text.remove_prefix(text.find(':') == std::string_view::npos ? 0 : text.find(':') + 1);
  const std::size_t at = text.find('@');
  UserSignal wish;
  const auto signal = parse_signal(text.substr(0, at));
  if (!signal) {
    return std::nullopt;
  }
  wish.signal = *signal;
  if (at != std::string_view::npos) {
    const std::string_view before = text.substr(at + 1);
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(before.data(), before.data() + before.size(), count);
    if (error != std::errc{} || end != before.data() + before.size()) {
      return std::nullopt;
    }
    wish.before = seconds{count};
  }
  return wish;
}

} // namespace ckpt::scheduler
