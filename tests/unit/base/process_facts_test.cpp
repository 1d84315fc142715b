// On a real process that holds every kind (tests/support/programs/hazards.cpp).
#include "core/base/files.hpp"
#include "core/base/process_facts.hpp"
#include "core/base/sockets.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "../../support/temp_dir.hpp"
#include "../../support/wait_until.hpp"

using namespace ckpt;
using namespace ckpt::test;

namespace {

/// Runs the program with these kinds until the end of the object.
class Program {
public:
  Program(const TempDir& folder, std::vector<std::string> kinds) {
    SpawnOptions options;
    options.argv = {std::string(CKPT_BIN_DIR) + "/../tests/hazards", "60"};
    options.argv.insert(options.argv.end(), kinds.begin(), kinds.end());
    options.env = {{"TMPDIR", folder.path().string()}};
    options.stdout_path = (folder.path() / "out").string();
    options.stderr_path = (folder.path() / "err").string();
    const auto pid = spawn(options);
    REQUIRE(pid);
    pid_ = *pid;
    REQUIRE_MESSAGE(
        wait_until([&] { return !read_file(folder.path() / "out").value_or("").empty(); }),
        read_file(folder.path() / "err").value_or(""));
  }
  ~Program() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  ProcessFacts facts(const std::vector<pid_t>& helpers = {}) const {
    const auto all = look_at_processes(process_tree(pid_), helpers);
    REQUIRE(all.size() == 1);
    return all.front();
  }
  pid_t pid() const { return pid_; }

private:
  pid_t pid_ = 0;
};

const OpenObject* find(const ProcessFacts& facts, const std::string& path, bool mapped = false) {
  const auto found =
      std::find_if(facts.objects.begin(), facts.objects.end(), [&](const OpenObject& object) {
        return object.mapped == mapped && object.path.find(path) != std::string::npos;
      });
  return found == facts.objects.end() ? nullptr : &*found;
}

} // namespace

TEST_CASE("process facts: files, by how they are open") {
  const TempDir folder;
  const auto path = [&](const char* name) { return (folder.path() / name).string(); };
  REQUIRE(write_file_atomically(path("input"), "x"));
  const Program program(folder,
                        {"in-place:" + path("place"),
                         "append:" + path("log"),
                         "read:" + path("input"),
                         "mapped:" + path("matrix"),
                         "deleted:" + path("gone"),
                         "deleted-mapping:" + path("gone-map"),
                         "memfd"});
  const ProcessFacts facts = program.facts();
  CHECK(facts.readable);
  CHECK(facts.name == "hazards");
  const auto check = [&](const OpenObject* object, bool in_place, bool deleted) {
    REQUIRE(object != nullptr);
    CHECK(object->kind == ObjectKind::regular);
    CHECK(object->in_place == in_place);
    CHECK(object->deleted == deleted);
    CHECK(object->reachable);
  };
  check(find(facts, path("place")), true, false);
  check(find(facts, path("log")), false, false);
  check(find(facts, path("input")), false, false);
  check(find(facts, path("matrix"), true), true, false);
  check(find(facts, path("gone")), true, true);
  check(find(facts, path("gone-map"), true), true, true);
  check(find(facts, "/memfd:hazard", true), true, true);
  CHECK(find(facts, path("matrix")) == nullptr); // its descriptor is closed
  const OpenObject* place = find(facts, path("place"));
  CHECK(place->bytes == 8);
  CHECK(place->own);
  CHECK(!place->filesystem.empty());
  CHECK(find(facts, path("gone"))->path == path("gone")); // without the kernel's " (deleted)"
}

