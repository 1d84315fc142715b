#pragma once

#include "core/base/clock.hpp"
#include "core/scheduler/local/record.hpp"
#include "core/scheduler/scheduler.hpp"

namespace ckpt::scheduler::local {

/// The environment of an attempt names its record: this is how one is found again whose pid was not
/// yet written down when the daemon died.
inline constexpr const char* kRecordVariable = "CKPT_LOCAL_RECORD";

/// Attempts as processes of this machine. They are sessions of their own, outlive whoever started
/// them, and are found again by what is written below `state_dir`. There is no queue: what is
/// submitted runs. How one ended is known only to the process that started it; seen by another one,
/// it is `completed` without an exit code, and the journal knows the rest.
///
/// The script gets CKPT_LOCAL_JOB_ID, CKPT_LOCAL_RESTART_COUNT and CKPT_LOCAL_STATE (state_dir).
/// The time limit is the runner's to keep; `ends_at` tells it.
class LocalScheduler final : public Scheduler {
public:
  explicit LocalScheduler(const SchedulerConfig& config, Clock& clock = system_clock());

  SchedulerKind kind() const override { return SchedulerKind::local; }
  Result<SchedulerJobId> submit(const Submission& submission) override;
  /// Also reaps our own ended children and kills what is left of a cancelled attempt.
  Result<std::vector<Allocation>> snapshot() override;
  Result<std::vector<Allocation>> look_up(const std::vector<SchedulerJobId>& ids) override;
  /// TERM now; KILL by a snapshot after kill_wait.
  Result<std::map<std::string, std::string>>
  leaving_nodes(const std::vector<std::string>&) override {
    return std::map<std::string, std::string>{};
  }
  Result<std::vector<NodeFacts>> nodes() override { return std::vector<NodeFacts>{}; }
  Result<std::map<std::string, Duration>> grace_times() override {
    return std::map<std::string, Duration>{};
  }
  Status cancel(const SchedulerJobId& id) override;
  /// Starts an ended one again, under the next restart count. A running one does that itself
  /// (local_requeued): error `allocation_state`.
  Status requeue(const SchedulerJobId& id) override;
  Status start_now(const SchedulerJobId& id) override; ///< nothing to do: nothing waits here
  Status hold(const SchedulerJobId& id) override;      ///< `not_supported`
  Status release(const SchedulerJobId& id) override;   ///< nothing to do
  Status ring(const SchedulerJobId& id) override;
  Status exclude_node(const SchedulerJobId& id,
                      const std::string& node) override; ///< `not_supported`
  Status set_dependency(const SchedulerJobId&, const std::string&) override {
    return fail(ErrorClass::unusable, "not_supported", "nothing waits here");
  }
  Ping ping() override { return {true, "this machine"}; }
  Duration kill_wait() override { return kill_wait_; }
  Result<MailSite> mail_site() override { return MailSite{}; }
  std::string version() override { return "local"; }
  std::string cluster() override { return "local"; }

private:
  Status start(const SchedulerJobId& id, const Submission& submission, int restart_count);
  /// Brings what is on disk up to date with the machine.
  Result<Allocation> observe(const SchedulerJobId& id);
  void find_process(Record& record);
  std::optional<EndRecord> end_of(const Record& record);
  void kill_cancelled(const Record& record);

  Path state_dir_;
  Duration kill_wait_;
  Clock& clock_;
  Records records_;
  std::string boot_id_;
};

} // namespace ckpt::scheduler::local
