// What is DMTCP's own: its coordinator.
#include "tests/support/wait_until.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "engine_fixture.hpp"

using namespace ckpt;
using namespace ckpt::test;

namespace {

// Lines of /proc/net/tcp that listen on `port`: the address in hexadecimal.
std::vector<std::string> listening_addresses(int port) {
  std::vector<std::string> found;
  std::string port_text(5, '\0');
  port_text.resize(static_cast<std::size_t>(
      std::snprintf(port_text.data(), port_text.size(), "%04X", static_cast<unsigned>(port))));
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    const std::string text = read_file(table).value_or("");
    for (std::size_t at = 0; (at = text.find(":" + port_text + " ", at)) != std::string::npos;
         ++at) {
      const std::size_t begin = text.rfind(' ', at) + 1;
      const std::size_t end = text.find('\n', at);
      if (text.substr(at, end - at).find(" 0A ") != std::string::npos) {
        found.push_back(text.substr(begin, at - begin));
      }
    }
  }
  return found;
}

} // namespace

TEST_CASE("the coordinator listens on the loopback interface only") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    const auto session = started(job);
    const auto coordinator = session->coordinator();
    REQUIRE(coordinator);
    CHECK(listening_addresses(coordinator->port) == std::vector<std::string>{"0100007F"});
    const auto peers = session->peers();
    REQUIRE_MESSAGE(peers, text_of(peers));
    REQUIRE(peers->size() == 1);
    CHECK(peers->front().pid == session->root_pid());
    CHECK(peers->front().state == "RUNNING");
    CHECK(session->kill(seconds{10}));
    wait_root(*session);
    CHECK(job.nothing_left());
  });
}

TEST_CASE("the coordinator dies: the program's 99 is not its result") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    const auto session = started(job);
    ::kill(session->coordinator()->pid, SIGKILL);
    const auto status = wait_root(*session);
    REQUIRE(status);
    CHECK(status->code == 99);
    CHECK(!session->program_status(*status));
    const auto health = session->health();
    REQUIRE(!health);
    CHECK(health.error().code == "engine_dead");
    CHECK(session->kill(seconds{10}));
    CHECK(job.nothing_left());
  });
}

TEST_CASE("a program that ends with 99 itself has that status") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine, {program_path(), "writer", "300", "1000", "99"});
    const auto session = started(job);
    const auto status = wait_root(*session);
    REQUIRE(status);
    const auto result = session->program_status(*status);
    REQUIRE(result);
    CHECK(result->code == 99);
    CHECK(session->kill(seconds{10}));
  });
}

TEST_CASE("the coordinator dies during a checkpoint") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    const auto session = started(job);
    engine::CheckpointRequest request;
    request.timeout = minutes{1};
    request.while_frozen = [&]() -> Status {
      ::kill(session->coordinator()->pid, SIGKILL);
      return {};
    };
    const auto images = session->checkpoint(request);
    REQUIRE(!images);
    CHECK(images.error().code == "checkpoint_failed");
    const auto status = wait_root(*session);
    REQUIRE(status);
    CHECK(!session->program_status(*status));
    CHECK(session->kill(seconds{10}));
    CHECK(job.nothing_left());
  });
}

TEST_CASE("a connection that says nothing cannot hang us") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    const auto session = started(job);
    const Fd silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(session->coordinator()->port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(silent.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::write(silent.get(), "eighteen bytes....", 18) == 18);
    const auto begin = std::chrono::steady_clock::now();
    CHECK(!session->health());
    CHECK(std::chrono::steady_clock::now() - begin < seconds{3});
    CHECK(session->kill(seconds{10}));
    wait_root(*session);
    CHECK(job.nothing_left());
  });
}

TEST_CASE("a checkpoint that hangs is told, and interrupt ends the waiting") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    const auto session = started(job);
    engine::CheckpointRequest request;
    request.timeout = minutes{1};
    request.stall_timeout = seconds{3};
    request.while_frozen = [&]() -> Status {
      ::kill(session->root_pid(), SIGSTOP);
      return {};
    };
    const auto stalled = session->checkpoint(request);
    REQUIRE(!stalled);
    CHECK(stalled.error().code == "checkpoint_stalled");
    ::kill(session->root_pid(), SIGCONT); // it runs into the next one
    request.stall_timeout = minutes{1};
    const auto held_up = [&] {
      const auto root = process_info(session->root_pid());
      return root && is_stopped(*root);
    };
    REQUIRE(wait_until([&] { return !held_up(); }, seconds{5}));
    auto asked = std::chrono::steady_clock::now();
    std::thread interrupter([&] {
      wait_until(held_up, seconds{30});
      asked = std::chrono::steady_clock::now();
      session->interrupt();
    });
    const auto interrupted = session->checkpoint(request);
    interrupter.join();
    REQUIRE(!interrupted);
    CHECK(interrupted.error().code == "interrupted");
    CHECK(std::chrono::steady_clock::now() - asked < seconds{3});
    ::kill(session->root_pid(), SIGCONT);
    CHECK(session->kill(seconds{10}));
    wait_root(*session);
    CHECK(job.nothing_left());
  });
}

