// What only CRIU has: namespaces, files that are rolled back, an output that is exchanged.
#include "tests/support/wait_until.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "engine_fixture.hpp"

using namespace ckpt;
using namespace ckpt::test;

namespace {

void with_criu(const std::function<void(EngineUnderTest&)>& body) {
  for_each_engine({EngineKind::criu}, body);
}

std::string status_field(pid_t pid, const std::string& label) {
  const std::string text = read_file("/proc/" + std::to_string(pid) + "/status").value_or("");
  const std::size_t at = text.find(label + ":\t");
  return at == std::string::npos
             ? ""
             : text.substr(at + label.size() + 2, text.find('\n', at) - at - label.size() - 2);
}

} // namespace

TEST_CASE("criu suits an ordinary program, after a trial") {
  with_criu([](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    const auto suits = engine.engine->suits(job.program);
    CHECK_MESSAGE(suits.usable, suits.reason);
    CHECK(suits.reason.find("CRIU") != std::string::npos);
  });
}

TEST_CASE("criu that is not there or does not run is said so") {
  engine::EngineConfig config;
  config.criu = "/no/such/criu";
  auto version = make_engine(EngineKind::criu, config)->version();
  REQUIRE(!version);
  CHECK(version.error().code == "engine_missing");
  config.criu = "/bin/false";
  version = make_engine(EngineKind::criu, config)->version();
  REQUIRE(!version);
  CHECK(version.error().code == "engine_unusable");
}

TEST_CASE("the program sees its own ids, and has no capabilities that its user has not") {
  with_criu([](EngineUnderTest& engine) {
    JobFixture job(engine, {"/bin/sh", "-c", "id -u; id -g; grep CapEff /proc/self/status"});
    auto session = job.launch();
    REQUIRE_MESSAGE(session, text_of(session));
    REQUIRE(wait_root(*session->get()));
    CHECK(job.output() == std::to_string(::geteuid()) + "\n" + std::to_string(::getegid()) +
                              "\nCapEff:\t" + status_field(::getpid(), "CapEff") + "\n");
  });
}

TEST_CASE("a file that has grown since the dump is cut back") {
  with_criu([](EngineUnderTest& engine) {
    JobFixture job(engine, {});
    const Path data = job.folder() / "data";
    job.program.argv = {"/bin/sh",
                        "-c",
                        "exec 3>data; i=0; while [ $i -lt 300 ]; do echo $i >&3; echo $i; "
                        "i=$((i+1)); sleep 0.005; done; exit 7"};
    const auto session = started(job);
    std::uint64_t at_freeze = 0;
    auto request = plain_request();
    request.while_frozen = [&] {
      at_freeze = file_length(job.out());
      return Status{};
    };
    const auto images = session->checkpoint(request);
    REQUIRE_MESSAGE(images, text_of(images));
    const auto then = file_length(data);
    REQUIRE(wait_until([&] { return file_length(data) > then + 20; }));
    end_job(job, *session);
    job.cut_output(at_freeze);
    auto again = job.restart(images->images);
    REQUIRE_MESSAGE(again, text_of(again));
    const auto status = wait_root(**again);
    REQUIRE(status);
    CHECK(status->code == 7);
    CHECK(read_file(data).value_or("") == lines_up_to(300));
    CHECK(job.output() == lines_up_to(300));
  });
}

