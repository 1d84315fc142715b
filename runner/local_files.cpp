#include "runner/local_files.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <set>

namespace ckpt::runner {

namespace fs = std::filesystem;

TmpdirContent look_at_tmpdir(const std::string& tmpdir, const TmpdirLimits& limits) {
  TmpdirContent content;
  std::error_code error;
  if (tmpdir.empty() || !fs::is_directory(tmpdir, error)) {
    return content;
  }
  content.folders.push_back(tmpdir);
  fs::recursive_directory_iterator entry(tmpdir, error);
  const fs::recursive_directory_iterator end;
  for (; !error && entry != end; entry.increment(error)) {
    struct stat info {};
    const std::string path = entry->path().string();
    if (::lstat(path.c_str(), &info) != 0) {
      continue;
    }
    if (S_ISDIR(info.st_mode)) {
      if (is_engines_own(path)) {
        entry.disable_recursion_pending();
      } else {
        content.folders.push_back(path);
      }
    } else if (S_ISREG(info.st_mode)) {
      ++content.count;
      content.bytes += static_cast<std::uint64_t>(info.st_size);
      content.files.push_back(path);
    } else {
      content.odd = true;
    }
    if (content.count > limits.files || content.bytes > limits.bytes) {
      content.too_much = true;
      content.files.clear();
      break; // it may go on for ever
    }
  }
  content.odd = content.odd || error;
  return content;
}

LocalFilesToSave choose_local_files(const std::vector<ProcessFacts>& processes,
                                    const TmpdirContent& tmpdir,
                                    const Surroundings& around) {
  LocalFilesToSave chosen;
  const bool save = around.local_files == LocalFiles::save;
  const std::vector<std::string> open = local_files_to_save(processes, around);
  std::set<std::string> files(open.begin(), open.end());
  if (save) {
    files.insert(tmpdir.files.begin(), tmpdir.files.end());
  }
  for (const std::string& file : files) {
    struct stat info {};
    if (::stat(file.c_str(), &info) == 0) {
      chosen.bytes += static_cast<std::uint64_t>(info.st_size);
    }
  }
  chosen.files.assign(files.begin(), files.end());
  if (!tmpdir.too_much && !tmpdir.odd && (save || tmpdir.count == 0)) {
    chosen.folders = tmpdir.folders;
  }
  return chosen;
}

Status empty_tmpdir(const Path& tmpdir) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(tmpdir, error)) {
    if (auto removed = remove_tree(entry.path()); !removed) {
      return removed;
    }
  }
  return {};
}

} // namespace ckpt::runner
