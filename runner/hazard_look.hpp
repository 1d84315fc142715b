#pragma once

#include "core/base/process.hpp"
#include "core/domain/hazards.hpp"
#include "runner/program.hpp"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace ckpt::runner {

/// What stays the same over all looks of an attempt.
struct LookSetting {
  EngineKind engine = EngineKind::dmtcp;
  bool stays_on_node = false;
  bool restarted = false;
  std::string cwd;
  Path job_folder;
  Path tmpdir;
  OutputPaths output;
};

Surroundings surroundings_of(const LookSetting& setting, const Policy& policy);

/// The processes of a program with all that hazards.hpp wants to know. May hang with a filesystem.
std::vector<ProcessFacts> look_at_program(const std::vector<ProcessInfo>& processes,
                                          const std::vector<pid_t>& helpers);

/// What a look has found.
struct HazardReport {
  std::vector<Warning> warnings;
  std::uint64_t local_bytes = 0; ///< of node-local files that a generation would hold
};

HazardReport find_hazards_of(const std::vector<ProcessInfo>& processes,
                             const std::vector<pid_t>& helpers,
                             const LookSetting& setting,
                             const Policy& policy);

/// Looks on a thread of its own, one at a time: a process or a filesystem that hangs holds up that
/// thread alone, which is then left behind.
class HazardWatch {
public:
  /// Begins a look, unless one is still under way.
  void start(std::vector<ProcessInfo> processes,
             std::vector<pid_t> helpers,
             LookSetting setting,
             Policy policy);
  /// The result of a look that is over, once. Any thread.
  std::optional<HazardReport> take();
  /// Waits for the look that is under way, at most so long. Any thread.
  void wait(std::chrono::milliseconds at_most) const;
  /// Of the last look that is over; 0 before the first. Any thread.
  std::uint64_t local_bytes() const;

private:
  struct Shared {
    mutable std::mutex mutex;
    std::condition_variable over;
    bool busy = false;
    std::optional<HazardReport> report;
    std::uint64_t local_bytes = 0;
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

/// What is to be journaled: warnings that are new or say something else, and codes that are gone.
struct WarningChanges {
  std::vector<Warning> told;
  std::vector<std::string> gone;
};
WarningChanges changes_between(const std::vector<Warning>& before,
                               const std::vector<Warning>& after);

} // namespace ckpt::runner
