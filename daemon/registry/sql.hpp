#pragma once

#include "core/base/files.hpp"
#include "core/domain/ids.hpp"
#include "core/domain/result.hpp"
#include "core/domain/time.hpp"
#include "core/domain/words.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

#include <optional>
#include <string>
#include <type_traits>

// Between SQLite's values and ours. For daemon/registry/*.cpp only.

namespace ckpt::daemon::sql {

inline void bind(SQLite::Statement& at, int i, const std::string& value) {
  at.bind(i, value);
}
inline void bind(SQLite::Statement& at, int i, std::int64_t value) {
  at.bind(i, value);
}
inline void bind(SQLite::Statement& at, int i, TimePoint value) {
  at.bind(i, static_cast<std::int64_t>(value.time_since_epoch().count()));
}
inline void bind(SQLite::Statement& at, int i, Duration value) {
  at.bind(i, static_cast<std::int64_t>(value.count()));
}
template <class Tag> void bind(SQLite::Statement& at, int i, const NumberId<Tag>& value) {
  at.bind(i, value.value);
}
template <class Tag> void bind(SQLite::Statement& at, int i, const TextId<Tag>& value) {
  at.bind(i, value.value);
}
template <class Number>
requires std::is_integral_v<Number>
void bind(SQLite::Statement& at, int i, Number value) {
  at.bind(i, static_cast<std::int64_t>(value));
}
template <class Enum>
requires std::is_enum_v<Enum>
void bind(SQLite::Statement& at, int i, Enum value) {
  at.bind(i, std::string(word(value)));
}
template <class Value> void bind(SQLite::Statement& at, int i, const std::optional<Value>& value) {
  if (value) {
    bind(at, i, *value);
  } else {
    at.bind(i);
  }
}

/// Binds the values in order and runs the statement to its end; rows changed.
template <class... Values>
int run(SQLite::Database& db, const char* text, const Values&... values) {
  SQLite::Statement statement(db, text);
  int i = 0;
  (bind(statement, ++i, values), ...);
  return statement.exec();
}

/// Reads the columns of a row in order.
class Columns {
public:
  explicit Columns(SQLite::Statement& row) : row_(row) {}
  std::string text() { return row_.getColumn(i_++).getString(); }
  std::int64_t number() { return row_.getColumn(i_++).getInt64(); }
  bool flag() { return number() != 0; }
  TimePoint time() { return TimePoint(Duration(number())); }
  Duration duration() { return Duration(number()); }
  template <class Enum> Enum word_of(Enum fallback) {
    return from_word<Enum>(text()).value_or(fallback);
  }
  bool null() { return row_.getColumn(i_).isNull(); }
  template <class Read> auto maybe(Read read) -> std::optional<decltype(read(*this))> {
    if (null()) {
      ++i_;
      return std::nullopt;
    }
    return read(*this);
  }
  std::optional<std::int64_t> maybe_number() {
    return maybe([](Columns& c) { return c.number(); });
  }
  std::optional<int> maybe_int() {
    return maybe([](Columns& c) { return static_cast<int>(c.number()); });
  }
  std::optional<TimePoint> maybe_time() {
    return maybe([](Columns& c) { return c.time(); });
  }
  template <class Id> std::optional<Id> maybe_id() {
    return maybe([](Columns& c) { return Id{c.number()}; });
  }
  template <class Enum> std::optional<Enum> maybe_word() {
    if (null()) {
      ++i_;
      return std::nullopt;
    }
    return from_word<Enum>(text());
  }

private:
  SQLite::Statement& row_;
  int i_ = 0;
};

/// The file does not hold what was written to it. (SQLITE_CORRUPT, SQLITE_NOTADB)
constexpr bool is_damage(int code) {
  return code == 11 || code == 26;
}

/// Runs `body` and turns SQLite's exceptions into an Error.
template <class Body> auto guarded(Body body) -> Result<decltype(body())> {
  try {
    if constexpr (std::is_void_v<decltype(body())>) {
      body();
      return {};
    } else {
      return body();
    }
  } catch (const SQLite::Exception& e) {
    if (is_damage(e.getErrorCode())) {
      return fail(ErrorClass::failed,
                  "registry_damaged",
                  std::string("the registry is damaged: ") + e.what(),
                  "the daemon makes it again from the store; jobs go on meanwhile",
                  Outcome::retryable);
    }
    return fail(
        ErrorClass::failed,
        "registry_failed",
        std::string("the registry could not be used: ") + e.what(),
        "look at the space and the permissions of the state folder; `ckptd --rebuild` makes "
        "the registry again from the store",
        Outcome::retryable);
  }
}

} // namespace ckpt::daemon::sql
