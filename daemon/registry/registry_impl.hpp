#pragma once

#include "daemon/registry/registry.hpp"
#include "daemon/registry/sql.hpp"

namespace ckpt::daemon {

struct Registry::Impl {
  explicit Impl(const Path& file)
      : db(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {}
  SQLite::Database db;
};

} // namespace ckpt::daemon
