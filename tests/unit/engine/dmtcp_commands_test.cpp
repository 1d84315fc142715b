#include "core/engine/dmtcp/commands.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace ckpt::engine::dmtcp;

namespace {

bool has(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Install version(int major, const std::string& plugin) {
  return {.bin = "/opt/d/bin",
          .version = std::to_string(major) + ".0",
          .major = major,
          .minor = 0,
          .unique_plugin = plugin};
}

} // namespace

TEST_CASE("dmtcp: unique image names by plugin before 5.0, by option since") {
  const auto old =
      launch_command(version(4, "/opt/d/lib/u.so"), 4711, "/i", "/t", "/s/x.so", {"prog", "-a"});
  CHECK(old == Words{"/opt/d/bin/dmtcp_launch",
                     "-q",
                     "-q",
                     "-j",
                     "-h",
                     "127.0.0.1",
                     "-p",
                     "4711",
                     "--ckptdir",
                     "/i",
                     "--tmpdir",
                     "/t",
                     "--no-gzip",
                     "--with-plugin",
                     "/s/x.so:/opt/d/lib/u.so",
                     "prog",
                     "-a"});
  const auto now = launch_command(version(5, ""), 4711, "/i", "/t", "", {"prog"});
  CHECK(has(now, "--enable-unique-checkpoint-filenames"));
  CHECK(!has(now, "--with-plugin"));
  CHECK(has(launch_command(version(5, ""), 4711, "/i", "/t", "/s/x.so", {"prog"}), "/s/x.so"));
}

TEST_CASE("dmtcp: the other tools") {
  const Install install = version(4, "/u.so");
  const auto coordinator = coordinator_command(install, "/w/port", "/i", "/t");
  CHECK(coordinator.front() == "/opt/d/bin/dmtcp_coordinator");
  CHECK(!has(coordinator, "--daemon")); // it dies with the runner
  CHECK(restart_command(install, 1, "/new", "/t", {"/old/a.dmtcp", "/old/b.dmtcp"}) ==
        Words{"/opt/d/bin/dmtcp_restart",
              "-q",
              "-q",
              "-j",
              "-h",
              "127.0.0.1",
              "-p",
              "1",
              "--ckptdir",
              "/new",
              "--tmpdir",
              "/t",
              "/old/a.dmtcp",
              "/old/b.dmtcp"});
  CHECK(ask_command(install, 9, "-l") ==
        Words{"/opt/d/bin/dmtcp_command", "-h", "127.0.0.1", "-p", "9", "-l"});
}

TEST_CASE("dmtcp: the user's DMTCP_* variables stay out") {
  const auto clean = clean_environment(
      {{"DMTCP_GZIP", "1"}, {"DMTCP_COORD_PORT", "7779"}, {"HOME", "/h"}, {"MY_DMTCP_X", "1"}});
  CHECK(clean == std::map<std::string, std::string>{{"HOME", "/h"}, {"MY_DMTCP_X", "1"}});
}

TEST_CASE("dmtcp: its own assertions are told from its warnings") {
  CHECK(tells_of_a_broken_process(
      "\x1b[0;31m[2026-11-21T08:58:51.429, 41000, 41000, Error] at coordinatorapi.cpp:604 in "
      "sendRecvHandshake; REASON='JASSERT(false) failed;Message: Connection rejected"));
  CHECK(tells_of_a_broken_process(
      "WARNING at a.cpp:1: x\nASSERT at coordinatorapi.cpp:728: false: "));
  CHECK(tells_of_a_broken_process("ASSERT at coordinatorapi.cpp:728: false: Connection rejected"));
  CHECK_FALSE(tells_of_a_broken_process(""));
  CHECK_FALSE(tells_of_a_broken_process(
      "[2026-11-21T08:59:03.380, 44000, 44002, Warning] at procselfmaps.cpp:105 in ~ProcSelfMaps; "
      "REASON='JWARNING(numAllocExpands == 7) failed"));
  CHECK_FALSE(tells_of_a_broken_process("WARNING at procselfmaps.cpp:110: numAllocExpands == 8"));
}

TEST_CASE("dmtcp: a process that came in the moment of the request") {
  CHECK(log_tells_of_one_turned_away(
      "[0;33m[2026-11-21T11:21:25.988, 18378, 18378, Warning] at dmtcp_coordinator.cpp:1112 in "
      "validateNewWorkerProcess; REASON='JWARNING(false) failed; (hello_remote.state = "
      "WorkerState::PRESUSPEND);Message: state is not RUNNING or UNKNOWN; rejecting new "
      "connection"));
  CHECK_FALSE(log_tells_of_one_turned_away(
      "REASON='worker connected; (client->progname() = dash_(forked));"));
}

TEST_CASE("dmtcp: a program's own words are not taken for DMTCP's") {
  CHECK(stderr_tells_of_a_refused_process(
      "line\nASSERT at coordinatorapi.cpp:728: false: Connection rejected by the coordinator: "));
  CHECK_FALSE(stderr_tells_of_a_refused_process("ASSERT at solver.cpp:12: failed\n"));
  CHECK_FALSE(stderr_tells_of_a_refused_process("WARNING at coordinatorapi.cpp:1: rejected"));
}
