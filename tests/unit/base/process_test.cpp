#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/base/strings.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wait_until.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

using namespace ckpt;
using namespace std::chrono_literals;

namespace {

Command shell(const std::string& script) {
  return Command{{"/bin/sh", "-c", script}, {}, {}, {}};
}

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(
      std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator{}));
}

} // namespace

TEST_CASE("a command's status and both streams come back") {
  const auto result = run_command(shell("echo out; echo err >&2; exit 7"));
  REQUIRE(result);
  CHECK(result->status == ExitStatus{7, {}});
  CHECK(result->out == "out\n");
  CHECK(result->err == "err\n");
  CHECK_FALSE(result->timed_out);
}

TEST_CASE("death by a signal is told apart from an exit status") {
  const auto result = run_command(shell("kill -KILL $$"));
  REQUIRE(result);
  CHECK(result->status == ExitStatus{{}, SIGKILL});
  CHECK(result->status.shell_status() == 137);
  CHECK(result->status.describe() == "killed by signal 9 (KILL)");
}

TEST_CASE("large outputs on both streams at once do not block") {
  const auto result =
      run_command(shell("head -c 3000000 /dev/zero & head -c 3000000 /dev/zero >&2; wait"));
  REQUIRE(result);
  CHECK(result->out.size() == 3000000);
  CHECK(result->err.size() == 3000000);
}

TEST_CASE("output beyond the limit is dropped, and said to be") {
  const auto result = run_command(shell("head -c 100000 /dev/zero; exit 3"), RunLimits{10s, 1000});
  REQUIRE(result);
  CHECK(result->out.size() == 1000);
  CHECK(result->truncated);
  CHECK(result->status.code == 3);
}

TEST_CASE("at the time-out the whole process group dies, also when it ignores TERM") {
  const test::TempDir dir;
  const std::string pid_file = (dir.path() / "pid").string();
  const auto result = run_command(
      shell("trap '' TERM; sleep 1000 & echo $! > " + pid_file + "; while :; do sleep 1; done"),
      RunLimits{300ms, 1000});
  REQUIRE(result);
  CHECK(result->timed_out);
  CHECK(result->status.signal == SIGKILL);
  const auto text = read_file(pid_file);
  REQUIRE(text);
  const pid_t grandchild = std::stoi(*text);
  CHECK(test::wait_until([&] {
    const auto info = process_info(grandchild);
    return !info || info->state == 'Z';
  }));
}

TEST_CASE("a grandchild that keeps the pipes open does not hold up the call") {
  const auto started = std::chrono::steady_clock::now();
  const auto result = run_command(shell("sleep 30 & echo $!"), RunLimits{20s, 1000});
  REQUIRE(result);
  CHECK(result->status.success());
  CHECK(std::chrono::steady_clock::now() - started < 10s);
  ::kill(std::stoi(result->out), SIGKILL);
}

TEST_CASE("what cannot be started is an error, not a status") {
  CHECK(run_command(Command{{"no-such-program-here"}, {}, {}, {}}).error().code ==
        "command_not_found");
  CHECK(run_command(Command{{"/etc/passwd"}, {}, {}, {}}).error().code == "command_not_started");
  CHECK(run_command(Command{}).error().code == "command_not_started");
}

TEST_CASE("environment, folder and standard input are those asked for") {
  Command command = shell("echo $WORD; pwd; cat");
  command.env = {{"WORD", "x y"}, {"PATH", "/usr/bin:/bin"}};
  command.cwd = "/usr";
  command.stdin_data = std::string(200000, 'z');
  const auto result = run_command(command);
  REQUIRE(result);
  CHECK(result->out == "x y\n/usr\n" + command.stdin_data);
}

TEST_CASE("no descriptor leaks: neither into the child nor in us") {
  const int leaky = ::open("/dev/null", O_RDONLY); // on purpose without O_CLOEXEC
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 50; ++i) {
    const auto result = run_command(shell("ls /proc/self/fd | wc -l"));
    REQUIRE(result);
    CHECK(trim(result->out) == "4"); // 0, 1, 2 and ls's own
  }
  CHECK(open_descriptors() == before);
  ::close(leaky);
}

TEST_CASE("a spawned process appends to its files and passes one descriptor on") {
  const test::TempDir dir;
  std::array<int, 2> fds{};
  REQUIRE(::pipe2(fds.data(), O_CLOEXEC) == 0);
  const Fd read_end(fds[0]);
  Fd write_end(fds[1]);
  SpawnOptions options;
  options.argv = {"/bin/bash",
                  "-c",
                  "echo line; echo error >&2; echo through >&" + std::to_string(write_end.get())};
  options.env = {{"PATH", "/usr/bin:/bin"}};
  options.stdout_path = (dir.path() / "out").string();
  options.pass_fd = write_end.get();
  REQUIRE(write_file_atomically(dir.path() / "out", "before\n"));
  const auto pid = spawn(options);
  REQUIRE(pid);
  write_end.reset();
  int status = 0;
  CHECK(::waitpid(*pid, &status, 0) == *pid);
  CHECK(ExitStatus::from_wait_status(status).success());
  CHECK(read_file(dir.path() / "out").value() == "before\nline\nerror\n");
  std::array<char, 32> buffer{};
  CHECK(::read(read_end.get(), buffer.data(), buffer.size()) == 8);
}

TEST_CASE("processes are seen, told apart by start time, found by environment and as a tree") {
  SpawnOptions options;
  options.argv = {"/bin/sh", "-c", "sleep 1000 & wait"};
  options.env = {{"PATH", "/usr/bin:/bin"}, {"CKPT_TEST_MARK", "m" + std::to_string(::getpid())}};
  const auto pid = spawn(options);
  REQUIRE(pid);
  CHECK(test::wait_until([&] { return process_tree(*pid).size() == 2; }));
  CHECK(processes_with_environment("CKPT_TEST_MARK=m" + std::to_string(::getpid())).size() == 2);
  CHECK(processes_with_environment("CKPT_TEST_MARK=m").empty());
  CHECK(resident_bytes(*pid) > 0);
  const std::vector<ProcessInfo> tree = process_tree(*pid);
  CHECK(tree.front().ppid == ::getpid());
  CHECK_FALSE(is_stopped(tree.back()));
  CHECK(signal_process(tree.back(), SIGSTOP));
  CHECK(is_stopped(tree.back())); // at once: on its way counts too
  CHECK(signal_process(tree.back(), SIGCONT));
  CHECK(test::wait_until([&] { return !is_stopped(tree.back()); }));
  ProcessInfo recycled = tree.back();
  recycled.start_ticks += 1;
  CHECK_FALSE(signal_process(recycled, SIGKILL));
  for (const ProcessInfo& process : tree) {
    CHECK(signal_process(process, SIGKILL));
  }
  int status = 0;
  CHECK(::waitpid(*pid, &status, 0) == *pid);
  CHECK_FALSE(signal_process(tree.front(), 0));
  CHECK(process_tree(*pid).empty());
}

TEST_CASE("signals by name and number") {
  CHECK(parse_signal("USR1") == SIGUSR1);
  CHECK(parse_signal("SIGTERM") == SIGTERM);
  CHECK(parse_signal("10") == 10);
  CHECK_FALSE(parse_signal("NOPE"));
  CHECK_FALSE(parse_signal(""));
  CHECK_FALSE(parse_signal("0"));
  CHECK(signal_name(SIGHUP) == "HUP");
}