TEST_CASE("a program that somebody has stopped cannot take part: said at once, and tried again") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine,
                   {"/bin/sh", "-c", program_path() + " writer 1000000 1000 0 | cat; exit 3"});
    const auto session = started(job);
    const auto all = session->program_processes();
    REQUIRE(all.size() >= 3);
    REQUIRE(signal_process(all.back(), SIGSTOP));
    engine::CheckpointRequest request;
    request.timeout = minutes{1};
    const auto begin = std::chrono::steady_clock::now();
    const auto refused = session->checkpoint(request);
    REQUIRE(!refused);
    CHECK(refused.error().code == "program_stopped");
    CHECK(refused.error().message.find(std::to_string(all.back().pid)) != std::string::npos);
    CHECK(std::chrono::steady_clock::now() - begin < seconds{3});
    REQUIRE(signal_process(all.back(), SIGCONT));
    const auto images = session->checkpoint(request);
    CHECK_MESSAGE(images, text_of(images));
    CHECK(session->kill(seconds{10}));
    wait_root(*session);
    CHECK(job.nothing_left());
  });
}

TEST_CASE("SIGUSR2 belongs to DMTCP") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    const auto session = started(job);
    const auto sent = session->signal_program(SIGUSR2);
    REQUIRE(!sent);
    CHECK(sent.error().code == "signal_reserved");
    CHECK(session->kill(seconds{10}));
    wait_root(*session);
  });
}

TEST_CASE("DMTCP_* of the user's environment does not change what we ask for") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    job.program.env["DMTCP_COORD_PORT"] = "1";
    job.program.env["DMTCP_GZIP"] = "1";
    job.program.env["DMTCP_CHECKPOINT_DIR"] = "/nonexistent";
    const auto session = started(job);
    engine::CheckpointRequest request;
    request.timeout = minutes{1};
    const auto images = session->checkpoint(request);
    REQUIRE_MESSAGE(images, text_of(images));
    CHECK(session->kill(seconds{10}));
    wait_root(*session);
  });
}

TEST_CASE("the runner is killed: coordinator and program go with it") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    job.program.env["TMPDIR"] = job.folder().string(); // nobody is left to remove DMTCP's files
    const auto request = job.next_attempt();
    const pid_t runner = ::fork();
    REQUIRE(runner >= 0);
    if (runner == 0) {
      const auto session = engine.engine->launch(request);
      ::pause();
      ::_exit(session ? 0 : 1);
    }
    CHECK(wait_until([&] { return file_length(job.out()) > 50; }, seconds{30}));
    CHECK(job.processes().size() >= 2);
    ::kill(runner, SIGKILL);
    CHECK(job.nothing_left());
    ::waitpid(runner, nullptr, 0);
  });
}

TEST_CASE("DMTCP's own temporary files go with the session") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    const Path tmp = job.folder() / "tmp";
    REQUIRE(make_directories(tmp));
    job.program.env["TMPDIR"] = tmp.string();
    const auto session = started(job);
    CHECK(!std::filesystem::is_empty(tmp));
    CHECK(session->kill(seconds{10}));
    wait_root(*session);
    CHECK(std::filesystem::is_empty(tmp));
  });
}

namespace {

// Checkpoints, the program's end, and its restart from the last of them; empty when all was right.
std::string trouble_with_forks(EngineUnderTest& engine) {
  const std::string loop = "i=0; while [ $i -lt 600 ]; do /bin/echo $i; i=$((i+1)); done";
  JobFixture job(engine, {"/bin/sh", "-c", loop + " | cat | cat; exit 7"});
  const auto session = started(job);
  std::vector<Path> images;
  std::uint64_t length = 0;
  for (int round = 0; round < 3; ++round) {
    engine::CheckpointRequest request;
    request.timeout = minutes{1};
    request.while_frozen = [&]() -> Status {
      length = file_length(job.out());
      return {};
    };
    const auto taken = session->checkpoint(request);
    if (!taken || session->broken()) {
      return "round " + std::to_string(round) + ": " + text_of(taken) + job.error_output();
    }
    images = taken->images;
  }
  CHECK(session->kill(seconds{10}));
  wait_root(*session);
  job.cut_output(length);
  const auto again = job.restart(images);
  if (!again) {
    return text_of(again) + job.error_output();
  }
  const auto status = wait_root(**again, minutes{3});
  const auto result = status ? (*again)->program_status(*status) : std::nullopt;
  CHECK((*again)->kill(seconds{10}));
  return result && result->code == 7 && job.output() == lines_up_to(600)
             ? std::string()
             : "after the restart: " + job.error_output();
}

} // namespace

// A process that is born while others still wake up would be refused by the coordinator, and end
// with 99: nine times in ten here, were it not held back. Twice in a hundred or so it is lost in
// other ways that are DMTCP's own: turned away in the moment of the request, or a fault in a child.
TEST_CASE("a program that forks all the time survives its checkpoints and its restart") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    std::string trouble = "not run";
    for (int tries = 0; tries < 3 && !trouble.empty(); ++tries) {
      trouble = trouble_with_forks(engine);
      if (!trouble.empty()) {
        MESSAGE("try " << tries << ": " << trouble);
      }
    }
    CHECK_MESSAGE(trouble.empty(), trouble);
  });
}
