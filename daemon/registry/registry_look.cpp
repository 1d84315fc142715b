#include "daemon/registry/registry.hpp"
#include "daemon/registry/registry_impl.hpp"
#include "daemon/registry/rows.hpp"

// The registry's smaller tables and its look-ups.

namespace ckpt::daemon {

using sql::Columns;
using sql::run;

namespace {

std::vector<JobId> read_ids(SQLite::Statement& statement) {
  std::vector<JobId> ids;
  while (statement.executeStep()) {
    ids.push_back(JobId{statement.getColumn(0).getInt64()});
  }
  return ids;
}

std::vector<JobId> ids_of(SQLite::Database& db, const char* text, const std::string& value) {
  SQLite::Statement statement(db, text);
  statement.bind(1, value);
  return read_ids(statement);
}

constexpr const char* kNotFinal = "state NOT IN ('completed', 'failed', 'cancelled')";

} // namespace

Result<std::vector<JobId>> Registry::resolve(const std::string& selector) {
  return impl_->guarded([&]() -> std::vector<JobId> {
    SQLite::Database& db = impl_->db;
    if (selector == "last") {
      SQLite::Statement newest(db, "SELECT max(id) FROM jobs HAVING max(id) IS NOT NULL");
      return read_ids(newest);
    }
    if (const auto id = JobId::parse(selector)) {
      SQLite::Statement by_id(db, "SELECT id FROM jobs WHERE id = ?");
      by_id.bind(1, id->value);
      if (auto found = read_ids(by_id); !found.empty()) {
        return found;
      }
    }
    const std::string unfinished =
        std::string("SELECT id FROM jobs WHERE name = ? AND ") + kNotFinal + " ORDER BY id";
    if (auto found = ids_of(db, unfinished.c_str(), selector); !found.empty()) {
      return found;
    }
    if (auto found =
            ids_of(db, "SELECT id FROM jobs WHERE name = ? ORDER BY id DESC LIMIT 1", selector);
        !found.empty()) {
      return found;
    }
    SQLite::Statement by_scheduler(db,
                                   "SELECT DISTINCT job_id FROM attempts WHERE scheduler_job_id "
                                   "= ?1 UNION SELECT DISTINCT job_id FROM submissions WHERE "
                                   "scheduler_job_id = ?1 ORDER BY 1");
    by_scheduler.bind(1, selector);
    return read_ids(by_scheduler);
  });
}

Result<std::optional<JobId>> Registry::array_with_number(const std::string& number) {
  return impl_->guarded([&]() -> std::optional<JobId> {
    const bool digits =
        !number.empty() && number.find_first_not_of("0123456789") == std::string::npos;
    const auto ids = digits ? ids_of(impl_->db,
                                     "SELECT array_of FROM jobs JOIN submissions ON job_id = id "
                                     "WHERE array_of IS NOT NULL AND scheduler_job_id = ? || '_' "
                                     "|| array_index LIMIT 1",
                                     number)
                            : std::vector<JobId>{};
    return ids.empty() ? std::nullopt : std::optional(ids.front());
  });
}

Result<std::optional<Registry::ArrayTask>> Registry::task_of_array_named(const std::string& name) {
  return impl_->guarded([&]() -> std::optional<ArrayTask> {
    SQLite::Statement statement(impl_->db,
                                "SELECT array_of, name FROM jobs WHERE array_of IS NOT NULL AND "
                                "name = ?1 || '_' || array_index ORDER BY array_of DESC, id LIMIT "
                                "1");
    statement.bind(1, name);
    if (!statement.executeStep()) {
      return std::nullopt;
    }
    return ArrayTask{JobId{statement.getColumn(0).getInt64()}, statement.getColumn(1).getString()};
  });
}

Result<std::vector<std::string>> Registry::newest_names(int most) {
  return impl_->guarded([&] {
    std::vector<std::string> names;
    SQLite::Statement statement(
        impl_->db, "SELECT name FROM jobs GROUP BY name ORDER BY max(id) DESC LIMIT ?");
    statement.bind(1, most);
    while (statement.executeStep()) {
      names.push_back(statement.getColumn(0).getString());
    }
    return names;
  });
}

Result<std::optional<JobId>> Registry::unfinished_named(const std::string& name) {
  return impl_->guarded([&]() -> std::optional<JobId> {
    const std::string text =
        std::string("SELECT id FROM jobs WHERE name = ? AND ") + kNotFinal + " ORDER BY id";
    const auto ids = ids_of(impl_->db, text.c_str(), name);
    return ids.empty() ? std::nullopt : std::optional(ids.front());
  });
}

Result<std::vector<StoredEvent>>
Registry::events_after(std::int64_t after, std::optional<JobId> job, int limit) {
  return impl_->guarded([&] {
    std::vector<StoredEvent> events;
    SQLite::Statement statement(impl_->db,
                                "SELECT seq, at, type, job_id, attempt, generation, message, by, "
                                "source FROM events WHERE seq > ? AND (?2 IS NULL OR job_id = ?2) "
                                "ORDER BY seq LIMIT ?");
    statement.bind(1, after);
    sql::bind(statement, 2, job);
    statement.bind(3, limit);
    while (statement.executeStep()) {
      Columns at(statement);
      StoredEvent event;
      event.seq = at.number();
      event.row.at = at.time();
      event.row.type = at.text();
      event.job = at.maybe_id<JobId>();
      event.row.attempt = at.maybe_id<AttemptId>();
      event.row.generation = at.maybe_id<GenerationId>();
      event.row.message = at.text();
      event.row.by = at.text();
      event.row.source = at.text();
      events.push_back(std::move(event));
    }
    return events;
  });
}

Result<std::int64_t> Registry::last_seq() {
  return impl_->guarded([&]() -> std::int64_t {
    SQLite::Statement statement(impl_->db, "SELECT seq FROM sqlite_sequence WHERE name = 'events'");
    return statement.executeStep() ? statement.getColumn(0).getInt64() : 0;
  });
}

Status Registry::number_events_from(std::int64_t last) {
  return impl_->guarded([&] {
    SQLite::Transaction transaction(impl_->db, SQLite::TransactionBehavior::IMMEDIATE);
    run(impl_->db, "DELETE FROM sqlite_sequence WHERE name = 'events'");
    run(impl_->db, "INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)", last);
    transaction.commit();
  });
}

Status Registry::trim_events(std::int64_t keep) {
  return impl_->guarded([&] {
    run(impl_->db, "DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?", keep);
  });
}

Result<std::optional<IdempotentResult>>
Registry::idempotent(const std::string& call, std::int64_t job, const std::string& key) {
  return impl_->guarded([&]() -> std::optional<IdempotentResult> {
    SQLite::Statement statement(impl_->db,
                                "SELECT request, result FROM idempotency_keys WHERE call = ? AND "
                                "job_id = ? AND key = ?");
    statement.bind(1, call);
    statement.bind(2, job);
    statement.bind(3, key);
    if (!statement.executeStep()) {
      return std::nullopt;
    }
    return IdempotentResult{statement.getColumn(0).getString(), statement.getColumn(1).getString()};
  });
}

Result<std::string> Registry::setting(const std::string& name) {
  return impl_->guarded([&]() -> std::string {
    SQLite::Statement statement(impl_->db, "SELECT value FROM settings WHERE name = ?");
    statement.bind(1, name);
    return statement.executeStep() ? statement.getColumn(0).getString() : std::string();
  });
}

Status Registry::set_setting(const std::string& name, const std::string& value) {
  return impl_->guarded([&] {
    run(impl_->db,
        "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value "
        "= excluded.value",
        name,
        value);
  });
}

Result<std::vector<Registry::NodeRow>> Registry::nodes() {
  return impl_->guarded([&] {
    std::vector<NodeRow> rows;
    SQLite::Statement statement(
        impl_->db,
        "SELECT name, last_seen_at, attempts, refusals, last_refusal FROM nodes ORDER BY name");
    while (statement.executeStep()) {
      Columns at(statement);
      NodeRow row;
      row.name = at.text();
      row.last_seen_at = at.time();
      row.attempts = at.number();
      row.refusals = at.number();
      row.last_refusal = at.text();
      rows.push_back(std::move(row));
    }
    return rows;
  });
}

Result<std::vector<Registry::CheckpointSize>> Registry::checkpoint_sizes() {
  return impl_->guarded([&] {
    std::vector<CheckpointSize> sizes;
    SQLite::Statement statement(impl_->db,
                                "SELECT ifnull(blocked_ms, 0), ifnull(bytes, 0) FROM generations "
                                "WHERE sealed_at IS NOT NULL");
    while (statement.executeStep()) {
      Columns at(statement);
      const Duration blocked = at.duration();
      sizes.push_back({blocked, static_cast<std::uint64_t>(at.number())});
    }
    return sizes;
  });
}

Status Registry::note_node(const std::string& name, TimePoint at) {
  return impl_->guarded([&] {
    run(impl_->db,
        "INSERT INTO nodes (name, last_seen_at, attempts) VALUES (?, ?, 1) ON CONFLICT (name) DO "
        "UPDATE SET attempts = attempts + 1, last_seen_at = max(last_seen_at, "
        "excluded.last_seen_at)",
        name,
        at);
  });
}

Status Registry::put_coordinator(const CoordinatorRow& row) {
  return impl_->guarded([&] {
    run(impl_->db,
        "INSERT OR REPLACE INTO coordinators (job_id, attempt, host, port, pid, version, "
        "started_at) VALUES (?,?,?,?,?,?,?)",
        row.job,
        row.attempt,
        row.host,
        row.port,
        row.pid,
        row.version,
        row.started_at);
  });
}

Result<std::vector<Registry::CoordinatorRow>> Registry::coordinators_of_live_attempts() {
  return impl_->guarded([&] {
    std::vector<CoordinatorRow> list;
    SQLite::Statement statement(
        impl_->db,
        "SELECT c.job_id, c.attempt, c.host, c.port, c.pid, c.version, c.started_at FROM "
        "coordinators c JOIN attempts a ON a.job_id = c.job_id AND a.n = c.attempt WHERE a.state "
        "<> 'ended' ORDER BY c.job_id, c.attempt");
    while (statement.executeStep()) {
      Columns at(statement);
      CoordinatorRow row;
      row.job = JobId{at.number()};
      row.attempt = AttemptId{at.number()};
      row.host = at.text();
      row.port = static_cast<int>(at.number());
      row.pid = at.number();
      row.version = at.text();
      row.started_at = at.maybe_time();
      list.push_back(std::move(row));
    }
    return list;
  });
}

} // namespace ckpt::daemon
