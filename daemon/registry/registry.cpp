#include "daemon/registry/registry.hpp"

#include "core/base/kill_point.hpp"
#include "core/domain/machines.hpp"
#include "daemon/registry/migrate.hpp"
#include "daemon/registry/registry_impl.hpp"
#include "daemon/registry/rows.hpp"

#include <utility>

// Invariants: an event and the state that it leads to are in one transaction; every writing
// transaction is IMMEDIATE, so that it never fails half-way for want of a lock; an event of a file
// (job, attempt, number) comes in once.

namespace ckpt::daemon {

using sql::run;

namespace {

class Immediate {
public:
  explicit Immediate(SQLite::Database& db)
      : transaction_(db, SQLite::TransactionBehavior::IMMEDIATE) {}
  void commit() { transaction_.commit(); }

private:
  SQLite::Transaction transaction_;
};

void put_keys(SQLite::Database& db, JobId job, const Change& change, TimePoint at) {
  for (const Change::IdempotencyKey& key : change.keys) {
    run(db,
        "INSERT INTO idempotency_keys (call, job_id, key, request, result, created_at) VALUES "
        "(?,?,?,?,?,?) ON CONFLICT (call, job_id, key) DO UPDATE SET request = excluded.request "
        "WHERE request = ''",
        key.call,
        key.call == "submit" ? std::int64_t{0} : job.value,
        key.key,
        key.request,
        key.result,
        at);
  }
}

void put_refusals(SQLite::Database& db, const Change& change) {
  for (const Change::Refusal& refusal : change.node_refusals) {
    run(db,
        "INSERT INTO nodes (name, last_seen_at, refusals, last_refusal) VALUES (?,?,1,?) ON "
        "CONFLICT (name) DO UPDATE SET refusals = refusals + 1, last_refusal = "
        "excluded.last_refusal",
        refusal.node,
        refusal.at,
        refusal.reason);
  }
}

std::vector<JobModel> read_all(SQLite::Database& db, SQLite::Statement& statement) {
  std::vector<JobModel> models;
  while (statement.executeStep()) {
    models.emplace_back().job = rows::read_job(statement);
  }
  for (JobModel& model : models) {
    rows::load_parts(db, model);
  }
  return models;
}

std::string in_list(const std::vector<JobState>& states) {
  std::string text;
  for (const JobState state : states) { // words of our own table: nothing to escape
    text += (text.empty() ? "'" : ",'") + std::string(word(state)) + "'";
  }
  return text;
}

const std::vector<JobState> kUnfinished{
    JobState::queued, JobState::running, JobState::stopping, JobState::parked};

} // namespace

Registry::Registry(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Registry::~Registry() = default;

int Registry::latest_version() {
  return latest_schema_version();
}

Result<std::unique_ptr<Registry>> Registry::open(const Path& file) {
  std::unique_ptr<Impl> impl;
  const auto opened = sql::guarded([&] { impl = std::make_unique<Impl>(file); });
  if (!opened) {
    return tl::unexpected(opened.error());
  }
  if (const Status ready = prepare_database(impl->db, file); !ready) {
    return tl::unexpected(ready.error());
  }
  impl->glance.begin();
  return std::unique_ptr<Registry>(new Registry(std::move(impl)));
}

std::string Registry::damage(bool look) {
  if (impl_->damage.empty() && look) {
    impl_->damage = impl_->glance.look();
  }
  return impl_->damage;
}

namespace {

void put(SQLite::Database& db, const JobModel& model, const Change& change) {
  rows::put(db, model.job);
  for (const SubmissionRow& row : model.submissions) {
    if (change.submissions.count(row.token.value) != 0) {
      rows::put(db, model.job.id, row);
    }
  }
  for (const AttemptRow& row : model.attempts) {
    if (change.attempts.count(row.n) != 0) {
      rows::put(db, model.job.id, row);
    }
  }
  for (const GenerationId id : change.generations) {
    if (const auto found = model.generations.find(id); found != model.generations.end()) {
      rows::put(db, model.job.id, found->second);
    }
  }
  for (const EventRow& event : change.events) {
    rows::add_event(db, model.job.id, event);
  }
  put_keys(db,
           model.job.id,
           change,
           change.events.empty() ? model.job.created_at : change.events.back().at);
  put_refusals(db, change);
}

} // namespace

Status Registry::commit(const JobModel& model, const Change& change) {
  return commit({{&model, &change}});
}

Status Registry::commit(const std::vector<Part>& parts) {
  return impl_->guarded([&] {
    kill_point("registry.begin");
    Immediate transaction(impl_->db);
    for (const Part& part : parts) {
      put(impl_->db, *part.model, *part.change);
    }
    kill_point("registry.written");
    transaction.commit();
    kill_point("registry.committed");
  });
}

Status Registry::commit_event(const EventRow& event) {
  return impl_->guarded([&] { rows::add_event(impl_->db, std::nullopt, event); });
}

Result<std::vector<JobModel>> Registry::load_unfinished() {
  return impl_->guarded([&] {
    SQLite::Statement statement(impl_->db,
                                std::string(rows::kSelectJob) + "WHERE state IN (" +
                                    in_list(kUnfinished) + ") ORDER BY id");
    return read_all(impl_->db, statement);
  });
}

Result<std::optional<JobModel>> Registry::load(JobId id) {
  return impl_->guarded([&]() -> std::optional<JobModel> {
    SQLite::Statement statement(impl_->db, std::string(rows::kSelectJob) + "WHERE id = ?");
    statement.bind(1, id.value);
    auto models = read_all(impl_->db, statement);
    return models.empty() ? std::nullopt : std::optional(std::move(models.front()));
  });
}

Result<std::vector<JobId>> Registry::all_jobs() {
  return impl_->guarded([&] {
    std::vector<JobId> ids;
    SQLite::Statement statement(impl_->db, "SELECT id FROM jobs ORDER BY id");
    while (statement.executeStep()) {
      ids.push_back(JobId{statement.getColumn(0).getInt64()});
    }
    return ids;
  });
}

Result<std::vector<JobModel>> Registry::query(const JobQuery& query) {
  return impl_->guarded([&] {
    std::string text = std::string(rows::kSelectJob) + "WHERE id > ?";
    if (!query.states.empty()) {
      text += " AND state IN (" + in_list(query.states) + ")";
    }
    for (std::size_t i = 0; i < query.tags.size(); ++i) {
      text += " AND EXISTS (SELECT 1 FROM json_each(jobs.tags) AS t WHERE t.key = ? AND "
              "t.value = ?)";
    }
    text += " ORDER BY id LIMIT ?";
    SQLite::Statement statement(impl_->db, text);
    int i = 0;
    statement.bind(++i, query.after ? query.after->value : std::int64_t{0});
    for (const auto& [key, value] : query.tags) {
      statement.bind(++i, key);
      statement.bind(++i, value);
    }
    statement.bind(++i, query.limit);
    return read_all(impl_->db, statement);
  });
}

Result<std::map<JobState, std::int64_t>> Registry::count_by_state() {
  return impl_->guarded([&] {
    std::map<JobState, std::int64_t> counts;
    for (const JobState state : Words<JobState>::kAll) {
      counts[state] = 0;
    }
    SQLite::Statement statement(impl_->db, "SELECT state, count(*) FROM jobs GROUP BY state");
    while (statement.executeStep()) {
      if (const auto state = from_word<JobState>(statement.getColumn(0).getString())) {
        counts[*state] = statement.getColumn(1).getInt64();
      }
    }
    return counts;
  });
}

Status Registry::remove(JobId id) {
  return impl_->guarded([&] {
    Immediate transaction(impl_->db);
    run(impl_->db, "DELETE FROM jobs WHERE id = ?", id);
    run(impl_->db, "DELETE FROM events WHERE job_id = ?", id);
    transaction.commit();
  });
}

} // namespace ckpt::daemon
