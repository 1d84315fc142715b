#pragma once

#include "core/base/files.hpp"
#include "core/store/journal.hpp"

#include <cstdint>
#include <string>
#include <vector>

// The frame around the events of a journal. Private to the store.

namespace ckpt::store {

/// "<number> <length> <crc32> <json>\n"; the CRC is that of "<number> <json>".
std::string frame_line(std::int64_t number, const std::string& json);

struct Lines {
  std::vector<std::string> json;   ///< in order, whole and checked
  std::vector<std::uint64_t> ends; ///< where each ends in the file
  ReadPosition position;           ///< behind the last of them
  bool torn = false;               ///< a tail follows that was not written to its end
  bool damaged = false;            ///< a line follows that is whole and wrong
};

/// Pure: the lines of `text`, which begins at `position` of its file.
Lines parse_lines(std::string_view text, ReadPosition position);
/// Reads from `position` to the end. A missing file has no lines.
Result<Lines> read_lines(const Path& file, ReadPosition position);

} // namespace ckpt::store
