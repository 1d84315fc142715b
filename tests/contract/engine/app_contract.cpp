// What only the app engine has: commands, the program's own files, and programs that do not answer.
#include "tests/support/wait_until.hpp"

#include <doctest/doctest.h>

#include "engine_fixture.hpp"

using namespace ckpt;
using namespace ckpt::test;

namespace {

engine::CheckpointRequest app_request() {
  auto request = plain_request();
  request.timeout = seconds{20};
  return request;
}

// A program in shell: a checkpoint a signal, each in a file of its own, slowly written; and nothing
// printed for a moment then, or a slow machine asks it once more.
constexpr const char* kSlowSaver =
    "n=0; trap 'n=$((n+1)); { echo begin; sleep 0.7; echo end; } >ckpt.$n; sleep 0.4' USR1; "
    "while :; do echo tick; sleep 0.02; done";

void with_app(const std::function<void(EngineUnderTest&)>& body) {
  for_each_engine({EngineKind::app}, body);
}

} // namespace

TEST_CASE("app: a file is not taken before it is whole") {
  with_app([](EngineUnderTest& engine) {
    JobFixture job(engine, {"/bin/sh", "-c", kSlowSaver});
    job.program.app.signal = "SIGUSR1";
    job.program.checkpoint_files = {"ckpt.*"};
    const auto session = started(job);
    auto request = app_request();
    bool stands_still = false;
    request.while_frozen = [&] {
      const auto length = file_length(job.out());
      stands_still =
          !wait_until([&] { return file_length(job.out()) != length; }, milliseconds{600});
      return Status{};
    };
    const auto first = session->checkpoint(request);
    REQUIRE_MESSAGE(first, text_of(first));
    CHECK(stands_still);
    REQUIRE(first->images.size() == 2);
    CHECK(read_file(first->images.front()).value_or("") == "begin\nend\n");
    const auto length = file_length(job.out());
    CHECK(wait_until([&] { return file_length(job.out()) > length + 20; })); // it runs on
    const auto second = session->checkpoint(app_request());
    REQUIRE_MESSAGE(second, text_of(second));
    CHECK(second->images.size() == 3);
    CHECK(session->kill(seconds{10}));
    CHECK(wait_root(*session));
    CHECK(job.nothing_left());

    // Back to the first: the second's file must not be there to be found.
    job.program.app.restart_command = "ls ckpt.*; exit 5";
    const auto before = job.output();
    auto again = job.restart(first->images);
    REQUIRE_MESSAGE(again, text_of(again));
    const auto status = wait_root(**again);
    REQUIRE(status);
    CHECK(status->code == 5);
    CHECK(job.output() == before + "ckpt.1\n");
  });
}

TEST_CASE("app: a program that has printed after its save is asked once more") {
  with_app([](EngineUnderTest& engine) {
    // The first file stays open for a while, so that the program cannot be stopped in time.
    JobFixture job(engine,
                   {"/bin/sh",
                    "-c",
                    "n=0; trap 'n=$((n+1)); echo $n >ckpt; [ $n != 1 ] || sleep 0.4 3>>ckpt &' "
                    "USR1; while :; do echo tick; sleep 0.02; done"});
    job.program.app.signal = "SIGUSR1";
    job.program.checkpoint_files = {"ckpt"};
    const auto session = started(job);
    const auto first = session->checkpoint(app_request());
    REQUIRE_MESSAGE(first, text_of(first));
    CHECK(read_file(first->images.front()).value_or("") == "2\n");
    CHECK(session->kill(seconds{10}));
    CHECK(wait_root(*session));
    CHECK(job.nothing_left());
  });
}

TEST_CASE("app: a program that always prints after its save is not asked again and again") {
  with_app([](EngineUnderTest& engine) {
    JobFixture job(engine,
                   {"/bin/sh",
                    "-c",
                    "n=0; trap 'n=$((n+1)); echo $n >ckpt; sleep 0.2 3>>ckpt &' USR1; "
                    "while :; do echo tick; sleep 0.02; done"});
    job.program.app.signal = "SIGUSR1";
    job.program.checkpoint_files = {"ckpt"};
    const auto session = started(job);
    for (const char* const content : {"2\n", "3\n"}) {
      const auto taken = session->checkpoint(app_request());
      REQUIRE_MESSAGE(taken, text_of(taken));
      CHECK(read_file(taken->images.front()).value_or("") == content);
    }
    CHECK(session->kill(seconds{10}));
    CHECK(wait_root(*session));
    CHECK(job.nothing_left());
  });
}

TEST_CASE("app: a command asks for the checkpoint") {
  with_app([](EngineUnderTest& engine) {
    JobFixture job(engine, {"/bin/sh", "-c", kSlowSaver});
    job.program.app.command = "kill -USR1 $CKPT_PID";
    job.program.checkpoint_files = {"ckpt.*"};
    const auto session = started(job);
    const auto images = session->checkpoint(app_request());
    CHECK_MESSAGE(images, text_of(images));
    CHECK(session->kill(seconds{10}));
    CHECK(wait_root(*session));
  });
}

TEST_CASE("app: a command that fails, a program that does not answer, one that ends") {
  with_app([](EngineUnderTest& engine) {
    JobFixture job(engine,
                   {"/bin/sh", "-c", "trap '' USR1; while :; do echo tick; sleep 0.02; done"});
    job.program.checkpoint_files = {"ckpt.*"};
    job.program.app.command = "echo no >&2; exit 9";
    auto session = started(job);
    auto images = session->checkpoint(app_request());
    REQUIRE(!images);
    CHECK(images.error().code == "checkpoint_failed");
    CHECK(images.error().message.find("9") != std::string::npos);
    CHECK(session->kill(seconds{10}));
    CHECK(wait_root(*session));

    job.program.app = {.signal = "USR1", .command = "", .restart_command = ""};
    session = started(job);
    auto request = app_request();
    request.timeout = seconds{1};
    images = session->checkpoint(request);
    REQUIRE(!images);
    CHECK(images.error().code == "checkpoint_stalled");
    CHECK(session->kill(seconds{10}));
    CHECK(wait_root(*session));

    job.program.app.signal = "TERM";
    session = started(job);
    images = session->checkpoint(app_request());
    REQUIRE(!images);
    CHECK(images.error().code == "program_gone");
    CHECK(session->kill(seconds{10}));
    CHECK(wait_root(*session));
    CHECK(job.nothing_left());
  });
}
