#pragma once

#include "core/base/clock.hpp"
#include "core/domain/array.hpp"
#include "core/scheduler/scheduler.hpp"
#include "tests/fakes/fake_job.hpp"
#include "tests/fakes/faulty_calls.hpp"

#include <algorithm>

namespace ckpt::test {

/// A scheduler in memory that behaves as Slurm was measured to: jobs wait, start, run into their
/// limit, are preempted, lose their node, are requeued under the same id and then wait for
/// `cred_expire` unless start_now is called. Nothing moves but in advance() and in calls. `fault()`
/// loses requests or answers, repeats or delays calls, takes the controller down.
class FakeScheduler final : public scheduler::Scheduler, public FaultyCalls {
public:
  using Job = FakeJob;

  explicit FakeScheduler(Clock& clock) : FaultyCalls(clock) {}

  // What tests set.
  SchedulerKind scheduler_kind = SchedulerKind::slurm;
  std::vector<std::string> hosts{"n1", "n2"};
  bool start_by_itself = true; ///< advance() starts what may start
  Duration cred_expire = seconds{120};
  Duration kill_wait_time = seconds{30};
  Duration remembered = seconds{300}; ///< MinJobAge: then only look_up knows it, if `accounting`
  bool accounting = true;
  std::string partition = "debug";                    ///< of all jobs
  std::map<std::string, Duration> grace_of_partition; ///< by partition
  std::vector<scheduler::NodeFacts> known_nodes;
  scheduler::MailSite site;                        ///< what mail_site() tells
  std::map<std::string, std::string> leaving_node; ///< nodes that are being drained, with why

  /// Snapshots show what was true at this moment until thaw_view().
  void freeze_view() { frozen_ = visible(); }
  void thaw_view() { frozen_.reset(); }

  std::map<SchedulerJobId, Job> jobs; ///< tests may look and change

  Job& job(const SchedulerJobId& id) { return jobs.at(id); }

  /// Lets what is due happen: late calls, starts, ends at the limit, KILL after kill_wait.
  void advance() {
    const TimePoint now = clock_.now();
    let_late_calls_happen();
    for (auto& [id, job] : jobs) {
      Allocation& allocation = job.allocation;
      if (allocation.state == AllocationState::running && allocation.ends_at &&
          *allocation.ends_at <= now) {
        begin_end(job, AllocationState::timeout, "TimeLimit", false);
      }
      if (allocation.state == AllocationState::completing && job.kill_at && *job.kill_at <= now) {
        gone(id);
      }
      look_at_dependency(allocation, jobs);
      if (start_by_itself && allocation.state == AllocationState::pending && !job.held &&
          allocation.eligible_at <= now && allocation.dependency.empty() && has_room(job, jobs)) {
        start(id, next_node(job));
      }
    }
  }

  void start(const SchedulerJobId& id, const std::string& node) {
    Job& job = jobs.at(id);
    Allocation& allocation = job.allocation;
    allocation.state = AllocationState::running;
    allocation.reason.clear();
    allocation.node = node;
    allocation.started_at = clock_.now();
    allocation.ends_at.reset();
    if (allocation.time_limit) {
      allocation.ends_at = clock_.now() + *allocation.time_limit;
    }
    ++job.starts;
    spell(allocation);
  }

  /// Its batch process ended by itself.
  void exit(const SchedulerJobId& id, int code) {
    Job& job = jobs.at(id);
    job.allocation.exit_code = code;
    end(job,
        code == 0 ? AllocationState::completed : AllocationState::failed,
        code == 0 ? "" : "NonZeroExitCode");
  }
  /// All processes of one that is completing are gone.
  void gone(const SchedulerJobId& id) {
    Job& job = jobs.at(id);
    job.kill_at.reset();
    if (job.requeue_after) {
      pend_again(job);
    } else {
      end(job, job.end_as, job.allocation.reason);
    }
  }
  /// Grace 0: it completes at once and is requeued. Else only PreemptTime shows it.
  void preempt(const SchedulerJobId& id, Duration grace) {
    Job& job = jobs.at(id);
    job.allocation.preempt_at = clock_.now();
    if (grace > Duration{0}) {
      job.allocation.ends_at = clock_.now() + grace;
    } else {
      begin_end(job, AllocationState::preempted, "", true);
    }
  }
  void lose_node(const SchedulerJobId& id, bool requeued) {
    Job& job = jobs.at(id);
    if (requeued) {
      pend_again(job);
      job.allocation.eligible_at = clock_.now();
    } else {
      end(job, AllocationState::node_fail, "NodeDown");
    }
  }
  /// Slurm's memory of ended jobs is over.
  void forget(const SchedulerJobId& id) {
    if (accounting) {
      old_[id] = jobs.at(id).allocation;
    }
    jobs.erase(id);
  }

