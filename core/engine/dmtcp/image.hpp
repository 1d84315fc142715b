#pragma once

#include "core/base/files.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What DMTCP writes: a folder a checkpoint (`ckpt_<computation>_<generation>/`), in it one
// `….dmtcp` for each process, under `….dmtcp.temp` while it is written, beside it a folder
// `…_files/` with copies of some of the files it had open.

namespace ckpt::engine::dmtcp {

/// Which set an image belongs to (first 4096 bytes; 4.x and 5.0).
struct ImageHeader {
  std::uint64_t host_id = 0; ///< with time and computation_pid: the computation
  std::uint64_t time = 0;
  std::int32_t computation_pid = 0;
  std::uint32_t generation = 0;
  std::uint32_t peers = 0; ///< how many images make the set
  bool same_set(const ImageHeader& other) const {
    return host_id == other.host_id && time == other.time &&
           computation_pid == other.computation_pid && generation == other.generation &&
           peers == other.peers;
  }
};

inline constexpr std::size_t kHeaderBytes = 4096;

/// Nothing if the bytes are no (uncompressed) image of DMTCP.
std::optional<ImageHeader> parse_header(std::string_view bytes);
std::optional<ImageHeader> read_header(const Path& image);

/// One look at a checkpoint's folder.
struct FolderLook {
  std::vector<Path> images;     ///< final names, sorted
  std::vector<Path> unfinished; ///< `.temp`
  std::uint64_t bytes = 0;      ///< of both
};
FolderLook look_at(const Path& folder);

/// The sub-folders of `images_dir` that hold a checkpoint each.
std::vector<Path> checkpoint_folders(const Path& images_dir);

enum class SetState { incomplete, complete, inconsistent };

/// Whether the images with final names are one whole set: the same computation and generation, as
/// many as their headers say, nothing unfinished.
SetState state_of(const FolderLook& look, const std::vector<std::optional<ImageHeader>>& headers);
SetState state_of(const FolderLook& look);

/// Every file below the folder, images and copies of open files, sorted.
std::vector<Path> files_of_set(const Path& folder);

} // namespace ckpt::engine::dmtcp
