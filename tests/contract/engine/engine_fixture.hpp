#pragma once

#include "core/engine/engine.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ckpt::test {

/// An engine that this machine has.
struct EngineUnderTest {
  std::string name; ///< "dmtcp 4.2.0"
  EngineKind kind = EngineKind::dmtcp;
  std::unique_ptr<engine::Engine> engine;
};

/// Runs `body` for every engine of `kinds` that is usable here; says loudly which it skipped, also
/// as a line `SKIPPED: <engine>: <reason>` on stdout.
void for_each_engine(const std::vector<EngineKind>& kinds,
                     const std::function<void(EngineUnderTest&)>& body);

inline const std::vector<EngineKind> kTransparent{EngineKind::dmtcp, EngineKind::criu};
inline const std::vector<EngineKind> kAll{EngineKind::dmtcp, EngineKind::criu, EngineKind::app};

std::string program_path(); ///< engine_program

/// One job in a folder of its own: attempts, output, and a token in the environment of every
/// process of it, engine's included. Whatever still runs at the end is killed.
class JobFixture {
public:
  explicit JobFixture(EngineUnderTest& engine, std::vector<std::string> argv);
  ~JobFixture();
  JobFixture(const JobFixture&) = delete;
  JobFixture& operator=(const JobFixture&) = delete;

  /// A request for the next attempt, with new folders; change it before it is used.
  engine::LaunchRequest next_attempt();
  Result<std::unique_ptr<engine::Session>> launch();
  Result<std::unique_ptr<engine::Session>> restart(const std::vector<Path>& images,
                                                   Duration stall_timeout = seconds{20});

  std::string output() const; ///< of all attempts: stdout
  std::string error_output() const;
  Path out() const { return folder_ / "out"; }
  Path folder() const { return folder_; }
  void cut_output(std::uint64_t length) const;
  /// Processes with the job's token, zombies left out.
  std::vector<ProcessInfo> processes() const;
  bool nothing_left() const; ///< waits for a moment

  engine::ProgramInfo program;

private:
  EngineUnderTest& engine_;
  Path folder_;
  std::string token_;
  int attempts_ = 0;
};

/// A writer that never ends.
extern const std::vector<std::string> kEndless;
/// With a callback that does nothing.
engine::CheckpointRequest plain_request(Duration stall_timeout = seconds{15});
/// A launched program that has written more than `bytes` of output since.
std::unique_ptr<engine::Session> started(JobFixture& job, std::uint64_t bytes = 50);
/// Kills the program, reaps it, and checks that nothing of the job is left.
void end_job(JobFixture& job, engine::Session& session);

/// Waits for the root's end, and reaps it.
std::optional<ExitStatus> wait_root(const engine::Session& session,
                                    milliseconds deadline = seconds{60});
/// The error's code and message, for messages of checks.
std::string text_of(const Error& error);
template <class T> std::string text_of(const Result<T>& result) {
  return result ? "ok" : text_of(result.error());
}
/// "0\n1\n…", n lines.
std::string lines_up_to(long count);
std::uint64_t file_length(const Path& path);

} // namespace ckpt::test
