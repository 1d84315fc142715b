#include "core/engine/dmtcp/inside.hpp"

#include "core/engine/dmtcp/carried.hpp"

#include <filesystem>

CKPT_CARRIED(file_ids, CKPT_FILE_IDS_LIBRARY)

namespace ckpt::engine::dmtcp {

Result<Path> place_inside(const Path& folder) {
  constexpr std::string_view kName = "ckpt-file-ids-1.so"; // another number for another content
  std::error_code error;
  std::filesystem::create_directories(folder, error); // the write tells of a failure
  const Path library = folder / kName;
  if (const auto there = read_file(library); there && *there == carried_file_ids()) {
    return library;
  }
  const Status written = write_file_atomically(library, carried_file_ids(), 0700);
  return written ? Result<Path>(library) : tl::unexpected(written.error());
}

} // namespace ckpt::engine::dmtcp