TEST_CASE(
    "a program that somebody has stopped is dumped, stays stopped, and runs on after a restart") {
  with_criu([](EngineUnderTest& engine) {
    JobFixture job(engine,
                   {"/bin/sh", "-c", program_path() + " writer 1000000 1000 0 | cat; exit 3"});
    const auto session = started(job);
    const auto all = session->program_processes();
    REQUIRE(all.size() >= 3);
    for (const ProcessInfo& process : all) {
      REQUIRE(signal_process(process, SIGSTOP));
    }
    const auto stopped = [](const engine::Session& of) {
      const auto now = of.program_processes();
      return std::count_if(
          now.begin(), now.end(), [](const ProcessInfo& process) { return process.state == 'T'; });
    };
    const auto count = static_cast<std::ptrdiff_t>(all.size());
    REQUIRE(wait_until([&] { return stopped(*session) == count; }, seconds{5}));
    const auto images = session->checkpoint(plain_request());
    REQUIRE_MESSAGE(images, text_of(images));
    // CRIU lets go of a process before it stands still again.
    CHECK(wait_until([&] { return stopped(*session) == count; }, seconds{5}));
    end_job(job, *session);

    const std::uint64_t written = file_length(job.out());
    auto again = job.restart(images->images);
    REQUIRE_MESSAGE(again, text_of(again));
    CHECK(wait_until([&] { return file_length(job.out()) > written + 100; }, seconds{10}));
    CHECK(stopped(**again) == 0);
    end_job(job, **again);
  });
}

TEST_CASE("another job's output does not get a fork's lines") {
  with_criu([](EngineUnderTest& engine) {
    JobFixture job(engine, {program_path(), "writer", "600", "1000", "0"});
    const auto session = started(job);
    const auto images = session->checkpoint(plain_request());
    REQUIRE_MESSAGE(images, text_of(images));
    end_job(job, *session);
    const std::string before = job.output();
    engine::RestartRequest request;
    request.launch = job.next_attempt();
    request.launch.stdout_path = (job.folder() / "fork.out").string();
    request.images = images->images;
    auto fork = engine.engine->restart(request);
    REQUIRE_MESSAGE(fork, text_of(fork));
    const auto second = (*fork)->checkpoint(plain_request());
    CHECK_MESSAGE(second, text_of(second));
    const auto status = wait_root(**fork);
    REQUIRE(status);
    CHECK(status->success());
    CHECK(job.output() == before);
    const std::string text = read_file(job.folder() / "fork.out").value_or("");
    CHECK(text.ends_with("598\n599\n"));
  });
}

TEST_CASE("a process that lost its parent is refused, not forgotten") {
  with_criu([](EngineUnderTest& engine) {
    JobFixture job(
        engine,
        {"/bin/sh", "-c", "(sleep 61 &); exec " + program_path() + " writer 100000 1000 0"});
    const auto session = started(job);
    const auto images = session->checkpoint(plain_request());
    REQUIRE(!images);
    CHECK(images.error().code == "checkpoint_failed");
    CHECK(images.error().message.find("(sleep)") != std::string::npos);
    end_job(job, *session);
  });
}

TEST_CASE("TERM stays the program's own after a restart without a shield") {
  with_criu([](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    const auto session = started(job);
    const auto images = session->checkpoint(plain_request());
    REQUIRE_MESSAGE(images, text_of(images));
    end_job(job, *session);
    auto again = job.restart(images->images);
    REQUIRE_MESSAGE(again, text_of(again));
    const auto program = (*again)->program_processes();
    REQUIRE(program.size() == 1);
    const auto ignored = std::stoull(status_field(program[0].pid, "SigIgn"), nullptr, 16);
    CHECK((ignored & (1ULL << (SIGTERM - 1))) == 0);
    CHECK((*again)->signal_program(SIGTERM));
    const auto status = wait_root(**again);
    REQUIRE(status);
    CHECK((*again)->program_status(*status)->signal == SIGTERM);
    CHECK(job.nothing_left());
  });
}

TEST_CASE("an interrupt ends a checkpoint, and the program runs on") {
  with_criu([](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    const auto session = started(job);
    auto request = plain_request();
    request.while_frozen = [&] {
      session->interrupt();
      return Status{};
    };
    const auto images = session->checkpoint(request);
    if (!images) { // it may have been complete already
      CHECK(images.error().code == "interrupted");
    }
    const auto length = file_length(job.out());
    CHECK(wait_until([&] { return file_length(job.out()) > length + 50; }));
    const auto second = session->checkpoint(plain_request());
    CHECK_MESSAGE(second, text_of(second));
    end_job(job, *session);
  });
}

