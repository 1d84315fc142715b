// What goes wrong while a checkpoint is written or restarted, and what must be left of it: nothing.
#include "tests/support/wait_until.hpp"

#include <doctest/doctest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iostream>

#include "engine_fixture.hpp"

using namespace ckpt;
using namespace ckpt::test;

namespace {

/// A small filesystem at `at`; needs root.
class SmallDisk {
public:
  SmallDisk(Path at, const std::string& size) : at_(std::move(at)) {
    mounted_ = ::mount("ckpt-test", at_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) {
      ::umount2(at_.c_str(), MNT_DETACH);
    }
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }

private:
  Path at_;
  bool mounted_ = false;
};

} // namespace

TEST_CASE("the root is killed while its checkpoint is taken") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    const auto session = started(job);
    auto request = plain_request();
    request.while_frozen = [&]() -> Status {
      ::kill(session->root_pid(), SIGKILL);
      return {};
    };
    const auto images = session->checkpoint(request);
    REQUIRE(!images);
    CHECK(images.error().code == "checkpoint_failed");
    end_job(job, *session);
  });
}

TEST_CASE("one of three processes is killed while the checkpoint is taken") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine, {});
    job.program.argv = {
        program_path(), "writers", "1000000", "1000", (job.folder() / "f").string()};
    const auto session = started(job);
    REQUIRE(wait_until([&] { return session->program_processes().size() == 3; }));
    auto request = plain_request();
    request.while_frozen = [&]() -> Status {
      ::kill(session->program_processes().back().pid, SIGKILL);
      return {};
    };
    const auto images = session->checkpoint(request);
    REQUIRE(!images);
    CHECK(images.error().code == "checkpoint_failed");
    CHECK(images.error().message.find("1 died") != std::string::npos);
    end_job(job, *session);
  });
}

TEST_CASE("while_frozen fails: its error is passed on, and the program runs on") {
  for_each_engine(kTransparent, [](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    const auto session = started(job);
    auto request = plain_request();
    request.while_frozen = [] {
      return fail(ErrorClass::refused, "disk_full", "no space for copies");
    };
    const auto images = session->checkpoint(request);
    REQUIRE(!images);
    CHECK(images.error().code == "disk_full");
    const auto length = file_length(job.out());
    CHECK(wait_until([&] { return file_length(job.out()) > length + 50; }));
    const auto second = session->checkpoint(plain_request());
    CHECK_MESSAGE(second, text_of(second));
    end_job(job, *session);
  });
}

TEST_CASE("the disk is full") {
  for_each_engine(kTransparent, [](EngineUnderTest& engine) {
    JobFixture job(engine, {program_path(), "memory", "64", "1000000", "1000"});
    auto request = job.next_attempt();
    const SmallDisk disk(request.images_dir, "20m");
    if (!disk.mounted()) {
      MESSAGE("SKIPPED " << engine.name << ": a small tmpfs cannot be mounted (not root)");
      std::cout << "SKIPPED: " << engine.name << ": disk full: cannot mount a tmpfs\n";
      return;
    }
    auto session = engine.engine->launch(request);
    REQUIRE_MESSAGE(session, text_of(session));
    REQUIRE(wait_until([&] { return file_length(job.out()) > 50; }, seconds{30}));
    const auto images = (*session)->checkpoint(plain_request());
    REQUIRE(!images);
    CHECK(images.error().code == "checkpoint_failed");
    if (engine.kind == EngineKind::dmtcp) { // it ends the program with 99: not its own result
      const auto status = wait_root(**session);
      REQUIRE(status);
      CHECK(!(*session)->program_status(*status));
      CHECK((*session)->kill(seconds{10}));
      CHECK(job.nothing_left());
    } else { // the program runs on
      const auto length = file_length(job.out());
      CHECK(wait_until([&] { return file_length(job.out()) > length + 50; }));
      end_job(job, **session);
    }
  });
}

