#pragma once

#include <filesystem>
#include <string>
#include <string_view>

// One log a process. Lines: time in UTC, level, message. Thread-safe. Only log.cpp knows the
// library behind it.

namespace ckpt::log {

enum class Level { debug, info, warning, error };

/// To a file (appended, 0600; rotated at 10 MB, three kept), or to standard error when `path` is
/// empty.
void set_up(const std::filesystem::path& path, Level level);

void debug(std::string_view message);
void info(std::string_view message);
void warning(std::string_view message);
void error(std::string_view message);

} // namespace ckpt::log
