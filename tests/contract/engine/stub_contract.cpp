// The stub as a process: what the program that it becomes finds.
#include "core/engine/start_stub.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wait_until.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "engine_fixture.hpp"

using namespace ckpt;
using namespace ckpt::engine;
using namespace ckpt::test;

namespace {

struct StubRun {
  TempDir dir;
  StubPlan plan;
  Path plan_file = dir.path() / "plan";
  Path out = dir.path() / "out";

  StubRun() {
    plan.env = {{"PATH", "/usr/bin:/bin"}, {"ONLY", "this"}};
    plan.cwd = dir.path().string();
    plan.stdout_path = out.string();
  }

  std::optional<ExitStatus> run(std::optional<int> pass_fd = std::nullopt) const {
    const auto pid = start_stub(std::string(CKPT_BIN_DIR) + "/../tests/engine_host",
                                plan,
                                plan_file,
                                dir.path() / "log",
                                pass_fd);
    REQUIRE_MESSAGE(pid, text_of(pid));
    int raw = 0;
    REQUIRE(wait_until([&] { return ::waitpid(*pid, &raw, WNOHANG) == *pid; }));
    return ExitStatus::from_wait_status(raw);
  }
  std::string output() const { return read_file(out).value_or(""); }
};

} // namespace

TEST_CASE("stub: environment, directory, umask, session, streams and descriptors are the plan's") {
  StubRun stub;
  stub.plan.umask = 027;
  stub.plan.argv = {"sh",
                    "-c",
                    "pwd; umask; echo $ONLY ${HOME-unset}; ls /proc/$$/fd; "
                    "cut -d' ' -f6 /proc/$$/stat; echo $$; readlink /proc/$$/fd/0; "
                    "grep SigIgn /proc/$$/status; echo error >&2; exit 7"};
  const Fd leaked(::open("/dev/null", O_RDONLY)); // without close-on-exec
  REQUIRE(write_file_atomically(stub.out, "before\n"));
  const auto status = stub.run(leaked.get());
  REQUIRE(status);
  CHECK(status->code == 7);
  const auto lines = [&] {
    std::vector<std::string> all;
    std::string rest = stub.output();
    for (std::size_t end = 0; (end = rest.find('\n')) != std::string::npos;
         rest.erase(0, end + 1)) {
      all.push_back(rest.substr(0, end));
    }
    return all;
  }();
  REQUIRE(lines.size() == 12);
  CHECK(lines[0] == "before");
  CHECK(lines[1] == stub.dir.path().string());
  CHECK(lines[2] == "0027");
  CHECK(lines[3] == "this unset");
  CHECK(lines[4] + lines[5] + lines[6] == "012");
  CHECK(lines[7] == lines[8]); // the leader of its session
  CHECK(lines[9] == "/dev/null");
  // 32 and 33 are libc's own; nobody can set them by its interface.
  const auto ignored = std::strtoull(lines[10].substr(8).c_str(), nullptr, 16);
  CHECK((ignored & ~0x180000000ULL) == 0);
  CHECK(lines[11] == "error");
  CHECK(!stub_failure(stub.plan_file));
  CHECK(!std::filesystem::exists(stub.plan_file)); // it held an environment
}

TEST_CASE("stub: TERM and PIPE ignored, and a descriptor handed on under another number") {
  StubRun stub;
  stub.plan.ignore_term = true;
  stub.plan.ignore_pipe = true;
  stub.plan.argv = {
      "/bin/sh", "-c", "kill -TERM $$; kill -PIPE $$; readlink /proc/$$/fd/821; ls /proc/$$/fd"};
  const Path other = stub.dir.path() / "given";
  REQUIRE(write_file_atomically(other, "x"));
  const Fd file(::open(other.c_str(), O_RDONLY | O_CLOEXEC));
  stub.plan.inherit_fd = file.get();
  stub.plan.inherit_as = 821;
  const auto status = stub.run(file.get());
  REQUIRE(status);
  CHECK(status->success());
  CHECK(stub.output() == other.string() + "\n0\n1\n2\n821\n");
}

TEST_CASE("stub: its own failures can be told from the program's") {
  struct Case {
    std::vector<std::string> argv;
    std::string cwd;
    int code;
  };
  const std::vector<Case> cases{{{"/no/such"}, "/", 127},
                                {{"no-such-program"}, "/", 127},
                                {{"/etc/passwd"}, "/", 126},
                                {{"/bin/true"}, "/no/such/folder", 125}};
  for (const auto& wanted : cases) {
    CAPTURE(wanted.argv.front());
    StubRun stub;
    stub.plan.argv = wanted.argv;
    stub.plan.cwd = wanted.cwd;
    const auto status = stub.run();
    REQUIRE(status);
    CHECK(status->code == wanted.code);
    CHECK(stub_failure(stub.plan_file));
  }
  StubRun stub; // the same status, but the program's own
  stub.plan.argv = {"/bin/sh", "-c", "exit 127"};
  CHECK(stub.run()->code == 127);
  CHECK(!stub_failure(stub.plan_file));
}

TEST_CASE("stub: a parent that is gone already") {
  StubRun stub;
  stub.plan.argv = {"/bin/true"};
  stub.plan.death_signal = SIGKILL;
  stub.plan.parent_pid = 1 << 22; // not us
  CHECK(stub.run()->code == 125);
  CHECK(stub_failure(stub.plan_file));
}
