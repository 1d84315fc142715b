#include "daemon/checkpoint_progress.hpp"

#include "core/store/generations.hpp"
#include "core/store/packing_names.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

namespace ckpt::daemon {
namespace {

constexpr seconds kSkew{2}; // between this host's clock and the one that dates files
constexpr int kDeepest = 4; // engines make a folder or two
constexpr int kMostFiles = 10'000;

/// Of an older generation that the runner packs meanwhile, in the same folder.
bool belongs_to_packing(const Path& file) {
  const std::string name = file.filename().string();
  return std::any_of(store::kPackingSuffixes.begin(),
                     store::kPackingSuffixes.end(),
                     [&](const char* suffix) { return name.ends_with(suffix); });
}

} // namespace

api::ProgressView progress_of(const CheckpointInWork& work) {
  const std::time_t oldest =
      std::chrono::duration_cast<std::chrono::seconds>((work.since - kSkew).time_since_epoch())
          .count();
  api::ProgressView progress{"writing", 0, work.estimate};
  std::error_code error;
  std::filesystem::recursive_directory_iterator it(
      work.images, std::filesystem::directory_options::skip_permission_denied, error);
  int looked_at = 0;
  for (; !error && it != std::filesystem::recursive_directory_iterator() && looked_at < kMostFiles;
       it.increment(error), ++looked_at) {
    if (it.depth() >= kDeepest) {
      it.disable_recursion_pending();
    }
    struct stat info {};
    // Files appear and get other names while we look.
    if (::lstat(it->path().c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
        info.st_mtime >= oldest && !belongs_to_packing(it->path())) {
      progress.done_bytes += static_cast<std::uint64_t>(info.st_size);
    }
  }
  // Only after the walk: until the manifest is there its images are not packed, which takes them
  // away under our eyes, perhaps before the runner's journal was read.
  if (const auto sealed = store::Generations(work.job).read_manifest(work.generation)) {
    return {"writing", sealed->raw_bytes(), sealed->raw_bytes()};
  }
  if (progress.total_bytes && *progress.total_bytes < progress.done_bytes) {
    progress.total_bytes.reset(); // it has grown since: nobody knows
  }
  return progress;
}

} // namespace ckpt::daemon
