// What hangs is told from what is slow, is ended in time, and leaves evidence in the attempt's
// folder.
#include "core/engine/evidence.hpp"
#include "tests/support/wait_until.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>

#include "engine_fixture.hpp"

using namespace ckpt;
using namespace ckpt::test;

namespace {

/// The evidence of the only attempt.
std::string evidence(const engine::LaunchRequest& request, const std::string& code) {
  return read_file(request.work_dir / (code + ".txt")).value_or("");
}

std::unique_ptr<engine::Session>
started(EngineUnderTest& engine, JobFixture& job, engine::LaunchRequest& request) {
  request = job.next_attempt();
  auto session = engine.engine->launch(request);
  REQUIRE_MESSAGE(session, text_of(session));
  REQUIRE(wait_until([&] { return file_length(job.out()) > 50; }, seconds{30}));
  return std::move(*session);
}

} // namespace

TEST_CASE("a thread that DMTCP's signal does not reach: the checkpoint stalls, and is given up") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine, {program_path(), "deaf", "1000000", "1000"});
    engine::LaunchRequest request;
    const auto session = started(engine, job, request);
    const auto begin = std::chrono::steady_clock::now();
    const auto images = session->checkpoint(plain_request(seconds{4}));
    CHECK(std::chrono::steady_clock::now() - begin < seconds{40});
    REQUIRE(!images);
    CHECK_MESSAGE(images.error().code == "checkpoint_stalled", text_of(images));
    CHECK(images.error().message.find("engine_program") != std::string::npos);
    const std::string kept = evidence(request, "checkpoint_stalled");
    CHECK(kept.find("engine_program, pid ") != std::string::npos);
    CHECK(kept.find("SigBlk:") != std::string::npos);
    CHECK(kept.find("DMTCP says: ") != std::string::npos);
    end_job(job, *session);
  });
}

TEST_CASE("criu stands still: the dump is given up, and the program runs on") {
  for_each_engine({EngineKind::criu}, [](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    engine::LaunchRequest request;
    const auto session = started(engine, job, request);
    auto wish = plain_request(seconds{4});
    wish.while_frozen = [&]() -> Status {
      const auto program = session->program_processes();
      for (const ProcessInfo& process : process_tree(session->root_pid())) {
        const bool is_program =
            std::any_of(program.begin(), program.end(), [&](const ProcessInfo& other) {
              return other.pid == process.pid;
            });
        if (!is_program && process.comm != "engine_host") {
          signal_process(process, SIGSTOP);
        }
      }
      return {};
    };
    const auto images = session->checkpoint(wish);
    REQUIRE(!images);
    CHECK_MESSAGE(images.error().code == "checkpoint_stalled", text_of(images));
    CHECK(images.error().message.find("stopped by a signal") != std::string::npos);
    CHECK(evidence(request, "checkpoint_stalled").find("engine_program, pid ") !=
          std::string::npos);
    const auto length = file_length(job.out());
    CHECK(wait_until([&] { return file_length(job.out()) > length + 50; }));
    const auto second = session->checkpoint(plain_request(seconds{4}));
    CHECK_MESSAGE(second, text_of(second));
    end_job(job, *session);
  });
}

TEST_CASE("a launch that does not come about in time is told, and leaves nothing") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    auto request = job.next_attempt();
    request.timeout = Duration{-1}; // over before it begins
    const auto session = engine.engine->launch(request);
    REQUIRE(!session);
    CHECK_MESSAGE(session.error().code == "launch_timed_out", text_of(session));
    CHECK(!evidence(request, "launch_timed_out").empty());
    CHECK(job.nothing_left());
  });
}

TEST_CASE("a restart that stalls leaves evidence") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine, {program_path(), "memory", "16", "1000000", "1000"});
    engine::LaunchRequest request;
    const auto session = started(engine, job, request);
    const auto images = session->checkpoint(plain_request(seconds{4}));
    REQUIRE_MESSAGE(images, text_of(images));
    end_job(job, *session);
    const auto largest = std::max_element(
        images->images.begin(), images->images.end(), [](const Path& a, const Path& b) {
          return file_length(a) < file_length(b);
        });
    REQUIRE(truncate_file(*largest, file_length(*largest) / 2)); // it spins in the middle of it
    engine::RestartRequest again{.launch = job.next_attempt(), .images = images->images};
    again.stall_timeout = seconds{3};
    const auto restarted = engine.engine->restart(again);
    REQUIRE(!restarted);
    if (restarted.error().code == "restart_stalled") {
      CHECK(!evidence(again.launch, "restart_stalled").empty());
      CHECK(restarted.error().message.find(" runs") != std::string::npos);
    } else {
      CHECK_MESSAGE(restarted.error().code == "restart_failed", text_of(restarted));
    }
    CHECK(job.nothing_left());
  });
}

TEST_CASE("evidence of what is gone is no trouble") {
  ProcessInfo gone;
  gone.pid = 0x7ffffff0;
  gone.comm = "gone";
  gone.state = 'T';
  CHECK(engine::describe_stall({}).empty());
  CHECK(engine::describe_stall({gone}) == "gone (2147483632) stopped by a signal");
  engine::keep_evidence("/nonexistent/folder/file", "why", [&] { return std::vector{gone}; }, {});
}
