#include "engine_fixture.hpp"

#include "tests/support/wait_until.hpp"

#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <set>

extern char** environ;

namespace ckpt::test {
namespace {

std::map<std::string, std::string> our_environment() {
  std::map<std::string, std::string> env;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    env[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  }
  return env;
}

void say_skipped(EngineKind kind, const std::string& reason) {
  MESSAGE("SKIPPED " << word(kind) << ": " << reason);
  static std::set<EngineKind> said;
  if (said.insert(kind).second) {
    std::cout << "SKIPPED: " << word(kind) << ": " << reason << std::endl;
  }
}

} // namespace

void for_each_engine(const std::vector<EngineKind>& kinds,
                     const std::function<void(EngineUnderTest&)>& body) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1); // as the runner is
  auto config = engine::EngineConfig::from_environment(our_environment());
  config.runner = std::string(CKPT_BIN_DIR) + "/../tests/engine_host";
  const char* only = std::getenv("CKPT_TEST_ENGINE");
  for (const EngineKind kind : kinds) {
    if (only != nullptr && word(kind) != only) {
      say_skipped(kind, "not asked for (CKPT_TEST_ENGINE)");
      continue;
    }
    EngineUnderTest under_test{.name = {}, .kind = kind, .engine = make_engine(kind, config)};
    const auto version = under_test.engine->version();
    if (!version) {
      say_skipped(kind, version.error().message);
      continue;
    }
    under_test.name = std::string(word(kind)) + " " + version->version;
    CAPTURE(under_test.name);
    body(under_test);
  }
}

std::string program_path() {
  return std::string(CKPT_BIN_DIR) + "/../tests/engine_program";
}

JobFixture::JobFixture(EngineUnderTest& engine, std::vector<std::string> argv) : engine_(engine) {
  folder_ = std::filesystem::temp_directory_path() / ("ckpt-engine-" + random_hex(6));
  REQUIRE(make_directories(folder_));
  token_ = random_hex(8);
  program.argv = std::move(argv);
  program.env = our_environment();
  program.env["CKPT_TEST_TOKEN"] = token_;
  program.cwd = folder_.string();
}

JobFixture::~JobFixture() {
  for (const auto& process : processes()) {
    signal_process(process, SIGKILL);
  }
  if (std::getenv("CKPT_TEST_KEEP") == nullptr) {
    if (!remove_tree(folder_)) {
      MESSAGE("could not remove " << folder_.string());
    }
  }
}

engine::LaunchRequest JobFixture::next_attempt() {
  const Path attempt = folder_ / std::to_string(++attempts_);
  engine::LaunchRequest request;
  request.program = program;
  request.work_dir = attempt / "work";
  request.images_dir = attempt / "images";
  request.lasting_dir = folder_ / "lasting";
  request.stdout_path = (folder_ / "out").string();
  request.stderr_path = (folder_ / "err").string();
  REQUIRE(make_directories(request.work_dir));
  REQUIRE(make_directories(request.images_dir));
  return request;
}

Result<std::unique_ptr<engine::Session>> JobFixture::launch() {
  return engine_.engine->launch(next_attempt());
}

Result<std::unique_ptr<engine::Session>> JobFixture::restart(const std::vector<Path>& images,
                                                             Duration stall_timeout) {
  engine::RestartRequest request;
  request.launch = next_attempt();
  request.images = images;
  request.stall_timeout = stall_timeout;
  return engine_.engine->restart(request);
}

std::string JobFixture::output() const {
  return read_file(out()).value_or("");
}
std::string JobFixture::error_output() const {
  return read_file(folder_ / "err").value_or("");
}

void JobFixture::cut_output(std::uint64_t length) const {
  REQUIRE(truncate_file(out(), length));
}

std::vector<ProcessInfo> JobFixture::processes() const {
  auto all = processes_with_environment("CKPT_TEST_TOKEN=" + token_);
  std::erase_if(all, [](const ProcessInfo& process) { return process.state == 'Z'; });
  return all;
}

bool JobFixture::nothing_left() const {
  return wait_until([this] { return processes().empty(); }, seconds{5});
}

const std::vector<std::string> kEndless{program_path(), "writer", "1000000", "1000", "0"};

engine::CheckpointRequest plain_request(Duration stall_timeout) {
  engine::CheckpointRequest request;
  request.timeout = minutes{1};
  request.stall_timeout = stall_timeout;
  request.while_frozen = [] { return Status{}; };
  return request;
}

std::unique_ptr<engine::Session> started(JobFixture& job, std::uint64_t bytes) {
  const auto before = file_length(job.out());
  auto session = job.launch();
  REQUIRE_MESSAGE(session, text_of(session));
  REQUIRE(wait_until([&] { return file_length(job.out()) > before + bytes; }, seconds{30}));
  return std::move(*session);
}

void end_job(JobFixture& job, engine::Session& session) {
  CHECK(session.kill(seconds{10}));
  CHECK(wait_root(session));
  CHECK(job.nothing_left());
}

std::optional<ExitStatus> wait_root(const engine::Session& session, milliseconds deadline) {
  std::optional<ExitStatus> status;
  wait_until(
      [&] {
        int raw = 0;
        if (::waitpid(session.root_pid(), &raw, WNOHANG) == session.root_pid()) {
          status = ExitStatus::from_wait_status(raw);
        }
        return status.has_value();
      },
      deadline);
  return status;
}

std::string text_of(const Error& error) {
  return error.code + ": " + error.message;
}

std::string lines_up_to(long count) {
  std::string text;
  for (long i = 0; i < count; ++i) {
    text += std::to_string(i) + "\n";
  }
  return text;
}

std::uint64_t file_length(const Path& path) {
  std::error_code missing;
  const auto size = std::filesystem::file_size(path, missing);
  return missing ? 0 : size;
}

} // namespace ckpt::test
