#pragma once

#include "daemon/registry/registry.hpp"
#include "daemon/registry/sql.hpp"

#include <sys/types.h>

#include <cstdint>

namespace ckpt::daemon {

/// A glance at the database's file past SQLite, which looks at what it has in memory only. The
/// descriptor stays open for as long as the database: closing any descriptor of a file lets go of
/// the process's locks on it.
class FileGlance {
public:
  explicit FileGlance(Path file);
  ~FileGlance();
  FileGlance(const FileGlance&) = delete;
  FileGlance& operator=(const FileGlance&) = delete;

  void begin(); ///< once the file is there
  /// Removed, replaced, cut short or overwritten at its head: what it is; empty: nothing is seen.
  std::string look();

private:
  Path file_;
  int fd_ = -1;
  std::int64_t size_ = 0;
};

struct Registry::Impl {
  explicit Impl(const Path& file)
      : glance(file), db(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {}

  template <class Body> auto guarded(Body body) {
    auto result = sql::guarded(std::move(body));
    if (!result && result.error().code == "registry_damaged" && damage.empty()) {
      damage = result.error().message;
    }
    return result;
  }

  FileGlance glance; ///< closed after the database
  SQLite::Database db;
  std::string damage; ///< met; the rows cannot be relied on any more
};

} // namespace ckpt::daemon
