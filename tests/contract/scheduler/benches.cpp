#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "tests/fakes/fake_clock.hpp"
#include "tests/fakes/fake_scheduler.hpp"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "bench.hpp"

namespace ckpt::test {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string script_of(Program program, const std::string& rings_file) {
  const std::string loop = "ring() { echo >>" + rings_file + "; }\ntrap ring URG\n" +
                           "echo mark=$CKPT_MARK \"cwd=$(pwd)\"\n" +
                           "while :; do sleep 0.05; done\n";
  switch (program) {
  case Program::sleeps:
    return "#!/bin/sh\n" + loop;
  case Program::stubborn:
    return "#!/bin/sh\ntrap '' TERM\n" + loop;
  case Program::succeeds:
    return "#!/bin/sh\nexit 0\n";
  case Program::fails:
    return "#!/bin/sh\nexit 7\n";
  }
  return "";
}

/// Local and Slurm: true processes. Whatever a test leaves behind is cancelled.
class RealBench final : public Bench {
public:
  RealBench(std::string name, scheduler::SchedulerConfig config)
      : name_(std::move(name)), config_(std::move(config)) {
    ::chmod(folder_.path().c_str(), 0755);
    config_.state_dir = folder_.path() / "state";
    restart();
  }
  ~RealBench() override {
    for (const SubmissionToken& token : tokens_) {
      const auto seen = scheduler_->snapshot();
      for (const Allocation& allocation : seen.value_or(std::vector<Allocation>{})) {
        if (scheduler::token_in_comment(allocation.comment) == token &&
            !is_over(allocation.state)) {
          static_cast<void>(scheduler_->cancel(allocation.id));
        }
      }
    }
  }
  RealBench(const RealBench&) = delete;
  RealBench& operator=(const RealBench&) = delete;

  std::string name() const override { return name_; }
  scheduler::Scheduler& scheduler() override { return *scheduler_; }
  void restart() override { scheduler_ = scheduler::make_scheduler(config_); }
  void let_happen() override {}

  scheduler::Submission submission(Program program) override {
    scheduler::Submission wish;
    wish.token = {random_hex(16)};
    tokens_.push_back(wish.token);
    const Path folder = folder_.path() / ("100% " + wish.token.value);
    std::filesystem::create_directories(folder);
    wish.name = "contract | " + wish.token.value;
    wish.script = folder / "batch.sh";
    const std::string script = script_of(program, "'" + (folder / "rings").string() + "'");
    static_cast<void>(write_file_atomically(wish.script, script, 0755));
    wish.cwd = folder.string();
    wish.output_path = (folder / "out %j").string();
    wish.env = {{"PATH", environment("PATH")}, {"CKPT_MARK", wish.token.value}};
    if (config_.kind == SchedulerKind::slurm) {
      wish.args = {"--comment=the user's"};
    }
    return wish;
  }

  int rings(const SchedulerJobId& id) override {
    const auto seen = scheduler_->look_up({id});
    const auto token =
        seen && !seen->empty() ? scheduler::token_in_comment(seen->front().comment) : std::nullopt;
    if (!token) {
      return -1;
    }
    const auto text = read_file(folder_.path() / ("100% " + token->value) / "rings");
    return text ? static_cast<int>(text->size()) : 0;
  }

private:
  std::string name_;
  scheduler::SchedulerConfig config_;
  TempDir folder_;
  std::vector<SubmissionToken> tokens_;
  std::unique_ptr<scheduler::Scheduler> scheduler_;
};

class FakeBench final : public Bench {
public:
  std::string name() const override { return "fake"; }
  scheduler::Scheduler& scheduler() override { return fake_; }
  void restart() override {}
  bool is_real() const override { return false; }

  scheduler::Submission submission(Program program) override {
    scheduler::Submission wish;
    wish.token = {random_hex(16)};
    wish.name = "contract | " + wish.token.value;
    programs_[wish.token] = program;
    return wish;
  }

  void let_happen() override {
    clock_.pass(seconds{1});
    fake_.advance();
    for (auto& [id, job] : fake_.jobs) {
      const Program program = programs_.at(job.submission.token);
      if (job.allocation.state == AllocationState::running && program == Program::succeeds) {
        fake_.exit(id, 0);
      } else if (job.allocation.state == AllocationState::running && program == Program::fails) {
        fake_.exit(id, 7);
      } else if (job.allocation.state == AllocationState::completing &&
                 program != Program::stubborn) {
        fake_.gone(id);
      }
    }
  }
  int rings(const SchedulerJobId& id) override { return fake_.job(id).rings; }

private:
  FakeClock clock_;
  FakeScheduler fake_{clock_};
  std::map<SubmissionToken, Program> programs_;
};

std::vector<BenchMaker> make_benches() {
  std::vector<BenchMaker> made{{"fake", [] { return std::make_unique<FakeBench>(); }},
                               {"local", [] {
                                  scheduler::SchedulerConfig config;
                                  config.kind = SchedulerKind::local;
                                  config.local_kill_wait = milliseconds{500};
                                  return std::make_unique<RealBench>("local", config);
                                }}};
  scheduler::SchedulerConfig slurm;
  slurm.kind = SchedulerKind::slurm;
  slurm.env = {{"PATH", environment("PATH")}, {"SLURM_CONF", environment("CKPT_TEST_SLURM_CONF")}};
  if (slurm.env["SLURM_CONF"].empty()) {
    std::cout << "SKIPPED: slurm: CKPT_TEST_SLURM_CONF names no slurm.conf of a running cluster\n";
  } else if (const auto ping = scheduler::make_scheduler(slurm)->ping(); !ping.up) {
    std::cout << "SKIPPED: slurm: " << ping.detail << "\n";
  } else {
    made.push_back({"slurm", [slurm] { return std::make_unique<RealBench>("slurm", slurm); }});
  }
  return made;
}

} // namespace

const std::vector<BenchMaker>& benches() {
  static const std::vector<BenchMaker> kBenches = make_benches();
  return kBenches;
}

} // namespace ckpt::test