  SchedulerKind kind() const override { return scheduler_kind; }

  Result<SchedulerJobId> submit(const scheduler::Submission& submission) override {
    const auto status = act("submit", [this, submission] {
      added_ = add(submission);
      return Status{};
    });
    if (!status) {
      Error error = status.error();
      if (error.outcome == Outcome::unknown) {
        error.code = "submit_unknown";
      } else if (error.outcome == Outcome::permanent) {
        error.code = "sbatch_refused";
      }
      return tl::unexpected<Error>(std::move(error));
    }
    return added_;
  }

  Result<std::vector<Allocation>> snapshot() override {
    if (auto asked = ask("snapshot"); !asked) {
      return tl::unexpected<Error>(asked.error());
    }
    return frozen_ ? *frozen_ : visible();
  }

  Result<std::vector<Allocation>> look_up(const std::vector<SchedulerJobId>& ids) override {
    if (auto asked = ask("look_up"); !asked) {
      return tl::unexpected<Error>(asked.error());
    }
    return known_of(ids, jobs, old_);
  }
  Result<std::map<std::string, std::string>>
  leaving_nodes(const std::vector<std::string>& asked) override {
    if (auto answered = ask("leaving_nodes"); !answered) {
      return tl::unexpected<Error>(answered.error());
    }
    std::map<std::string, std::string> found;
    for (const std::string& node : asked) {
      if (const auto why = leaving_node.find(node); why != leaving_node.end()) {
        found.insert(*why);
      }
    }
    return found;
  }

  Result<std::vector<scheduler::NodeFacts>> nodes() override {
    return ask("nodes").map([this] { return known_nodes; });
  }

  Result<std::map<std::string, Duration>> grace_times() override {
    if (auto answered = ask("grace_times"); !answered) {
      return tl::unexpected<Error>(answered.error());
    }
    return grace_of_partition;
  }

  Status cancel(const SchedulerJobId& id) override {
    return act("cancel", [this, id] {
      const auto found = jobs.find(id);
      if (found == jobs.end() || is_over(found->second.allocation.state)) {
        return Status{};
      }
      Job& job = found->second;
      if (never_begun(job)) {
        leave_array(jobs, id);
      } else if (job.allocation.state == AllocationState::pending ||
                 job.allocation.state == AllocationState::held) {
        end(job, AllocationState::cancelled, "");
      } else {
        begin_end(job, AllocationState::cancelled, "", false);
      }
      return Status{};
    });
  }

  Status requeue(const SchedulerJobId& id) override {
    return on("requeue", id, [this](Job& job) {
      const AllocationState state = job.allocation.state;
      if (state == AllocationState::pending || state == AllocationState::held) {
        return Status{};
      }
      if (job.allocation.requeue_allowed == false) {
        return Status{fail(ErrorClass::conflict, "requeue_refused", "requeue is disabled")};
      }
      if (is_over(state)) {
        pend_again(job);
      } else {
        begin_end(job, AllocationState::cancelled, "", true);
      }
      return Status{};
    });
  }

  Status start_now(const SchedulerJobId& id) override {
    return on("start_now", id, [this](Job& job) {
      if (job.allocation.state == AllocationState::pending) {
        job.allocation.eligible_at = clock_.now();
        job.allocation.reason = "Priority";
      }
      return Status{};
    });
  }

  Status hold(const SchedulerJobId& id) override {
    return on("hold", id, [](Job& job) {
      if (is_over(job.allocation.state)) {
        return Status{fail(ErrorClass::conflict, "allocation_state", "it has already finished")};
      }
      job.held = true;
      if (job.allocation.state == AllocationState::pending) {
        job.allocation.state = AllocationState::held;
        spell(job.allocation);
      }
      job.allocation.reason = "JobHeldUser"; // of what runs, too
      return Status{};
    });
  }

  Status release(const SchedulerJobId& id) override {
    return on("release", id, [](Job& job) {
      job.held = false;
      if (job.allocation.state == AllocationState::held) {
        job.allocation.state = AllocationState::pending;
        job.allocation.reason = "Priority";
        spell(job.allocation);
      } else {
        job.allocation.reason.clear();
      }
      return Status{};
    });
  }

