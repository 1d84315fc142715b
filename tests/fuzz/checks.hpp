#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

// What the fuzz targets share. A target may not crash, hang or use much memory, and what it checks
// below holds whatever comes in.

namespace fuzz {

inline void require(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
  }
}

/// The first byte chooses among several readers of one target: `text` is what follows it. Letters
/// and digits, so that a corpus can be written by hand.
inline std::size_t choice(std::string_view& text, std::size_t count) {
  if (text.empty()) {
    return 0;
  }
  const auto byte = static_cast<unsigned char>(text.front());
  text.remove_prefix(1);
  return (byte >= 'a' ? byte - 'a' : byte) % count;
}

/// A folder in memory for readers that read a file.
inline const std::filesystem::path& folder() {
  static const std::filesystem::path path = [] {
    std::filesystem::path made =
        std::filesystem::path("/dev/shm") / ("ckpt-fuzz-" + std::to_string(::getpid()));
    std::filesystem::create_directories(made);
    std::atexit([] { std::filesystem::remove_all(folder()); });
    return made;
  }();
  return path;
}

inline std::filesystem::path file_of(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(text.data(), static_cast<std::streamsize>(text.size()));
  return path;
}

inline std::string_view view_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size}; // NOLINT: bytes as they are
}

} // namespace fuzz
