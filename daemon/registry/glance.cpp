#include "daemon/registry/registry_impl.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string_view>

namespace ckpt::daemon {
namespace {

constexpr std::string_view kMagic("SQLite format 3\0", 16);

} // namespace

FileGlance::FileGlance(Path file) : file_(std::move(file)) {}

FileGlance::~FileGlance() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

void FileGlance::begin() {
  fd_ = ::open(file_.c_str(), O_RDONLY | O_CLOEXEC);
  if (!look().empty()) { // made a moment ago, and still in the write-ahead log
    ::close(fd_);
    fd_ = -1;
  }
}

std::string FileGlance::look() {
  struct stat ours {};
  struct stat there {};
  if (fd_ < 0 || ::fstat(fd_, &ours) != 0) {
    return {};
  }
  const std::string name = file_.string();
  if (::stat(file_.c_str(), &there) != 0) {
    // One that cannot be asked just now is not gone.
    return ours.st_nlink == 0 ? name + " was removed" : std::string();
  }
  if (there.st_ino != ours.st_ino || there.st_dev != ours.st_dev) {
    return name + " was replaced by another file";
  }
  if (ours.st_size < size_) {
    return name + " was cut short, from " + std::to_string(size_) + " to " +
           std::to_string(ours.st_size) + " bytes";
  }
  std::array<char, kMagic.size()> head{};
  const auto got = ::pread(fd_, head.data(), head.size(), 0);
  if (got >= 0 && std::string_view(head.data(), static_cast<std::size_t>(got)) != kMagic) {
    return name + " was overwritten: it is no database any more";
  }
  size_ = ours.st_size;
  return {};
}

} // namespace ckpt::daemon
