#include "core/base/files.hpp"
#include "core/base/strings.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <ctime>

namespace ckpt {
namespace {

/// ".manifest.json.0123456789abcdef.tmp", as the atomic writers name them.
bool is_temporary(const std::string& name) {
  constexpr std::string_view kEnd = ".tmp";
  constexpr std::size_t kRandom = 16;
  if (!name.starts_with('.') || !name.ends_with(kEnd) || name.size() < kEnd.size() + kRandom + 3) {
    return false;
  }
  const std::string random = name.substr(name.size() - kEnd.size() - kRandom, kRandom);
  return name[name.size() - kEnd.size() - kRandom - 1] == '.' &&
         random.find_first_not_of("0123456789abcdef") == std::string::npos;
}

} // namespace

int remove_stale_temporaries(const Path& folder, Duration age) {
  int removed = 0;
  std::error_code error;
  const std::time_t newest = std::time(nullptr) - age / seconds{1};
  for (std::filesystem::recursive_directory_iterator entry(folder, error), end;
       !error && entry != end;
       entry.increment(error)) {
    struct stat info {};
    if (is_temporary(entry->path().filename().string()) &&
        ::lstat(entry->path().c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
        info.st_mtime <= newest && ::unlink(entry->path().c_str()) == 0) {
      ++removed;
    }
  }
  return removed;
}

} // namespace ckpt
