#include "core/engine/unreaped.hpp"

#include "core/base/clock.hpp"
#include "core/base/files.hpp"

#include <poll.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace ckpt::engine {
namespace {

constexpr int kLookEveryMs = 20;

// The last field of proc(5)'s stat is what waitpid(2) will say.
int wait_status_of(pid_t zombie) {
  const std::string stat =
      read_file("/proc/" + std::to_string(zombie) + "/stat", 4096).value_or("");
  const std::size_t last = stat.find_last_not_of(" \n");
  const std::size_t blank = last == std::string::npos ? last : stat.rfind(' ', last);
  return blank == std::string::npos ? 0 : std::atoi(stat.c_str() + blank);
}

// /proc/<pid>/task/<tid>/children: nothing where the kernel has none (CONFIG_PROC_CHILDREN).
std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  std::error_code gone;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    std::istringstream list(read_file(task.path() / "children").value_or(""));
    for (pid_t child = 0; list >> child;) {
      children.push_back(child);
    }
  }
  return children;
}

} // namespace

UnreapedChildren::UnreapedChildren(Which which, Parents parents, Duration patience)
    : which_(which), parents_(std::move(parents)), patience_(patience) {}

bool UnreapedChildren::counts(pid_t zombie) const {
  const int status = wait_status_of(zombie);
  return which_ == Which::killed ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL : status != 0;
}

void UnreapedChildren::look() {
  std::vector<Seen> found;
  std::vector<pid_t> parents = parents_();
  for (std::size_t i = 0; i < parents.size(); ++i) {
    for (const pid_t child : children_of(parents[i])) {
      const auto info = process_info(child);
      if (info && info->state == 'Z' && counts(child)) {
        const auto before = std::find_if(seen_.begin(), seen_.end(), [&](const Seen& seen) {
          return seen.child.pid == child && seen.child.start_ticks == info->start_ticks;
        });
        found.push_back(
            {*info, before != seen_.end() ? before->first : system_clock().monotonic()});
      }
      if (std::find(parents.begin(), parents.end(), child) == parents.end()) {
        parents.push_back(child);
      }
    }
  }
  seen_ = std::move(found);
}

void UnreapedChildren::settle(int wake_fd) {
  pollfd wake{wake_fd, POLLIN, 0};
  do {
    look();
  } while (std::any_of(seen_.begin(),
                       seen_.end(),
                       [&](const Seen& seen) {
                         return system_clock().monotonic() - seen.first < patience_;
                       }) &&
           ::poll(&wake, 1, kLookEveryMs) == 0);
}

Status UnreapedChildren::check() {
  look();
  for (const Seen& seen : seen_) {
    if (system_clock().monotonic() - seen.first < patience_) {
      return fail(ErrorClass::failed,
                  "child_not_waited_for",
                  seen.child.comm + " (pid " + std::to_string(seen.child.pid) + ") has " +
                      (which_ == Which::killed ? "been killed" : "ended") +
                      ", and its parent does not know yet",
                  "the checkpoint is to be taken again",
                  Outcome::retryable);
    }
  }
  return {};
}

} // namespace ckpt::engine