  Status ring(const SchedulerJobId& id) override {
    return on("ring", id, [](Job& job) {
      if (is_over(job.allocation.state)) {
        return Status{fail(ErrorClass::not_found, "no_such_allocation", "it does not run")};
      }
      ++job.rings;
      return Status{};
    });
  }

  Status exclude_node(const SchedulerJobId& id, const std::string& node) override {
    return on("exclude_node", id, [node](Job& job) {
      job.submission.exclude_nodes.push_back(node);
      return Status{};
    });
  }

  Status set_dependency(const SchedulerJobId& id, const std::string& dependency) override {
    return on("set_dependency", id, [dependency](Job& job) {
      job.allocation.dependency = dependency;
      return Status{};
    });
  }

  scheduler::Ping ping() override {
    count("ping");
    return {controller_up, controller_up ? "fake is UP" : "fake is DOWN"};
  }
  Duration kill_wait() override { return kill_wait_time; }
  Result<scheduler::MailSite> mail_site() override {
    return ask("mail_site").map([this] { return site; });
  }
  std::string version() override { return "fake"; }
  std::string cluster() override { return "fake"; }

private:
  template <class Change>
  Status on(const std::string& call, const SchedulerJobId& id, Change change) {
    return act(call, [this, id, change]() -> Status {
      const auto found = jobs.find(id);
      if (found == jobs.end()) {
        return fail(ErrorClass::not_found, "no_such_allocation", "Invalid job id specified");
      }
      return change(found->second);
    });
  }

  SchedulerJobId add(const scheduler::Submission& submission) {
    const SchedulerJobId id{std::to_string(next_id_++)};
    if (!submission.tasks) {
      return add(submission, id);
    }
    for (const std::int64_t index : submission.tasks->indexes) {
      add(submission, task_id(id, index));
    }
    return id;
  }

  SchedulerJobId add(const scheduler::Submission& submission, const SchedulerJobId& id) {
    Job job = pending_job(submission, id, clock_.now());
    job.allocation.partition = partition;
    jobs[id] = std::move(job);
    return id;
  }

  void begin_end(Job& job, AllocationState as, const std::string& reason, bool requeue_after) {
    if (job.allocation.state == AllocationState::completing) {
      return;
    }
    job.allocation.state = AllocationState::completing;
    job.allocation.reason = reason;
    job.kill_at = clock_.now() + kill_wait_time;
    job.end_as = as;
    job.requeue_after = requeue_after;
    spell(job.allocation);
  }

  void end(Job& job, AllocationState as, const std::string& reason) {
    job.allocation.state = as;
    job.allocation.reason = reason;
    job.allocation.ends_at = clock_.now();
    spell(job.allocation);
  }

  void pend_again(Job& job) {
    Allocation& allocation = job.allocation;
    allocation.state = job.held ? AllocationState::held : AllocationState::pending;
    allocation.reason = job.held ? "JobHeldUser" : "BeginTime";
    ++allocation.restart_count;
    allocation.eligible_at = clock_.now() + cred_expire;
    allocation.started_at.reset();
    allocation.ends_at.reset();
    allocation.preempt_at.reset();
    allocation.exit_code.reset();
    allocation.signal.reset();
    allocation.node.clear();
    job.requeue_after = false;
    spell(allocation);
  }

  std::string next_node(const Job& job) {
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      const std::string& node = hosts[(next_node_++) % hosts.size()];
      const auto& excluded = job.submission.exclude_nodes;
      if (std::find(excluded.begin(), excluded.end(), node) == excluded.end()) {
        return node;
      }
    }
    return hosts.empty() ? "n1" : hosts.front();
  }

  std::vector<Allocation> visible() {
    std::vector<SchedulerJobId> too_old;
    for (const auto& [id, job] : jobs) {
      if (is_over(job.allocation.state) && job.allocation.ends_at &&
          *job.allocation.ends_at + remembered < clock_.now()) {
        too_old.push_back(id);
      }
    }
    for (const SchedulerJobId& id : too_old) {
      forget(id);
    }
    std::vector<Allocation> all;
    for (const auto& [id, job] : jobs) {
      all.push_back(job.allocation);
    }
    return all;
  }

  std::int64_t next_id_ = 101;
  SchedulerJobId added_;
  std::size_t next_node_ = 0;
  std::map<SchedulerJobId, Allocation> old_;
  std::optional<std::vector<Allocation>> frozen_;
};

} // namespace ckpt::test
