// Invariants: a job exists from the moment its spec.json has its name, which comes last, to the
// moment it has it no more, which comes first.

#include "core/base/kill_point.hpp"
#include "core/store/generations.hpp"
#include "core/store/job_folder.hpp"
#include "core/store/layout.hpp"

#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

namespace ckpt::store {

namespace {

constexpr mode_t kRunnerMode = 0700;
constexpr mode_t kScriptMode = 0500;

Path jobs_dir(const Path& root) {
  return root / "jobs";
}

/// Copies under another name and renames: nobody ever runs half a runner.
Status install(const Path& from, const Path& to) {
  const Path temporary = to.parent_path() / (".runner." + random_hex(8) + ".tmp");
  return in_turn([&] { return make_private_directory(to.parent_path().parent_path()); },
                 [&] { return make_private_directory(to.parent_path()); },
                 [&] { return copy_file_durably(from, temporary, kRunnerMode); },
                 [&] {
                   kill_point("install.copied");
                   return rename_durably(temporary, to);
                 });
}

/// The folder itself may be the site's; what we make in it is ours alone.
Status close_to_others(const Path& root) {
  struct stat info {};
  if (::stat(root.c_str(), &info) != 0) {
    return tl::unexpected(errno_error(errno, "cannot look at", root));
  }
  const bool sticky_or_closed = (info.st_mode & 022U) == 0 || (info.st_mode & S_ISVTX) != 0;
  if (info.st_uid == 0 && ::geteuid() != 0 && sticky_or_closed) {
    return make_private_directory(jobs_dir(root));
  }
  return in_turn([&] { return make_private_directory(root); },
                 [&] { return make_private_directory(jobs_dir(root)); });
}

} // namespace

Result<Store> Store::open(const Path& root) {
  if (const Status made = make_directories(root); !made) {
    return tl::unexpected(made.error());
  }
  std::error_code error;
  const Path real = std::filesystem::canonical(root, error);
  if (error) {
    return tl::unexpected(errno_error(error.value(), "cannot find the real path of", root));
  }
  if (const Status closed = close_to_others(real); !closed) {
    return tl::unexpected(closed.error());
  }
  return Store(real);
}

Result<JobFolder> Store::create_job(const JobSpec& spec,
                                    const Policy& policy,
                                    const std::optional<std::string>& script) const {
  const JobFolder folder = job(spec.id);
  const Path path = folder.path();
  const Status made = in_turn(
      [&] { return make_directory_exclusively(path); },
      [&] {
        kill_point("create_job.folder");
        return make_directory_exclusively(attempts_dir(path));
      },
      [&] { return make_directory_exclusively(generations_dir(path)); },
      [&] { return make_directory_exclusively(submissions_dir(path)); },
      [&] {
        return creator_.empty() ? Status{}
                                : write_file_atomically(creator_file(path), creator_ + "\n");
      },
      [&] {
        return script ? write_file_atomically(folder.script(), *script, kScriptMode) : Status{};
      },
      [&] { return folder.write_policy(policy); },
      [&] {
        kill_point("create_job.spec");
        return write_file_atomically(path / "spec.json", dump_json_pretty(to_json(spec)) + "\n");
      });
  kill_point("create_job.done");
  if (!made) {
    return tl::unexpected(made.error());
  }
  return folder;
}

JobFolder Store::job(JobId id) const {
  return JobFolder(jobs_dir(root_) / id.str());
}

bool Store::has_job(JobId id) const {
  return is_there(job(id).path() / "spec.json").value_or(false);
}

Result<std::vector<JobId>> Store::list_jobs() const {
  std::vector<JobId> ids;
  std::error_code error;
  std::filesystem::directory_iterator at(jobs_dir(root_), error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const auto id = JobId::parse(at->path().filename().string());
    if (id && id->str() == at->path().filename() && has_job(*id)) {
      ids.push_back(*id);
    }
  }
  if (error) {
    return tl::unexpected(errno_error(error.value(), "cannot list", jobs_dir(root_)));
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

namespace {

/// Without its spec it is no job any more; what else a death leaves of it goes with the next try.
Status take_apart(const Path& job,
                  const std::function<Status()>& remove_rest,
                  const Path& changed_directory) {
  const auto there = is_there(job);
  if (!there || !*there) {
    return there ? Status{} : tl::unexpected<Error>(there.error());
  }
  return in_turn([&] { return remove_file(job / "spec.json"); },
                 [&] { return sync_directory(job); },
                 remove_rest,
                 [&] { return sync_directory(changed_directory); });
}

} // namespace

Status Store::remove_job(JobId id) const {
  const Path path = job(id).path();
  const auto rest = [&] {
    kill_point("remove_job.spec");
    return remove_tree(path);
  };
  return take_apart(path, rest, jobs_dir(root_));
}

Status Store::bury_job(JobId id) const {
  const Path path = job(id).path();
  const auto rest = [&] {
    kill_point("bury_job.spec");
    return empty_directory(path);
  };
  return take_apart(path, rest, path);
}

Result<Path> Store::install_runner(const Path& runner_executable,
                                   const std::string& version) const {
  const auto wanted = hash_file(runner_executable);
  if (!wanted) {
    return tl::unexpected(wanted.error());
  }
  // A build that differs under the same version gets a folder of its own: jobs keep the runner they
  // started with.
  const std::string other = version + "-" + wanted->hash.substr(0, 12);
  for (const std::string& name : {version, other}) {
    Path target = root_ / "bin" / name / "ckpt-runner";
    auto there = hash_file(target);
    if (!there && there.error().code == "no_such_file") {
      if (const Status done = install(runner_executable, target); !done) {
        return tl::unexpected(done.error());
      }
      there = hash_file(target);
    }
    if (!there) {
      return tl::unexpected(there.error());
    }
    if (there->hash == wanted->hash) {
      return target;
    }
  }
  return fail(ErrorClass::failed,
              "damaged_file",
              (root_ / "bin" / other / "ckpt-runner").string() + " is not what was copied there",
              "remove that folder");
}

} // namespace ckpt::store
