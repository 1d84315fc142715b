#pragma once

#include "core/base/files.hpp"
#include "core/domain/allocation.hpp"
#include "core/domain/ids.hpp"
#include "core/domain/job.hpp"
#include "core/scheduler/mail.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// The scheduler port: where attempts run. Every call blocks (a dead controller: up to 20 s) and may
// be made from any thread, one call at a time. The daemon calls it on its scheduler thread, the
// runner for its own job only.

namespace ckpt::scheduler {

/// The tasks that one submission of a job array has. The script tells them apart by
/// SLURM_ARRAY_TASK_ID.
struct SubmittedTasks {
  std::vector<std::int64_t> indexes; ///< ascending
  std::optional<std::int64_t> at_once;
  /// Takes the place of output_path: a task's index stands between these pieces.
  std::vector<std::string> output_pieces;
};

/// One wish to run a job. The script exists, and carries the token to the runner as its argument.
struct Submission {
  SubmissionToken token; ///< of an array: that of all; task_token() is what its allocations have
  std::string name;      ///< the job's name as squeue shows it
  Path script;           ///< batch.sh
  std::string cwd;
  std::string output_path; ///< of the batch script itself (the runner's own messages); O_APPEND
  std::vector<std::string> args; ///< sbatch options as the user wrote them
  std::optional<Duration> time_limit;
  std::optional<Duration> warn_before; ///< early warning to the runner: `--signal=B:URG@…`
  std::vector<std::string> exclude_nodes;
  std::map<std::string, std::string> env; ///< what sbatch itself runs with
  std::optional<SubmittedTasks> tasks;    ///< a job array
};

/// A node as the scheduler tells of it, in its own words.
struct NodeFacts {
  std::string name;
  std::string state; ///< "idle", "mixed", "drained*"
  std::string reason;
  std::vector<std::string> partitions;
  bool operator==(const NodeFacts&) const = default;
};

struct Ping {
  bool up = false;
  std::string detail; ///< "slurmctld at vm is UP", or what failed
};

class Scheduler {
public:
  virtual ~Scheduler() = default;
  virtual SchedulerKind kind() const = 0;

  /// Error outcome `unknown` after a time-out: it may have been submitted; find(token) tells later.
  /// Codes: `sbatch_refused` (permanent, sbatch's own message), `scheduler_down` (retryable),
  /// `submit_unknown`. Of an array the id of all; its tasks are shown under task_id().
  virtual Result<SchedulerJobId> submit(const Submission& submission) = 0;

  /// Every allocation of this user that the scheduler still remembers, by ONE query. Codes:
  /// `scheduler_down` (retryable).
  virtual Result<std::vector<Allocation>> snapshot() = 0;

  /// Allocations that a snapshot no longer holds, from accounting (sacct) or by single look-ups.
  /// What nobody knows is simply missing in the answer; of tasks see Allocation::left_array.
  virtual Result<std::vector<Allocation>> look_up(const std::vector<SchedulerJobId>& ids) = 0;

  /// Nodes (as Allocation::node names them) that are being taken away while jobs may still run on
  /// them, with why: drained by an administrator, or in a maintenance reservation. One query for
  /// all; `nodes` empty: none.
  virtual Result<std::map<std::string, std::string>>
  leaving_nodes(const std::vector<std::string>& nodes) = 0;

  /// All nodes of the cluster, by name. One query.
  virtual Result<std::vector<NodeFacts>> nodes() = 0;

  /// Grace times of the partitions whose jobs may be preempted; those that give none are left out.
  virtual Result<std::map<std::string, Duration>> grace_times() = 0;

  virtual Status cancel(const SchedulerJobId& id) = 0; ///< one that is over already is fine
  virtual Status requeue(const SchedulerJobId& id) = 0;
  /// Takes away the wait after a requeue (`scontrol update StartTime=now+2`: earlier is not safe,
  /// see slurm/commands.cpp). To be repeated while it is seen to wait for BeginTime.
  virtual Status start_now(const SchedulerJobId& id) = 0;
  /// It is not started any more; what runs goes on, and waits after its next requeue.
  virtual Status hold(const SchedulerJobId& id) = 0;
  virtual Status release(const SchedulerJobId& id) = 0;
  /// SIGURG to the runner: look at your orders. Lost doorbells are harmless.
  virtual Status ring(const SchedulerJobId& id) = 0;
  virtual Status exclude_node(const SchedulerJobId& id,
                              const std::string& node) = 0; ///< while pending
  /// Replaces what one that has not begun waits for. Any job of the user's, ours or not.
  virtual Status set_dependency(const SchedulerJobId& id, const std::string& dependency) = 0;
  virtual Ping ping() = 0;
  /// Seconds between TERM and KILL (`KillWait`), 30 when it cannot be asked.
  virtual Duration kill_wait() = 0;
  /// Through what the site sends its own mails. Error `scheduler_down` (retryable).
  virtual Result<MailSite> mail_site() = 0;
  virtual std::string version() = 0; ///< "slurm 22.05.8", "local"
  virtual std::string cluster() = 0; ///< ClusterName, or "local"
};

struct SchedulerConfig {
  SchedulerKind kind = SchedulerKind::local;
  Path state_dir; ///< local: where the attempts of this machine are recorded
  std::map<std::string, std::string> env; ///< PATH and SLURM_CONF for the clients
  Duration query_timeout = seconds{30}; ///< slurm: of one command; a dead controller takes 9–20 s
  Duration submit_timeout = seconds{60}; ///< slurm: of sbatch
  Duration local_kill_wait = seconds{5}; ///< local: between TERM and KILL
};

std::unique_ptr<Scheduler> make_scheduler(const SchedulerConfig& config);

/// Slurm where sbatch is on PATH, else this machine.
SchedulerKind detect_scheduler(const std::map<std::string, std::string>& env);

/// How a submission's token stands in the allocation's comment: "<the user's text> ckpt:<token>".
std::string comment_with_token(const std::string& users, const SubmissionToken& token);
/// The token of a comment, if it has one. What is wanted of an allocation is token_of().
std::optional<SubmissionToken> token_in_comment(const std::string& comment);
/// The token of an allocation, if it is one of ours. All tasks of an array share one comment; the
/// token of each has its index behind it, so that none is ever taken for another's surplus.
std::optional<SubmissionToken> token_of(const Allocation& allocation);

/// The user's own `--signal=[R][B:]SIG[@SECONDS]` among sbatch options (Slurm sends one signal, and
/// that is ours): the runner passes it on to the program that long before the end. Slurm's default
/// is 60 s.
struct UserSignal {
  int signal = 0;
  Duration before = seconds{60};
  bool operator==(const UserSignal&) const = default;
};
std::optional<UserSignal> user_signal(const std::vector<std::string>& sbatch_args);

/// For a runner that starts itself anew instead of asking for a requeue (scheduler local), unless
/// it is held (error `held`): from now
/// on the allocation is known under this restart count. Durable when it returns.
Status local_requeued(const Path& state_dir, const SchedulerJobId& id, int restart_count);

} // namespace ckpt::scheduler
