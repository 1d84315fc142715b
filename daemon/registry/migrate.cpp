#include "daemon/registry/migrate.hpp"

#include "core/base/kill_point.hpp"
#include "daemon/model.hpp"
#include "daemon/registry/schema.hpp"
#include "daemon/registry/sql.hpp"

#include <sqlite3.h>

// Invariants: a database of a newer version is left untouched; a migration and its version number
// are one transaction (user_version rolls back with it), so that a crash leaves the older version.

namespace ckpt::daemon {
namespace {

using sql::run;

int user_version(SQLite::Database& db) {
  return db.execAndGet("PRAGMA user_version").getInt();
}

void set_version(SQLite::Database& db, int version) {
  run(db,
      "INSERT INTO schema_version (id, version, written_by) VALUES (1, ?, ?) ON CONFLICT (id) DO "
      "UPDATE SET version = excluded.version, written_by = excluded.written_by",
      version,
      std::string(CKPT_VERSION));
  db.exec("PRAGMA user_version = " + std::to_string(version));
}

bool is_new(SQLite::Database& db) {
  return db.execAndGet("SELECT count(*) FROM sqlite_master").getInt() == 0;
}

void bring_up_to_date(SQLite::Database& db) {
  if (is_new(db)) {
    SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
    db.exec(std::string(schema::latest()));
    set_version(db, latest_schema_version());
    kill_point("registry.create");
    transaction.commit();
    return;
  }
  for (int version = user_version(db); version < latest_schema_version(); ++version) {
    SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
    db.exec(std::string(schema::migrations().at(static_cast<std::size_t>(version))));
    set_version(db, version + 1);
    kill_point("registry.migrate");
    transaction.commit();
  }
}

Status damaged(const Path& file, const std::string& what) {
  return fail(ErrorClass::failed,
              "registry_damaged",
              file.string() + " is damaged: " + what,
              "`ckptd --rebuild` puts it aside and makes it again from the store");
}

/// What SQLite finds wrong with the file, or nothing. Indexes are compared with their tables where
/// that takes no time that a person would notice.
std::optional<std::string> wrong_with(SQLite::Database& db, const Path& file) {
  constexpr std::uintmax_t kSmall = 64U << 20U;
  std::error_code error;
  const bool small = std::filesystem::file_size(file, error) <= kSmall && !error;
  const std::string found =
      db.execAndGet(small ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)").getString();
  return found == "ok" ? std::nullopt : std::optional(found);
}

template <class Enum> std::string words_of() {
  std::string list;
  for (const Enum value : Words<Enum>::kAll) {
    list += (list.empty() ? "'" : ",'") + std::string(word(value)) + "'";
  }
  return list;
}

/// A state that is no word of ours would be taken for another one.
std::optional<std::string> wrong_word(SQLite::Database& db) {
  const std::pair<const char*, std::string> columns[] = {
      {"jobs", words_of<JobState>()},
      {"attempts", words_of<AttemptState>()},
      {"submissions", words_of<SubmissionState>()},
      {"generations", words_of<GenerationState>()},
  };
  for (const auto& [table, words] : columns) {
    const std::string from = std::string(" FROM ") + table + " WHERE state NOT IN (" + words + ")";
    if (db.execAndGet("SELECT count(*)" + from).getInt64() != 0) {
      return std::string(table) + " holds a state that there is not";
    }
  }
  return std::nullopt;
}

Status explain(const SQLite::Exception& error, const Path& file) {
  const int code = error.getErrorCode();
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
    return fail(ErrorClass::conflict,
                "registry_locked",
                file.string() + " is in use by another process",
                "only one daemon may use it; `ckpt daemon status` names the one that runs");
  }
  // Tables that are missing, or rows that the schema forbids, are damage too.
  if (sql::is_damage(code) || code == SQLITE_ERROR || code == SQLITE_CONSTRAINT ||
      code == SQLITE_MISMATCH) {
    return damaged(file, error.what());
  }
  return fail(ErrorClass::failed,
              "registry_failed",
              file.string() + " could not be opened: " + error.what(),
              "look at the space and the permissions of the state folder");
}

} // namespace

int latest_schema_version() {
  return static_cast<int>(schema::migrations().size());
}

Status prepare_database(SQLite::Database& db, const Path& file) {
  try {
    db.setBusyTimeout(1000);
    // One daemon owns the file, perhaps on a network filesystem, where WAL's shared memory is not
    // to be had: with the exclusive mode WAL keeps its index in this process.
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    db.exec("PRAGMA foreign_keys = ON");
    if (const auto wrong = wrong_with(db, file)) {
      return damaged(file, *wrong);
    }
    const int version = user_version(db);
    if (version > latest_schema_version()) {
      return fail(ErrorClass::conflict,
                  "registry_newer",
                  file.string() + " has version " + std::to_string(version) +
                      ", and this ckptd " CKPT_VERSION " knows versions up to " +
                      std::to_string(latest_schema_version()),
                  "start the newer ckptd that wrote it, or let `ckptd --rebuild` put it aside and "
                  "make it again from the store");
    }
    db.exec("PRAGMA journal_mode = WAL");
    db.exec("PRAGMA synchronous = FULL");
    db.exec("BEGIN IMMEDIATE; COMMIT"); // takes the exclusive lock now, not at the first event
    bring_up_to_date(db);
    const auto wrong = wrong_word(db);
    return wrong ? damaged(file, *wrong) : Status{};
  } catch (const SQLite::Exception& e) {
    return explain(e, file);
  }
}

} // namespace ckpt::daemon
