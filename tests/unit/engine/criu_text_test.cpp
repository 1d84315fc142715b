#include "core/engine/criu/text.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace ckpt;
using namespace ckpt::engine::criu;

namespace {

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// The word behind an option.
std::string value_of(const std::vector<std::string>& words, const std::string& option) {
  const auto found = std::find(words.begin(), words.end(), option);
  return found == words.end() || found + 1 == words.end() ? "" : *(found + 1);
}

} // namespace

TEST_CASE("criu --version") {
  CHECK(parse_version("Version: 4.2.1\n") == "4.2.1");
  CHECK(parse_version("Warn  (x): y\nVersion: 3.17.1\nGitID: v3.17.1\n") == "3.17.1");
  CHECK(!parse_version("criu: not found\n"));
  CHECK(at_least_major("4.2.1", 4));
  CHECK(at_least_major("10.0", 4));
  CHECK(!at_least_major("3.17.1", 4));
  CHECK(!at_least_major("git", 4));
}

TEST_CASE("the errors of a log, without what is in every log") {
  // From criu 4.2.1: a restore after the file had grown.
  const std::string log =
      "Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not "
      "permitted\n"
      "(00.017)    701: Error (criu/files-reg.c:2285): File tmp/f has bad size 20 (expect 10)\n"
      "(00.018) Error (criu/cr-restore.c:1546): 14 exited, status=1\n"
      "(00.020) Error (criu/cr-restore.c:2604): Restoring FAILED.\n";
  CHECK(first_errors(log) == "File tmp/f has bad size 20 (expect 10); 14 exited, status=1");
  CHECK(first_errors("Warn  (criu/x.c:1): y\n").empty());
  CHECK(first_errors("").empty());
}

TEST_CASE("whose a deleted file was") {
  // ghost-file-1.img of criu 4.2.1 in a user namespace: of root, and of user 1000.
  const std::string head("\x19\x43\x56\x54\x05\x36\x58\x52\x2e\x00\x00\x00", 12);
  CHECK(is_foreign_ghost(head + "\x08\xfe\xff\x03\x10\xfe\xff\x03\x18\xed\x83\x02"));
  CHECK(!is_foreign_ghost(head + "\x08\xe8\x07\x10\xe8\x07\x18\xed\x83\x02"));
  CHECK(is_foreign_ghost(head + "\x08\xe8\x07\x10\xfe\xff\x03\x18\xed\x83\x02"));
  CHECK(is_foreign_ghost(head + "\x08\xe8\x07"));
  CHECK(is_foreign_ghost(head.substr(0, 7)));
}

TEST_CASE("CRIU's own frozen time") {
  // stats-dump of criu 4.2.1: freezing 128 us, frozen 54808 us.
  const std::string recorded("\x57\x01\x09\x57"
                             "\x51\x57\x45\x19"
                             "\x23\x00\x00\x00"
                             "\x0a\x21\x08\x80\x01\x10\x98\xac\x03\x18\xd0\x06",
                             24);
  CHECK(parse_frozen_microseconds(recorded) == 54808U);
  for (std::size_t length = 0; length < 20; ++length) {
    CHECK(!parse_frozen_microseconds(recorded.substr(0, length)));
  }
  CHECK(!parse_frozen_microseconds(std::string(64, '\xff')));
}

TEST_CASE("messages") {
  for (const Message& message : {Message{"ping", {}},
                                 Message{"dump", {"/a b\nc", "/log"}},
                                 Message{"failed", {"code", "text", ""}}}) {
    CHECK(decode(encode(message)) == message);
  }
}

TEST_CASE("notes beside the images") {
  const DumpNotes notes{.stdout_path = "/home/a b/out\nput",
                        .stderr_path = "/back\\slash",
                        .files = {{"/data/file one", 0}, {"/x\ny", 123456789012}}};
  const std::string text = encode(notes);
  const auto read = decode_notes(text);
  REQUIRE(read);
  CHECK(*read == notes);
  for (std::size_t length = 0; length + 1 < text.size(); ++length) {
    const auto torn = decode_notes(text.substr(0, length));
    CHECK(!torn);
  }
  CHECK(!decode_notes("file x /y\nend\n"));
}

TEST_CASE("dump and restore as an ordinary user and as root") {
  DumpPlan dump{.criu = "/usr/sbin/criu",
                .pid = 701,
                .images = "/i/gen-001",
                .work_dir = "/w",
                .log = "/w/dump.log",
                .script = "/w/hook",
                .unprivileged = true};
  auto words = dump_command(dump);
  CHECK(words[0] == "/usr/sbin/criu");
  CHECK(words[1] == "dump");
  CHECK(value_of(words, "-t") == "701");
  CHECK(value_of(words, "-D") == "/i/gen-001");
  CHECK(value_of(words, "--action-script") == "/w/hook");
  CHECK(has(words, "--leave-running"));
  CHECK(has(words, "--unprivileged"));
  CHECK(has(words, "--manage-cgroups=ignore"));
  dump.unprivileged = false;
  CHECK(!has(dump_command(dump), "--unprivileged"));

  const RestorePlan restore{.criu = "criu",
                            .images = "/i",
                            .work_dir = "/w",
                            .log = "/w/restore.log",
                            .pid_file = "/w/pid",
                            .unprivileged = false,
                            .replaced = {{100, "/home/u/out"}}};
  words = restore_command(restore);
  CHECK(words[1] == "restore");
  CHECK(has(words, "-d"));
  CHECK(has(words, "--restore-sibling"));
  CHECK(value_of(words, "--pidfile") == "/w/pid");
  CHECK(value_of(words, "--inherit-fd") == "fd[100]:home/u/out");
  CHECK(has(words, "--manage-cgroups=ignore"));
}

TEST_CASE("the action script quotes its paths") {
  const std::string script = action_script("/a b/out", "/a'b/in");
  CHECK(script.starts_with("#!/bin/sh\n"));
  CHECK(script.find(">'/a b/out'") != std::string::npos);
  CHECK(script.find("</a'b/in") == std::string::npos);
}
