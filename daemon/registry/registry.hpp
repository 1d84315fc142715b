#pragma once

#include "core/base/files.hpp"
#include "daemon/model.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ckpt::daemon {

struct StoredEvent {
  std::int64_t seq = 0;
  std::optional<JobId> job;
  EventRow row;
};

struct IdempotentResult {
  std::string request; ///< empty: not known (restored from the store)
  std::string result;
};

struct JobQuery {
  std::vector<JobState> states; ///< empty: all
  std::map<std::string, std::string> tags;
  std::optional<JobId> after;
  int limit = 100; ///< -1: all
};

/// The SQLite database: an index of the store that can be made again from it. Locked exclusively
/// while open. Blocking, loop thread only. Codes: `registry_newer` (conflict; names both versions),
/// `registry_locked` (conflict), `registry_damaged`, `registry_failed` (retryable).
class Registry {
public:
  /// Opens or makes it, and brings an older version up to date (one transaction a version).
  static Result<std::unique_ptr<Registry>> open(const Path& file);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  static int latest_version();

  /// Why the rows cannot be relied on any more: SQLite has met damage, or (with `look`) the file
  /// was removed, replaced, cut short or overwritten behind its back. Empty: nothing is known.
  std::string damage(bool look);

  /// The job row, every row that `change` names, and its events, in one IMMEDIATE transaction.
  /// Events that are there already (same file and number) are not written again.
  Status commit(const JobModel& model, const Change& change);
  /// Likewise of several jobs: all or none.
  struct Part {
    const JobModel* model = nullptr;
    const Change* change = nullptr;
  };
  Status commit(const std::vector<Part>& parts);
  /// An event of the daemon itself.
  Status commit_event(const EventRow& event);

  Result<std::vector<JobModel>> load_unfinished();
  Result<std::optional<JobModel>> load(JobId id);
  Result<std::vector<JobId>> all_jobs();
  Result<std::vector<JobModel>> query(const JobQuery& query); ///< ascending
  Result<std::map<JobState, std::int64_t>> count_by_state();
  Status remove(JobId id);

  /// Jobs that a selector may mean: exact id; else unfinished jobs of that name, or the newest
  /// finished one; else those with this scheduler id.
  Result<std::vector<JobId>> resolve(const std::string& selector);
  /// The array, by the id of its first task's job, that Slurm calls so: "24".
  Result<std::optional<JobId>> array_with_number(const std::string& number);
  struct ArrayTask {
    JobId array;
    std::string name; ///< "sweep_1"
  };
  /// The first task of the newest array of that name ("sweep").
  Result<std::optional<ArrayTask>> task_of_array_named(const std::string& name);
  /// Of jobs, each once, the newest first.
  Result<std::vector<std::string>> newest_names(int most);
  Result<std::optional<JobId>> unfinished_named(const std::string& name);

  Result<std::vector<StoredEvent>>
  events_after(std::int64_t after, std::optional<JobId> job, int limit);
  Result<std::int64_t> last_seq();
  /// The next event gets a higher number than `last`. For a registry without events.
  Status number_events_from(std::int64_t last);
  /// Forgets all but the newest `keep` events.
  Status trim_events(std::int64_t keep);

  Result<std::optional<IdempotentResult>>
  idempotent(const std::string& call, std::int64_t job, const std::string& key);

  Result<std::string> setting(const std::string& name); ///< empty when it is not set
  Status set_setting(const std::string& name, const std::string& value);

  Status note_node(const std::string& name, TimePoint at);
  struct NodeRow {
    std::string name;
    TimePoint last_seen_at{};
    std::int64_t attempts = 0;
    std::int64_t refusals = 0;
    std::string last_refusal;
  };
  Result<std::vector<NodeRow>> nodes();
  struct CheckpointSize {
    Duration blocked{0};
    std::uint64_t bytes = 0; ///< raw
  };
  Result<std::vector<CheckpointSize>> checkpoint_sizes(); ///< of all that were ever sealed

  struct CoordinatorRow {
    JobId job;
    AttemptId attempt;
    std::string host;
    int port = 0;
    std::int64_t pid = 0;
    std::string version;
    std::optional<TimePoint> started_at;
  };
  Status put_coordinator(const CoordinatorRow& row);
  Result<std::vector<CoordinatorRow>> coordinators_of_live_attempts();

private:
  struct Impl;
  explicit Registry(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

} // namespace ckpt::daemon
