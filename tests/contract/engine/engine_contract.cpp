// What every engine promises (core/engine/engine.hpp), on real programs.
#include "tests/support/wait_until.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "engine_fixture.hpp"

using namespace ckpt;
using namespace ckpt::test;

namespace {

std::vector<std::string> writer(long lines, long pause_us = 1000, int status = 0) {
  return {program_path(),
          "writer",
          std::to_string(lines),
          std::to_string(pause_us),
          std::to_string(status)};
}

bool has_written(const JobFixture& job, std::uint64_t bytes) {
  return wait_until([&] { return file_length(job.out()) >= bytes; }, seconds{30});
}

struct Frozen {
  std::uint64_t length = 0;
  int calls = 0;
};

engine::CheckpointRequest reading_length(const JobFixture& job, Frozen& frozen) {
  engine::CheckpointRequest request;
  request.timeout = minutes{2};
  request.stall_timeout = seconds{30};
  request.while_frozen = [&job, &frozen]() -> Status {
    frozen.length = file_length(job.out());
    ++frozen.calls;
    return {};
  };
  return request;
}

// A missed window is allowed, but then it has to be said, and taken again.
Result<engine::CheckpointImages> checkpoint(engine::Session& session,
                                            const engine::CheckpointRequest& request,
                                            int* missed = nullptr) {
  for (int round = 0;; ++round) {
    auto images = session.checkpoint(request);
    if (images || images.error().code != "freeze_window_missed" || round == 5) {
      return images;
    }
    if (missed != nullptr) {
      ++*missed;
    }
  }
}

// Checkpoint, kill, cut the output back, restart, run to the end.
void survives(EngineUnderTest& engine,
              JobFixture& job,
              const std::string& expected,
              int code,
              std::uint64_t progress) {
  auto session = job.launch();
  REQUIRE_MESSAGE(session, text_of(session));
  REQUIRE(has_written(job, progress));
  Frozen frozen;
  const auto images = checkpoint(**session, reading_length(job, frozen));
  REQUIRE_MESSAGE(images, text_of(images));
  CHECK(frozen.calls >= 1);
  CHECK(!images->images.empty());
  CHECK(images->blocked >= milliseconds{0});
  for (const auto& image : images->images) {
    CHECK(std::filesystem::exists(image));
  }
  const auto killed = (*session)->kill(seconds{10});
  CHECK_MESSAGE(killed, text_of(killed));
  CHECK(wait_root(**session));
  CHECK(job.nothing_left());
  job.cut_output(frozen.length);

  auto again = job.restart(images->images);
  REQUIRE_MESSAGE(again, text_of(again) << " " << job.error_output());
  CHECK(!job.processes().empty()); // the environment still tells whose they are
  const auto status = wait_root(**again);
  REQUIRE(status);
  const auto result = (*again)->program_status(*status);
  REQUIRE(result);
  CHECK(result->code == code);
  CHECK((*again)->kill(seconds{10}));
  CHECK(job.output() == expected);
  CHECK(job.nothing_left());
  MESSAGE(engine.name << ": blocked " << images->blocked.count() << " ms");
}

} // namespace

TEST_CASE("the program's status passes through") {
  for_each_engine(kAll, [](EngineUnderTest& engine) {
    for (const int status : {0, 7, -SIGTERM, -SIGSEGV}) {
      CAPTURE(status);
      JobFixture job(engine, writer(20, 1000, status));
      auto session = job.launch();
      REQUIRE_MESSAGE(session, text_of(session) << " " << job.error_output());
      const auto root = wait_root(**session);
      REQUIRE(root);
      const auto ended = (*session)->program_status(*root);
      REQUIRE(ended);
      if (status >= 0) {
        CHECK(ended->code == status);
      } else {
        CHECK(ended->signal == -status);
      }
      CHECK((*session)->kill(seconds{10}));
      CHECK(job.output() == lines_up_to(20));
      CHECK(job.error_output().empty());
      CHECK(job.nothing_left());
    }
  });
}

TEST_CASE("a program that does not exist is told so") {
  for_each_engine(kAll, [](EngineUnderTest& engine) {
    JobFixture job(engine, {"/no/such/program"});
    const auto session = job.launch();
    REQUIRE(!session);
    CHECK(session.error().code == "program_not_found");
    CHECK(job.nothing_left());
  });
}

TEST_CASE("checkpoint, kill, restart: the output of an uninterrupted run, and its status") {
  for_each_engine(kTransparent, [](EngineUnderTest& engine) {
    JobFixture job(engine, writer(1500, 1000, 7));
    survives(engine, job, lines_up_to(1500), 7, 500);
  });
}

