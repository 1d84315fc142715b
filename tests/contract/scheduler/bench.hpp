#pragma once

#include "core/scheduler/scheduler.hpp"
#include "tests/support/temp_dir.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ckpt::test {

enum class Program {
  sleeps,   ///< until it is ended; counts SIGURG
  stubborn, ///< likewise, and ignores TERM
  succeeds, ///< exit 0
  fails,    ///< exit 7
};

/// One scheduler to hold against the contract.
class Bench {
public:
  virtual ~Bench() = default;
  virtual std::string name() const = 0;
  virtual scheduler::Scheduler& scheduler() = 0;
  /// Another adapter on the same scheduler, as a restarted daemon has it.
  virtual void restart() = 0;
  virtual scheduler::Submission submission(Program program) = 0;
  /// Time passes.
  virtual void let_happen() = 0;
  virtual int rings(const SchedulerJobId& id) = 0;
  virtual bool is_real() const { return true; }
};

/// The benches of this machine. Those that it cannot have are named on standard output.
struct BenchMaker {
  std::string name;
  std::function<std::unique_ptr<Bench>()> make;
};
const std::vector<BenchMaker>& benches();

} // namespace ckpt::test
