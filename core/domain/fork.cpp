#include "core/domain/fork.hpp"

#include "core/domain/hazards.hpp"

#include <set>

namespace ckpt {

std::vector<std::string> files_at_risk(const Manifest& manifest,
                                       const std::string& tmpdir,
                                       const std::vector<std::string>& globs) {
  std::set<std::string> files;
  const auto add = [&](const std::string& path) {
    if (tmpdir.empty() || !is_below(path, tmpdir)) {
      files.insert(path);
    }
  };
  for (const FileLength& length : manifest.lengths) {
    add(length.path);
  }
  for (const SavedFile& saved : manifest.saved) {
    add(saved.original);
  }
  for (const std::string& path : manifest.written.value_or(std::vector<std::string>{})) {
    add(path);
  }
  if (manifest.engine.engine == EngineKind::app) { // its images are put back under these names
    files.insert(globs.begin(), globs.end());
  }
  return {files.begin(), files.end()};
}

bool knows_written_files(const Manifest& manifest) {
  return manifest.written || manifest.engine.engine == EngineKind::app;
}

std::string some_files(const std::vector<std::string>& files) {
  constexpr std::size_t kShown = 3;
  std::string text;
  for (std::size_t i = 0; i < files.size() && i < kShown; ++i) {
    text += (i == 0 ? "" : ", ") + files[i];
  }
  return files.size() > kShown ? text + " and " + std::to_string(files.size() - kShown) + " more"
                               : text;
}

} // namespace ckpt