TEST_CASE("a pipeline of three processes") {
  for_each_engine(kTransparent, [](EngineUnderTest& engine) {
    JobFixture job(engine,
                   {"/bin/sh", "-c", program_path() + " writer 1500 1000 0 | cat | cat; exit 7"});
    survives(engine, job, lines_up_to(1500), 7, 500);
  });
}

// Each subshell shares its file with what it runs, and all of them have opened it at the same point
// of their lives.
TEST_CASE("subshells in the background, each with an output of its own") {
  for_each_engine(kTransparent, [](EngineUnderTest& engine) {
    const std::string writer = program_path() + " writer 1500 1000 0";
    JobFixture job(engine,
                   {"/bin/bash",
                    "-c",
                    "for i in 1 2 3; do ( " + writer + "; echo end $i ) > part.$i & done; " +
                        writer + "; wait; exit 7"});
    survives(engine, job, lines_up_to(1500), 7, 500);
    for (const std::string part : {"1", "2", "3"}) {
      const auto text = read_file(job.folder() / ("part." + part));
      REQUIRE(text);
      CHECK(*text == lines_up_to(1500) + "end " + part + "\n");
    }
  });
}

TEST_CASE("threads") {
  for_each_engine(kTransparent, [](EngineUnderTest& engine) {
    const std::vector<std::string> argv{program_path(), "threads", "4", "150000000"};
    JobFixture plain(engine, argv);
    const auto whole = run_command({.argv = argv, .env = {}, .cwd = {}, .stdin_data = {}});
    REQUIRE(whole);
    JobFixture job(engine, argv);
    survives(engine, job, whole->out, 0, 0);
  });
}

TEST_CASE("64 MB of memory") {
  for_each_engine(kTransparent, [](EngineUnderTest& engine) {
    const std::vector<std::string> argv{program_path(), "memory", "64", "800", "1000"};
    const auto whole = run_command({.argv = argv, .env = {}, .cwd = {}, .stdin_data = {}});
    REQUIRE(whole);
    JobFixture job(engine, argv);
    survives(engine, job, whole->out, 0, 100);
  });
}

TEST_CASE("two generations of one attempt: the older one is still whole") {
  for_each_engine(kTransparent, [](EngineUnderTest& engine) {
    JobFixture job(engine, writer(1500));
    auto session = job.launch();
    REQUIRE_MESSAGE(session, text_of(session));
    REQUIRE(has_written(job, 100));
    Frozen first;
    Frozen second;
    const auto older = checkpoint(**session, reading_length(job, first));
    REQUIRE_MESSAGE(older, text_of(older));
    const auto newer = checkpoint(**session, reading_length(job, second));
    REQUIRE_MESSAGE(newer, text_of(newer));
    CHECK(older->images != newer->images);
    REQUIRE((*session)->kill(seconds{10}));
    wait_root(**session);
    job.cut_output(first.length);
    auto again = job.restart(older->images);
    REQUIRE_MESSAGE(again, text_of(again) << job.error_output());
    Frozen third; // and one of the restarted program, into its own folder
    const auto images = checkpoint(**again, reading_length(job, third));
    REQUIRE_MESSAGE(images, text_of(images));
    CHECK(std::filesystem::exists(newer->images.front()));
    REQUIRE((*again)->kill(seconds{10}));
    wait_root(**again);
    job.cut_output(third.length);
    auto last = job.restart(images->images);
    REQUIRE_MESSAGE(last, text_of(last));
    const auto status = wait_root(**last);
    REQUIRE(status);
    CHECK(status->success());
    CHECK((*last)->kill(seconds{10}));
    CHECK(job.output() == lines_up_to(1500));
  });
}

TEST_CASE("a program that saves itself: the app engine") {
  for_each_engine({EngineKind::app}, [](EngineUnderTest& engine) {
    JobFixture job(engine, {});
    const Path state = job.folder() / "state";
    job.program.argv = {program_path(), "saver", "1500", "1000", state.string()};
    job.program.app.signal = "USR1";
    job.program.checkpoint_files = {"state"};
    auto session = job.launch();
    REQUIRE_MESSAGE(session, text_of(session));
    REQUIRE(has_written(job, 500));
    Frozen frozen;
    const auto images = (*session)->checkpoint(reading_length(job, frozen));
    REQUIRE_MESSAGE(images, text_of(images));
    CHECK((*session)->kill(seconds{10}));
    wait_root(**session);
    CHECK(job.nothing_left());
    const auto at = std::strtol(read_file(state).value_or("").c_str(), nullptr, 10);
    CHECK(at > 0);
    job.cut_output(lines_up_to(at).size());
    auto again = job.restart(images->images);
    REQUIRE_MESSAGE(again, text_of(again));
    const auto status = wait_root(**again);
    REQUIRE(status);
    CHECK(status->success());
    CHECK((*again)->kill(seconds{10}));
    CHECK(job.output() == lines_up_to(1500));
  });
}