TEST_CASE("a truncated image: the restart fails in time, and leaves nothing") {
  for_each_engine(kTransparent, [](EngineUnderTest& engine) {
    JobFixture job(engine, kEndless);
    const auto session = started(job);
    const auto images = session->checkpoint(plain_request());
    REQUIRE_MESSAGE(images, text_of(images));
    end_job(job, *session);
    const auto largest = std::max_element(
        images->images.begin(), images->images.end(), [](const Path& a, const Path& b) {
          return file_length(a) < file_length(b);
        });
    REQUIRE(truncate_file(*largest, file_length(*largest) / 2));
    const auto begin = std::chrono::steady_clock::now();
    const auto again = job.restart(images->images, seconds{3});
    const auto took = std::chrono::steady_clock::now() - begin;
    REQUIRE(!again);
    const std::string code = again.error().code;
    CHECK_MESSAGE((code == "restart_failed" || code == "restart_stalled"), text_of(again));
    CHECK(took < seconds{20});
    CHECK(job.nothing_left());
  });
}

TEST_CASE("an incomplete or mixed set is refused before anything starts") {
  for_each_engine({EngineKind::dmtcp}, [](EngineUnderTest& engine) {
    JobFixture job(engine, {});
    job.program.argv = {
        program_path(), "writers", "1000000", "1000", (job.folder() / "f").string()};
    const auto session = started(job);
    REQUIRE(wait_until([&] { return session->program_processes().size() == 3; }));
    const auto first = session->checkpoint(plain_request());
    const auto second = session->checkpoint(plain_request());
    REQUIRE_MESSAGE(first, text_of(first));
    REQUIRE_MESSAGE(second, text_of(second));
    end_job(job, *session);
    const auto is_image = [](const Path& path) { return path.extension() == ".dmtcp"; };
    std::vector<Path> old_images;
    std::vector<Path> new_images;
    std::copy_if(
        first->images.begin(), first->images.end(), std::back_inserter(old_images), is_image);
    std::copy_if(
        second->images.begin(), second->images.end(), std::back_inserter(new_images), is_image);
    REQUIRE(old_images.size() == 3);
    REQUIRE(new_images.size() == 3);
    const auto mixed = job.restart({old_images[0], new_images[1], new_images[2]});
    REQUIRE(!mixed);
    CHECK(mixed.error().code == "restart_failed");
    const auto incomplete = job.restart({new_images[1], new_images[2]});
    REQUIRE(!incomplete);
    CHECK(incomplete.error().code == "restart_failed");
    CHECK(job.nothing_left());
  });
}

TEST_CASE("a start that is given up leaves nothing") {
  for_each_engine(kAll, [](EngineUnderTest& engine) {
    if (engine.kind != EngineKind::dmtcp) {
      return;
    }
    JobFixture job(engine, kEndless);
    auto request = job.next_attempt();
    request.give_up = [] { return true; };
    const auto session = engine.engine->launch(request);
    REQUIRE(!session);
    CHECK(session.error().code == "interrupted");
    CHECK(job.nothing_left());
  });
}

// An image of the moment between a child's death and its parent's look holds a program that is lost
// without knowing it: DMTCP's lacks the child's status, and what is restarted from CRIU's ends as
// soon as the parent looks, each time.
TEST_CASE("a checkpoint between a child's death and its parent's look waits for the look") {
  for_each_engine({EngineKind::dmtcp, EngineKind::criu}, [](EngineUnderTest& engine) {
    const std::string script =
        "import os, signal, time\n"
        "child = os.fork()\n"
        "if child == 0: signal.pause()\n"
        "os.kill(child, signal.SIGKILL)\n"
        "while open(f'/proc/{child}/stat').read().split()[2] != 'Z': time.sleep(0.01)\n"
        "print('x' * 60, flush=True)\n"
        "if not os.path.exists('careless'):\n"
        "  time.sleep(0.5)\n"
        "  print(os.waitpid(child, 0)[1], flush=True)\n"
        "while not os.path.exists('end'): time.sleep(0.01)\n";
    JobFixture job(engine, {"/usr/bin/python3", "-c", script});
    bool cares = false;
    SUBCASE("its parent looks half a second later") {
      cares = true;
    }
    SUBCASE("its parent does not care") {
      REQUIRE(write_file_atomically(job.folder() / "careless", ""));
    }
    const auto session = started(job);
    engine::CheckpointRequest request;
    request.timeout = minutes{1};
    const auto taken = session->checkpoint(request);
    CHECK_MESSAGE(taken, text_of(taken));
    CHECK(job.output().ends_with(cares ? "9\n" : "x\n"));
    CHECK(session->kill(seconds{10}));
    wait_root(*session);
  });
}
