#include "core/base/log.hpp"

#define SPDLOG_HEADER_ONLY
#define SPDLOG_FMT_EXTERNAL
#undef SPDLOG_COMPILED_LIB
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

namespace ckpt::log {
namespace {

constexpr std::size_t kRotateAtBytes = 10'000'000;
constexpr std::size_t kKeptFiles = 3;

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
  case Level::debug:
    return spdlog::level::debug;
  case Level::info:
    return spdlog::level::info;
  case Level::warning:
    return spdlog::level::warn;
  case Level::error:
    break;
  }
  return spdlog::level::err;
}

// A message is text, never a format string.
void write(spdlog::level::level_enum level, std::string_view message) {
  spdlog::default_logger_raw()->log(level, spdlog::string_view_t(message.data(), message.size()));
}

} // namespace

void set_up(const std::filesystem::path& path, Level level) {
  std::shared_ptr<spdlog::logger> logger;
  try {
    if (!path.empty()) {
      spdlog::file_event_handlers handlers;
      handlers.after_open = [](const spdlog::filename_t& name, std::FILE*) {
        ::chmod(name.c_str(), 0600);
      };
      auto sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
          path.string(), kRotateAtBytes, kKeptFiles, false, handlers);
      logger = std::make_shared<spdlog::logger>("", std::move(sink));
    }
  } catch (const spdlog::spdlog_ex&) {
    // A log that cannot be opened must not stop the daemon: standard error is what is left.
  }
  if (!logger) {
    logger =
        std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  }
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      "%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
  logger->set_level(to_spdlog(level));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void debug(std::string_view message) {
  write(spdlog::level::debug, message);
}
void info(std::string_view message) {
  write(spdlog::level::info, message);
}
void warning(std::string_view message) {
  write(spdlog::level::warn, message);
}
void error(std::string_view message) {
  write(spdlog::level::err, message);
}

} // namespace ckpt::log
