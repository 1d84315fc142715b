#pragma once

#include "core/base/files.hpp"
#include "core/store/records.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

// The job folder: the only place that knows its layout (PROTOCOL of the store). Files 0600, folders
// 0700, whatever the umask. Single files are safe against another process; objects are not
// thread-safe.

namespace ckpt::store {

class AttemptFolder {
public:
  AttemptFolder(Path job_folder, AttemptId attempt);
  AttemptId id() const { return id_; }
  Path path() const { return path_; }
  Path images() const { return path_ / "images"; }
  Path journal() const { return path_ / "journal.jsonl"; }
  Path runner_log() const { return path_ / "runner.log"; }
  Path coordinator_log() const { return path_ / "coordinator.log"; }
  Path coordinator_json() const { return path_ / "coordinator.json"; }

  /// Whether this attempt's claim stands in the store. False where it certainly does not: what is
  /// reached under the store's name then is not the store (not mounted, or covered).
  Result<bool> is_claimed() const;
  Status
  renew_lease(const Lease& lease) const; ///< atomic replacement; in place if the disk is full
  Result<Lease> read_lease() const;      ///< `no_such_file` before the first renewal

  /// Writes the order under the next free number (exclusively). Daemon.
  Result<Order> give_order(Order order) const;
  /// The order of that number, or nothing if there is none yet. Runner: asks for 1, 2, 3… in turn.
  Result<std::optional<Order>> read_order(std::int64_t number) const;

private:
  Path path_;
  AttemptId id_;
};

/// Where the attempts of a submission start, by somebody's wish: submissions/<token>/start.json.
struct StartWish {
  std::optional<GenerationId> generation; ///< nothing: the newest sealed one on the lineage
  std::int64_t attempt_floor = 0;         ///< attempts up to this one were before the wish
  bool operator==(const StartWish&) const = default;
};

/// What the newest restart asked for on top of spec.json: restart.json.
struct RestartOptions {
  std::vector<std::string> sbatch_args; ///< behind those of the spec
  std::optional<Duration> time_limit;
  /// Folders, parted by colons, of the engines that whoever restarts has: behind the spec's PATH.
  std::string engine_path;
  bool operator==(const RestartOptions&) const = default;
};

struct ClaimRefusal {
  enum class Why { already_claimed, revoked };
  Why why;
  AttemptId by; ///< with already_claimed
};

class JobFolder {
public:
  explicit JobFolder(Path path) : path_(std::move(path)) {}
  Path path() const { return path_; }
  Path store_root() const { return path_.parent_path().parent_path(); }

  Result<JobSpec> read_spec() const;
  std::string creator() const; ///< see Store::set_creator; empty when it does not tell
  Result<Policy> read_policy() const;
  Status write_policy(const Policy& policy) const;
  Path job_journal() const { return path_ / "job.jsonl"; }
  /// The user's own batch script, 0500: shells read it while it runs, so it must never change.
  Path script() const { return path_ / "script"; }

  /// Makes submissions/<token>/ with batch.sh (0700) in it, and returns the script's path.
  Result<Path> prepare_submission(const SubmissionToken& token,
                                  const std::string& batch_script) const;
  Path submission_dir(const SubmissionToken& token) const;
  /// Before the submission is handed to the scheduler.
  Status write_start(const SubmissionToken& token, const StartWish& wish) const;
  /// Nothing when there is no wish.
  Result<std::optional<StartWish>> read_start(const SubmissionToken& token) const;
  Status write_restart_options(const RestartOptions& options) const;
  Result<RestartOptions> read_restart_options() const; ///< none: empty
  /// A revoked token can no longer claim (checked by the claim itself).
  Status revoke(const SubmissionToken& token) const;
  bool is_revoked(const SubmissionToken& token) const;

  /// Takes the lowest free attempt number by link(2) and makes its folder (`wish.attempt` does not
  /// count). A (token, restart count)
  /// claims once: the same caller (host, boot id, pid, start time) asking again gets its claim
  /// back; another one gets `already_claimed` (conflict), a revoked token `token_revoked`
  /// (refused).
  Result<Claim> claim(Claim wish) const;
  /// All claims, oldest first; numbers are without gaps.
  Result<std::vector<Claim>> read_claims() const;
  /// One claim, or nothing if that number is still free.
  Result<std::optional<Claim>> read_claim(AttemptId id) const;
  AttemptFolder attempt(AttemptId id) const { return AttemptFolder(path_, id); }

  /// Links `stdout` and `stderr` in the job folder to where the user's output goes, once; later
  /// calls return what is there.
  Result<Path> fix_output(const std::string& stream, const Path& resolved) const;
  std::optional<Path> output(const std::string& stream) const;

  /// The job's folder for temporary files, the same on every node: `wanted` the first time, then
  /// what stands in the link `tmpdir`.
  Result<Path> fix_tmpdir(const Path& wanted) const;

private:
  Result<Path> fix_link(const std::string& name, const Path& target) const;

  Path path_;
};

/// The folder tree of all jobs.
class Store {
public:
  /// Makes it if needed; the path is made real (links resolved) and stays so for the life of its
  /// jobs.
  static Result<Store> open(const Path& root);
  Path root() const { return root_; }
  /// Makes jobs/<id>/ exclusively (`file_exists`: take the next id), writes spec, policy and the
  /// user's batch script (if there is one), then the folder counts as existing.
  Result<JobFolder> create_job(const JobSpec& spec,
                               const Policy& policy,
                               const std::optional<std::string>& script = {}) const;
  /// Written into each job folder from now on: whoever finds one that was never accepted knows
  /// whether it may be removed.
  void set_creator(std::string creator) { creator_ = std::move(creator); }
  const std::string& creator() const { return creator_; }
  JobFolder job(JobId id) const;
  bool has_job(JobId id) const; ///< spec.json is there
  Result<std::vector<JobId>> list_jobs() const;
  Status remove_job(JobId id) const;
  /// Likewise, of a job that somebody knows: its empty folder stays, so that its id is not given
  /// again.
  Status bury_job(JobId id) const;
  /// <store>/bin/<version>/ckpt-runner: copied there once, and jobs keep the one they started with.
  Result<Path> install_runner(const Path& runner_executable, const std::string& version) const;

private:
  explicit Store(Path root) : root_(std::move(root)) {}
  Path root_;
  std::string creator_;
};

} // namespace ckpt::store
