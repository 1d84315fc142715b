// What only this machine has: crashes between two writes, adoption, reboots, strangers' children.
#include "core/base/strings.hpp"
#include "core/scheduler/local/local_scheduler.hpp"
#include "tests/fakes/fake_clock.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wait_until.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

using namespace ckpt;
using namespace ckpt::scheduler;
using namespace ckpt::scheduler::local;
using ckpt::test::wait_until;

namespace {

struct Machine {
  Machine() {
    config.state_dir = folder.path();
    submission.token = {random_hex(16)};
    submission.name = "local";
    submission.script = folder.path() / "batch.sh";
    submission.cwd = folder.path().string();
    submission.output_path = (folder.path() / "out").string();
    submission.env = {{"PATH", "/usr/bin:/bin"}, {"ODD", "\xff\xfe"}};
    script("exec sleep 600");
  }
  ~Machine() {
    for (const SchedulerJobId& id : records().list()) {
      const auto entry = std::string(kRecordVariable) + "=" + records().folder(id).string();
      for (const ProcessInfo& process : processes_with_environment(entry)) {
        signal_process(process, SIGKILL);
      }
    }
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void script(const std::string& body) {
    REQUIRE(write_file_atomically(submission.script, "#!/bin/sh\n" + body + "\n", 0755));
  }
  Records records() const { return Records(folder.path()); }
  Allocation look(LocalScheduler& scheduler, const SchedulerJobId& id) {
    const auto found = scheduler.look_up({id});
    REQUIRE(found);
    REQUIRE(found->size() == 1);
    return found->front();
  }

  test::TempDir folder;
  test::FakeClock clock;
  SchedulerConfig config;
  Submission submission;
};

} // namespace

TEST_CASE("local: what a script is told, also after a requeue from outside") {
  Machine machine;
  machine.script("echo $CKPT_LOCAL_JOB_ID $CKPT_LOCAL_RESTART_COUNT $CKPT_LOCAL_STATE $ODD");
  LocalScheduler scheduler(machine.config, machine.clock);
  const auto id = scheduler.submit(machine.submission);
  REQUIRE(id);
  CHECK(id->value == "local-1");
  REQUIRE(wait_until([&] { return is_over(machine.look(scheduler, *id).state); }));
  REQUIRE(scheduler.requeue(*id));
  REQUIRE(wait_until([&] { return is_over(machine.look(scheduler, *id).state); }));
  CHECK(machine.look(scheduler, *id).restart_count == 1);
  const std::string state = machine.folder.path().string();
  CHECK(read_file(machine.submission.output_path) ==
        "local-1 0 " + state + " \xff\xfe\nlocal-1 1 " + state + " \xff\xfe\n");
  CHECK(scheduler.submit(machine.submission)->value == "local-2");
}

TEST_CASE("local: a daemon that died between starting a process and writing its pid finds it") {
  Machine machine;
  machine.script("sleep 600 & wait");
  LocalScheduler scheduler(machine.config, machine.clock);
  const auto id = scheduler.submit(machine.submission);
  REQUIRE(id);
  ProcessRecord process = *machine.records().read(*id)->process;
  const pid_t pid = process.pid;
  process.pid = 0;
  process.start_ticks = 0;
  REQUIRE(machine.records().write(*id, process));
  CHECK(machine.look(scheduler, *id).state == AllocationState::running);
  CHECK(machine.records().read(*id)->process->pid == pid);
  CHECK(scheduler.cancel(*id));
  CHECK(
      wait_until([&] { return machine.look(scheduler, *id).state == AllocationState::cancelled; }));
}

TEST_CASE("local: an intent without a process is given up after a while") {
  Machine machine;
  const auto id = machine.records().create(machine.submission, machine.clock.now());
  REQUIRE(id);
  LocalScheduler scheduler(machine.config, machine.clock);
  CHECK(machine.look(scheduler, *id).state == AllocationState::running);
  machine.clock.pass(seconds{11});
  const Allocation given_up = machine.look(scheduler, *id);
  CHECK(given_up.state == AllocationState::failed);
  CHECK(given_up.reason == "NeverStarted");
}

TEST_CASE("local: an attempt whose starter is gone is adopted; its exit status is not made up") {
  Machine machine;
  machine.script("while [ ! -e go ]; do sleep 0.02; done; exit 3");
  const pid_t daemon = ::fork();
  REQUIRE(daemon >= 0);
  if (daemon == 0) {
    LocalScheduler scheduler(machine.config);
    ::_exit(scheduler.submit(machine.submission) ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(daemon, &status, 0) == daemon);
  REQUIRE(status == 0);
  LocalScheduler scheduler(machine.config, machine.clock);
  CHECK(machine.look(scheduler, {"local-1"}).state == AllocationState::running);
  REQUIRE(write_file_atomically(machine.folder.path() / "go", ""));
  REQUIRE(wait_until([&] { return is_over(machine.look(scheduler, {"local-1"}).state); }));
  const Allocation ended = machine.look(scheduler, {"local-1"});
  CHECK(ended.state == AllocationState::completed);
  CHECK(ended.reason == "ExitStatusUnknown");
  CHECK_FALSE(ended.exit_code);
}

TEST_CASE("local: other children of the process are left alone, ours leave no zombie") {
  Machine machine;
  machine.script("exit 5");
  const pid_t stranger = ::fork();
  if (stranger == 0) {
    ::_exit(9);
  }
  LocalScheduler scheduler(machine.config, machine.clock);
  const auto id = scheduler.submit(machine.submission);
  REQUIRE(id);
  const pid_t pid = machine.records().read(*id)->process->pid;
  REQUIRE(wait_until([&] { return is_over(machine.look(scheduler, *id).state); }));
  CHECK(machine.look(scheduler, *id).exit_code == 5);
  CHECK(machine.look(scheduler, *id).state == AllocationState::failed);
  CHECK_FALSE(process_info(pid));
  int status = 0;
  CHECK(::waitpid(stranger, &status, 0) == stranger);
  CHECK(WEXITSTATUS(status) == 9);
}

TEST_CASE("local: a recycled pid is not taken for the attempt, and never signalled") {
  Machine machine;
  LocalScheduler scheduler(machine.config, machine.clock);
  const auto id = machine.records().create(machine.submission, machine.clock.now());
  REQUIRE(id);
  ProcessRecord process;
  process.pid = ::getpid();
  process.start_ticks = process_info(::getpid())->start_ticks - 1;
  process.boot_id = boot_id();
  REQUIRE(machine.records().write(*id, process));
  CHECK(scheduler.cancel(*id));
  CHECK(is_over(machine.look(scheduler, *id).state));
  CHECK(machine.look(scheduler, *id).state == AllocationState::completed);
}

TEST_CASE("local: after a reboot nothing of before runs") {
  Machine machine;
  LocalScheduler scheduler(machine.config, machine.clock);
  const auto id = machine.records().create(machine.submission, machine.clock.now());
  REQUIRE(id);
  ProcessRecord process;
  process.pid = ::getpid();
  process.start_ticks = process_info(::getpid())->start_ticks;
  process.boot_id = "another";
  REQUIRE(machine.records().write(*id, process));
  CHECK(machine.look(scheduler, *id).state == AllocationState::node_fail);
}

TEST_CASE("local: a runner that starts itself anew is the same allocation with the next count") {
  Machine machine;
  machine.submission.time_limit = minutes{10};
  LocalScheduler scheduler(machine.config);
  const auto id = scheduler.submit(machine.submission);
  REQUIRE(id);
  REQUIRE(local_requeued(machine.config.state_dir, *id, 1));
  const Allocation again = machine.look(scheduler, *id);
  CHECK(again.restart_count == 1);
  CHECK(again.state == AllocationState::running);
  CHECK(again.ends_at == *again.started_at + minutes{10});
  CHECK(scheduler.requeue(*id).error().code == "allocation_state");
  CHECK(scheduler.cancel(*id));
  REQUIRE(wait_until([&] { return is_over(machine.look(scheduler, *id).state); }));
  CHECK(machine.look(scheduler, *id).restart_count == 1);
  // What was cancelled stays cancelled.
  CHECK(scheduler.requeue(*id).error().code == "allocation_state");
  CHECK_FALSE(local_requeued(machine.config.state_dir, {"local-9"}, 1));
}

TEST_CASE("local: KILL comes after kill_wait and not before, also to children") {
  Machine machine;
  machine.script("trap '' TERM\nsleep 600 &\ntouch ready\nwait\nwait");
  LocalScheduler scheduler(machine.config, machine.clock);
  const auto id = scheduler.submit(machine.submission);
  REQUIRE(id);
  REQUIRE(wait_until([&] { return std::filesystem::exists(machine.folder.path() / "ready"); }));
  REQUIRE(scheduler.cancel(*id));
  machine.clock.pass(milliseconds{4900});
  CHECK(machine.look(scheduler, *id).state == AllocationState::completing);
  machine.clock.pass(milliseconds{200});
  REQUIRE(wait_until([&] { return is_over(machine.look(scheduler, *id).state); }));
  const Allocation killed = machine.look(scheduler, *id);
  CHECK(killed.state == AllocationState::cancelled);
  CHECK(killed.signal == SIGKILL);
  const auto entry = std::string(kRecordVariable) + "=" + machine.records().folder(*id).string();
  CHECK(wait_until([&] { return processes_with_environment(entry).empty(); }));
}

TEST_CASE("local: what cannot be started is an error and leaves nothing behind") {
  Machine machine;
  machine.submission.script = machine.folder.path() / "missing.sh";
  LocalScheduler scheduler(machine.config, machine.clock);
  const auto id = scheduler.submit(machine.submission);
  REQUIRE_FALSE(id);
  CHECK(id.error().outcome == Outcome::permanent);
  CHECK(scheduler.snapshot()->empty());
}

TEST_CASE("local: ended ones are forgotten after a week, and no number is given twice") {
  Machine machine;
  machine.script("exit 0");
  LocalScheduler scheduler(machine.config, machine.clock);
  REQUIRE(scheduler.submit(machine.submission));
  REQUIRE(scheduler.submit(machine.submission));
  const auto all_over = [&] {
    const auto seen = scheduler.snapshot();
    return std::all_of(seen->begin(), seen->end(), [](const Allocation& allocation) {
      return is_over(allocation.state);
    });
  };
  REQUIRE(wait_until(all_over));
  CHECK(scheduler.snapshot()->size() == 2);
  machine.clock.pass(hours{8 * 24});
  CHECK(scheduler.snapshot()->size() == 1);
  CHECK(scheduler.look_up({{"local-1"}})->empty());
  CHECK(scheduler.submit(machine.submission)->value == "local-3");
}
