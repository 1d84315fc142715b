#include "runner/neighbours.hpp"

#include "core/base/process.hpp"
#include "core/base/strings.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace ckpt::runner {
namespace {

/// "ckpt-runner run --job FOLDER --token TOKEN": that folder, if the process is such a runner.
std::optional<Path> job_of_runner(const Path& proc) {
  const auto words = split(read_file(proc / "cmdline", 65536).value_or(""), '\0');
  if (words.size() < 4 || words[1] != "run" || Path(words[0]).filename() != "ckpt-runner") {
    return std::nullopt;
  }
  const auto option = std::find(words.begin() + 2, words.end(), "--job");
  if (option == words.end() || option + 1 == words.end()) {
    return std::nullopt;
  }
  Path job = *(option + 1);
  if (job.parent_path().filename() == "tasks") { // of an array: a link to the job's folder
    std::error_code error;
    const Path real = std::filesystem::canonical(job, error);
    job = error ? job : real;
  }
  return job;
}

Path proc_of(pid_t pid) {
  return Path("/proc") / std::to_string(pid);
}

} // namespace

std::vector<Path> jobs_running_here(const Path& ours) {
  std::vector<Path> jobs;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    struct stat owner {};
    if (name.find_first_not_of("0123456789") != std::string::npos ||
        ::stat(entry.path().c_str(), &owner) != 0 || owner.st_uid != ::geteuid()) {
      continue;
    }
    if (auto job = job_of_runner(entry.path()); job && *job != ours) {
      jobs.push_back(*std::move(job));
    }
  }
  return jobs;
}

bool is_of_another_job(pid_t pid, const Path& ours) {
  constexpr int kDeepest = 64;
  for (int depth = 0; pid > 1 && depth < kDeepest; ++depth) {
    if (const auto job = job_of_runner(proc_of(pid))) {
      return *job != ours;
    }
    const auto info = process_info(pid);
    pid = info ? info->ppid : 0;
  }
  return false;
}

bool is_tmpdir_of_others(const Path& tmpdir, const Path& ours) {
  const std::vector<Path> jobs = jobs_running_here(ours);
  return std::any_of(jobs.begin(), jobs.end(), [&](const Path& job) {
    std::error_code error;
    return std::filesystem::read_symlink(job / "tmpdir", error) == tmpdir && !error;
  });
}

} // namespace ckpt::runner
