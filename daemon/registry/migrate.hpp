#pragma once

#include "core/base/files.hpp"

namespace SQLite {
class Database;
}

namespace ckpt::daemon {

int latest_schema_version();

/// Settings of the connection, the exclusive lock, and the schema brought up to date. Codes as
/// Registry::open.
Status prepare_database(SQLite::Database& db, const Path& file);

} // namespace ckpt::daemon