TEST_CASE("kill leaves nothing") {
  for_each_engine(kAll, [](EngineUnderTest& engine) {
    JobFixture job(
        engine,
        {"/bin/sh",
         "-c",
         "(sleep 60 &) ; (sleep 60 | cat) & " + program_path() + " writer 100000 1000 0"});
    auto session = job.launch();
    REQUIRE_MESSAGE(session, text_of(session));
    REQUIRE(has_written(job, 20));
    CHECK(!(*session)->program_processes().empty());
    CHECK((*session)->health());
    const auto killed = (*session)->kill(seconds{10});
    CHECK_MESSAGE(killed, text_of(killed));
    CHECK((*session)->program_processes().empty());
    CHECK(job.processes().empty());
    CHECK(wait_root(**session));
    CHECK(!(*session)->health());
  });
}

TEST_CASE("TERM can be kept from the program, also after a restart") {
  for_each_engine(kAll, [](EngineUnderTest& engine) {
    if (!engine.engine->can_shield_term()) {
      std::cout << "SKIPPED: " << engine.name << ": cannot keep TERM from the program\n";
      return;
    }
    JobFixture job(engine, writer(1500, 1000, 7));
    auto request = job.next_attempt();
    request.shield_term = true;
    auto session = engine.engine->launch(request);
    REQUIRE_MESSAGE(session, text_of(session));
    REQUIRE(has_written(job, 100));
    CHECK((*session)->signal_program(SIGTERM));
    const auto before = file_length(job.out());
    CHECK(has_written(job, before + 50));
    if (engine.kind == EngineKind::app) {
      CHECK((*session)->kill(seconds{10}));
      return;
    }
    Frozen frozen;
    const auto images = checkpoint(**session, reading_length(job, frozen));
    REQUIRE_MESSAGE(images, text_of(images));
    REQUIRE((*session)->kill(seconds{10}));
    wait_root(**session);
    job.cut_output(frozen.length);
    engine::RestartRequest restart;
    restart.launch = job.next_attempt();
    restart.launch.shield_term = true;
    restart.images = images->images;
    auto again = engine.engine->restart(restart);
    REQUIRE_MESSAGE(again, text_of(again));
    CHECK((*again)->signal_program(SIGTERM));
    const auto status = wait_root(**again);
    REQUIRE(status);
    CHECK(status->code == 7);
    CHECK((*again)->kill(seconds{10}));
    CHECK(job.output() == lines_up_to(1500));
  });
}

TEST_CASE("an unshielded program gets its signals, and the status says so") {
  for_each_engine(kAll, [](EngineUnderTest& engine) {
    JobFixture job(engine, writer(100000));
    auto session = job.launch();
    REQUIRE_MESSAGE(session, text_of(session));
    REQUIRE(has_written(job, 20));
    CHECK((*session)->signal_program(SIGTERM));
    const auto status = wait_root(**session);
    REQUIRE(status);
    const auto ended = (*session)->program_status(*status);
    REQUIRE(ended);
    CHECK(ended->signal == SIGTERM);
    CHECK((*session)->kill(seconds{10}));
    CHECK(job.nothing_left());
  });
}

TEST_CASE("a checkpoint of a program that has ended says so") {
  for_each_engine(kTransparent, [](EngineUnderTest& engine) {
    JobFixture job(engine, writer(5));
    auto session = job.launch();
    REQUIRE_MESSAGE(session, text_of(session));
    CHECK(wait_until([&] {
      const auto info = process_info((*session)->root_pid());
      return !info || info->state == 'Z';
    }));
    Frozen frozen;
    const auto images = (*session)->checkpoint(reading_length(job, frozen));
    REQUIRE(!images);
    CHECK(images.error().code == "program_gone");
    const auto status = wait_root(**session);
    REQUIRE(status);
    CHECK((*session)->program_status(*status)->code == 0);
    CHECK((*session)->kill(seconds{10}));
  });
}
