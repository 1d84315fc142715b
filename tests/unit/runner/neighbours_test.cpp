#include "core/base/files.hpp"
#include "runner/neighbours.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wait_until.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

using namespace ckpt;
using namespace ckpt::runner;

namespace {

/// A process whose command line is that of a runner, with a child; ended with this object.
class StandIn {
public:
  explicit StandIn(const Path& folder, const Path& job) {
    // The shell runs the script `run` and keeps the words behind it for itself.
    REQUIRE(write_file_atomically(folder / "run", "sleep 600 & echo $! >child; wait\n", 0700));
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::setpgid(0, 0);
      if (::chdir(folder.c_str()) == 0) {
        ::execl("/bin/sh", "/x/ckpt-runner", "run", "--job", job.c_str(), "--token", "t", nullptr);
      }
      ::_exit(1);
    }
    child_file_ = folder / "child";
    REQUIRE(ckpt::test::wait_until(
        [&] { return read_file(child_file_).value_or("").ends_with("\n"); }, seconds{10}));
  }
  ~StandIn() {
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;
  pid_t child() const { return std::stoi(*read_file(child_file_)); }

private:
  pid_t pid_ = 0;
  Path child_file_;
};

} // namespace

TEST_CASE("another job's runner on this host, and what is below it, is known") {
  const ckpt::test::TempDir dir;
  const Path other = dir.path() / "jobs" / "j-2";
  const Path ours = dir.path() / "jobs" / "j-1";
  REQUIRE(make_directories(other));
  REQUIRE(make_directories(ours));
  std::filesystem::create_symlink("/tmp/shared-one", other / "tmpdir");
  CHECK_FALSE(is_tmpdir_of_others("/tmp/shared-one", ours));
  {
    const StandIn runner(dir.path(), other);
    const auto here = jobs_running_here(ours);
    CHECK(std::count(here.begin(), here.end(), other) == 1);
    const auto seen_by_it = jobs_running_here(other);
    CHECK(std::count(seen_by_it.begin(), seen_by_it.end(), other) == 0);
    CHECK(is_of_another_job(runner.child(), ours));
    CHECK_FALSE(is_of_another_job(runner.child(), other));
    CHECK_FALSE(is_of_another_job(::getpid(), ours));
    CHECK(is_tmpdir_of_others("/tmp/shared-one", ours));
    CHECK_FALSE(is_tmpdir_of_others("/tmp/other-one", ours));
    CHECK_FALSE(is_tmpdir_of_others("/tmp/shared-one", other));
  }
  CHECK_FALSE(is_tmpdir_of_others("/tmp/shared-one", ours));
}

TEST_CASE("a task of an array is started by a link, and is the job that this leads to") {
  const ckpt::test::TempDir dir;
  const Path ours = std::filesystem::canonical(dir.path()) / "jobs" / "j-1";
  const Path tasks = dir.path() / "arrays" / "00ff" / "tasks";
  REQUIRE(make_directories(ours));
  REQUIRE(make_directories(tasks));
  std::filesystem::create_symlink(ours, tasks / "7");
  std::filesystem::create_symlink("/tmp/own-one", ours / "tmpdir");
  const StandIn itself(dir.path(), tasks / "7");
  CHECK_FALSE(is_tmpdir_of_others("/tmp/own-one", ours));
  CHECK_FALSE(is_of_another_job(itself.child(), ours));
  CHECK(is_tmpdir_of_others("/tmp/own-one", ours.parent_path() / "j-2"));
  CHECK(is_of_another_job(itself.child(), ours.parent_path() / "j-2"));
}