TEST_CASE("the end of the namespace init is not the program's result") {
  with_criu([](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    const auto session = started(job);
    const auto tree = process_tree(session->root_pid());
    REQUIRE(tree.size() >= 3);
    REQUIRE(tree[1].ppid == session->root_pid());
    REQUIRE(signal_process(tree[1], SIGKILL));
    const auto status = wait_root(*session);
    REQUIRE(status);
    CHECK(!session->program_status(*status));
    CHECK(!session->health());
    CHECK(job.nothing_left());
  });
}

TEST_CASE("a program killed with KILL is") {
  with_criu([](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    const auto session = started(job);
    CHECK(session->signal_program(SIGKILL));
    const auto status = wait_root(*session);
    REQUIRE(status);
    const auto ended = session->program_status(*status);
    REQUIRE(ended);
    CHECK(ended->signal == SIGKILL);
    CHECK(job.nothing_left());
  });
}

TEST_CASE("when the runner dies everything ends") {
  for_each_engine({EngineKind::criu, EngineKind::app}, [](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    const pid_t runner = ::fork();
    if (runner == 0) {
      const auto session = job.launch();
      wait_until([&] { return file_length(job.out()) > 20; });
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    REQUIRE(::waitpid(runner, &status, 0) == runner);
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(file_length(job.out()) > 20);
    CHECK(job.nothing_left());
  });
}

TEST_CASE("what a program leaves behind its output may finish") {
  with_criu([](EngineUnderTest& engine) {
    JobFixture job(engine, {"/bin/sh", "-c", "(sleep 0.2; echo late) & echo early"});
    auto session = job.launch();
    REQUIRE_MESSAGE(session, text_of(session));
    REQUIRE(wait_root(**session));
    CHECK(job.output() == "early\nlate\n");
    CHECK(job.nothing_left());
  });
}

TEST_CASE("a file lock and a deleted file are carried along") {
  with_criu([](EngineUnderTest& engine) {
    JobFixture job(engine,
                   {"/bin/sh",
                    "-c",
                    "exec 4>lock; flock 4; exec 5<>gone; echo kept >&5; rm gone; i=0; "
                    "while [ $i -lt 200 ]; do echo $i; i=$((i+1)); sleep 0.005; done; "
                    "flock -n lock true && exit 3; exec 5<&-; exit 0"});
    const auto session = started(job);
    const auto images = session->checkpoint(plain_request());
    REQUIRE_MESSAGE(images, text_of(images));
    end_job(job, *session);
    auto again = job.restart(images->images);
    REQUIRE_MESSAGE(again, text_of(again));
    const auto status = wait_root(**again);
    REQUIRE(status);
    CHECK(status->code == 0); // 3: the lock was free
  });
}

TEST_CASE("Slurm's TERM to every process does not spoil a checkpoint in flight") {
  with_criu([](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    auto request = job.next_attempt();
    request.shield_term = true;
    auto session = engine.engine->launch(request);
    REQUIRE_MESSAGE(session, text_of(session));
    REQUIRE(wait_until([&] { return file_length(job.out()) > 20; }));
    auto checkpoint = plain_request();
    std::size_t reached = 0;
    checkpoint.while_frozen = [&] {
      for (const ProcessInfo& process : process_tree((*session)->root_pid())) {
        reached += signal_process(process, SIGTERM) ? 1 : 0;
      }
      return Status{};
    };
    const auto images = (*session)->checkpoint(checkpoint);
    REQUIRE_MESSAGE(images, text_of(images));
    CHECK(reached >= 5); // outer, init, program, criu, its script
    const auto length = file_length(job.out());
    CHECK(wait_until([&] { return file_length(job.out()) > length + 50; }));
    end_job(job, **session);
    auto again = job.restart(images->images);
    REQUIRE_MESSAGE(again, text_of(again));
    end_job(job, **again);
  });
}
