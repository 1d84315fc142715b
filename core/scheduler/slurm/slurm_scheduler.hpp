#pragma once

#include "core/base/process.hpp"
#include "core/scheduler/scheduler.hpp"
#include "core/scheduler/slurm/errors.hpp"

#include <initializer_list>

namespace ckpt::scheduler::slurm {

/// Slurm through its own clients (sbatch, squeue, sacct, scancel, scontrol), one process a call.
class SlurmScheduler final : public Scheduler {
public:
  explicit SlurmScheduler(SchedulerConfig config);

  SchedulerKind kind() const override { return SchedulerKind::slurm; }
  Result<SchedulerJobId> submit(const Submission& submission) override;
  Result<std::vector<Allocation>> snapshot() override;
  /// squeue for these ids in one call, then sacct in one call for those that it does not know.
  /// Error `accounting_down` (retryable) when sacct should know and cannot be asked. A job that
  /// only sacct still calls running is left out: its record was never closed, and tells nothing.
  Result<std::vector<Allocation>> look_up(const std::vector<SchedulerJobId>& ids) override;
  Result<std::map<std::string, std::string>>
  leaving_nodes(const std::vector<std::string>& nodes) override;
  Result<std::vector<NodeFacts>> nodes() override;
  Result<std::map<std::string, Duration>> grace_times() override;
  Status cancel(const SchedulerJobId& id) override;
  /// One that is pending already is fine. Outcome `unknown` must not be answered by asking again
  /// blindly: a second requeue would interrupt the new attempt.
  Status requeue(const SchedulerJobId& id) override;
  Status start_now(const SchedulerJobId& id) override; ///< one that started already is fine
  Status hold(const SchedulerJobId& id) override;
  Status release(const SchedulerJobId& id) override;
  Status ring(const SchedulerJobId& id) override; ///< one that does not run yet is fine
  Status exclude_node(const SchedulerJobId& id, const std::string& node) override;
  Status set_dependency(const SchedulerJobId& id, const std::string& dependency) override;
  Ping ping() override;
  Duration kill_wait() override;
  Result<MailSite> mail_site() override;
  std::string version() override;
  std::string cluster() override;

private:
  Result<CommandResult> run(const std::vector<std::string>& words,
                            const std::map<std::string, std::string>& env,
                            Duration timeout) const;
  /// A question; its output. Errors are retryable.
  Result<std::string> question(const std::string& doing, const std::vector<std::string>& words);
  Result<std::vector<Allocation>> queue(const std::vector<SchedulerJobId>& ids);
  Result<std::vector<Allocation>> accounting(const std::vector<SchedulerJobId>& ids);
  /// Runs a command that changes something; its trouble, or none.
  Status act(const std::string& doing,
             const std::vector<std::string>& words,
             std::initializer_list<Trouble> harmless) const;
  /// `scontrol show config`, asked once it has been answered.
  const std::map<std::string, std::string>& site_config();

  SchedulerConfig config_;
  std::map<std::string, std::string> query_env_;
  std::map<std::string, std::string> site_config_;
  std::string version_;
  bool no_accounting_ = false; ///< the site has none: not asked again
};

} // namespace ckpt::scheduler::slurm