TEST_CASE("process facts: System V memory, io_uring, terminals") {
  const TempDir folder;
  {
    const Program program(folder, {"sysv", "pty", "eventfd"});
    const ProcessFacts facts = program.facts();
    const OpenObject* memory = find(facts, "/SYSV", true);
    REQUIRE(memory != nullptr);
    CHECK(memory->kind == ObjectKind::regular);
    const OpenObject* terminal = find(facts, "/dev/pt");
    REQUIRE(terminal != nullptr);
    CHECK(terminal->kind == ObjectKind::device);
    REQUIRE(find(facts, "eventfd") != nullptr);
    CHECK(find(facts, "eventfd")->kind == ObjectKind::anonymous);
  }
  if (read_file("/proc/sys/kernel/io_uring_disabled").value_or("0").front() != '0') {
    MESSAGE("SKIPPED: io_uring: the kernel does not permit it");
    return;
  }
  const TempDir other;
  const Program program(other, {"io_uring"});
  const ProcessFacts facts = program.facts();
  REQUIRE(find(facts, "io_uring") != nullptr);
  CHECK(find(facts, "io_uring")->kind == ObjectKind::anonymous);
}

TEST_CASE("process facts: connections within the program are none to tell") {
  const TempDir folder;
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  const std::string port = std::to_string(ntohs(address.sin_port));

  const Fd named(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  const std::string path = (folder.path() / "server").string();
  path.copy(local.sun_path, sizeof(local.sun_path) - 1);
  REQUIRE(::bind(named.get(), reinterpret_cast<sockaddr*>(&local), sizeof(local)) == 0);
  REQUIRE(::listen(named.get(), 1) == 0);

  const Program program(folder, {"tcp:127.0.0.1:" + port, "unix:" + path, "unix-pair"});
  const Fd tcp_end(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const Fd unix_end(::accept4(named.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const ProcessFacts facts = program.facts();
  std::vector<std::string> peers;
  for (const OutsideConnection& connection : facts.connections) {
    CHECK(connection.this_node);
    peers.push_back(connection.peer);
  }
  std::sort(peers.begin(), peers.end());
  CHECK(peers == std::vector<std::string>{path, "127.0.0.1:" + port});
  CHECK(program.facts({::getpid()}).connections.empty()); // we are its coordinator
}

TEST_CASE("process facts: addresses as people read them") {
  CHECK(readable_address("0100007F:1F90") == "127.0.0.1:8080");
  CHECK(readable_address("0500000A:6978") == "10.0.0.5:27000");
  CHECK(readable_address("00000000000000000000000001000000:0050") == "[::1]:80");
  CHECK(readable_address("0000000000000000FFFF00000500000A:0050") == "10.0.0.5:80");
  CHECK(readable_address("nonsense") == "nonsense");
  CHECK(is_loopback("0100007F:1F90"));
  CHECK(is_loopback("00000000000000000000000001000000:0050"));
  CHECK(is_loopback("0000000000000000FFFF00000100007F:0050"));
  CHECK(!is_loopback("0500000A:6978"));
  const auto lines = parse_tcp("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
                               "retrnsmt   uid  timeout inode\n"
                               "   0: 0100007F:1F90 0500000A:6978 01 00000000:00000000 00:00000000 "
                               "00000000  1000        0 4711 1\n"
                               "torn\n");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].state == 1);
  CHECK(lines[0].inode == 4711);
}

TEST_CASE("process facts: a process that is gone is left out") {
  ProcessInfo gone;
  gone.pid = 0x7ffffff0;
  CHECK(look_at_processes({gone}, {}).empty());
}

TEST_CASE("process facts: a look at many processes is cheap") {
  const TempDir folder;
  std::vector<std::string> kinds(63, "idle-child");
  kinds.push_back("unix-pair");
  const Program program(folder, kinds);
  const auto processes = process_tree(program.pid());
  REQUIRE(processes.size() == 64);
  const auto begin = std::chrono::steady_clock::now();
  CHECK(look_at_processes(processes, {}).size() == 64);
  const auto took = std::chrono::steady_clock::now() - begin;
  MESSAGE("64 processes: " << std::chrono::duration_cast<std::chrono::microseconds>(took).count()
                           << " µs");
  CHECK(took < std::chrono::seconds{2});
  for (const ProcessInfo& process : processes) {
    ::kill(process.pid, SIGKILL);
  }
}
