// Invariants: a name appears only after its bytes are on the disk; nothing half-written keeps a
// final name; every failure is returned.
#include "core/base/files.hpp"

#include "core/base/kill_point.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace ckpt {

void Fd::reset(int fd) {
  if (fd_ >= 0) {
    ::close(fd_);
  }
  fd_ = fd;
}

Error errno_error(int error_number, const std::string& doing, const Path& path) {
  Error error;
  error.message = doing + " " + path.string() + ": " + std::strerror(error_number);
  error.outcome = Outcome::permanent;
  switch (error_number) {
  case ENOENT:
  case ENOTDIR:
    error.cls = ErrorClass::not_found;
    error.code = "no_such_file";
    break;
  case EEXIST:
    error.cls = ErrorClass::conflict;
    error.code = "file_exists";
    break;
  case ENOSPC:
  case EDQUOT:
    error.cls = ErrorClass::refused;
    error.code = "disk_full";
    error.outcome = Outcome::retryable;
    error.advice = "free space or quota there, or choose another store (store.path)";
    break;
  case EROFS:
  case EACCES:
  case EPERM:
    error.cls = ErrorClass::refused;
    error.code = "read_only";
    error.advice = "check the permissions of that folder";
    break;
  default:
    error.cls = ErrorClass::failed;
    error.code = "io_error";
    error.outcome = Outcome::retryable;
  }
  return error;
}

bool is_storage_trouble(const Error& error) {
  return error.code == "disk_full" || error.code == "read_only" || error.code == "io_error";
}

namespace {

tl::unexpected<Error> failed(const std::string& doing, const Path& path, int error_number = errno) {
  return tl::unexpected<Error>(errno_error(error_number, doing, path));
}

Fd open_file(const Path& path, int flags, mode_t mode = 0) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return Fd(fd);
}

// close() reports what a network filesystem could not write (EIO, EDQUOT): it is part of the write.
bool close_checked(Fd& fd) {
  return ::close(fd.release()) == 0;
}

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      return false;
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Path temporary_beside(const Path& path) {
  return path.parent_path() / ("." + path.filename().string() + "." + random_hex(8) + ".tmp");
}

Status write_new_file(const Path& path, std::string_view content, mode_t mode) {
  Fd fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL, mode);
  if (!fd) {
    return failed("cannot create", path);
  }
  if (::fchmod(fd.get(), mode) != 0 || !write_all(fd.get(), content) || ::fsync(fd.get()) != 0 ||
      !close_checked(fd)) {
    const int error_number = errno;
    ::unlink(path.c_str());
    return failed("cannot write", path, error_number);
  }
  return {};
}

} // namespace

Result<std::string> read_file(const Path& path, std::size_t limit) {
  const Fd fd = open_file(path, O_RDONLY);
  if (!fd) {
    return failed("cannot open", path);
  }
  std::string content;
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return failed("cannot read", path);
    }
    if (count == 0) {
      return content;
    }
    content.append(buffer.data(), static_cast<std::size_t>(count));
    if (content.size() > limit) {
      return fail(ErrorClass::failed, "file_too_large", path.string() + " is larger than expected");
    }
  }
}

std::string read_end_of_file(const Path& path, std::size_t most) {
  const Fd fd = open_file(path, O_RDONLY | O_NONBLOCK); // a FIFO must not hold us
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return {};
  }
  std::string text(most, '\0');
  const auto start = std::max<off_t>(0, info.st_size - static_cast<off_t>(most));
  const ssize_t count = ::pread(fd.get(), text.data(), text.size(), start);
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return text;
}

Status write_file_atomically(const Path& path, std::string_view content, mode_t mode) {
  const Path temporary = temporary_beside(path);
  if (auto written = write_new_file(temporary, content, mode); !written) {
    return written;
  }
  kill_point("file.temporary");
  if (auto renamed = rename_durably(temporary, path); !renamed) {
    ::unlink(temporary.c_str());
    return renamed;
  }
  return {};
}

Status create_file_exclusively(const Path& path, std::string_view content, mode_t mode) {
  const Path temporary = temporary_beside(path);
  if (auto written = write_new_file(temporary, content, mode); !written) {
    return written;
  }
  kill_point("file.temporary");
  const int linked = ::link(temporary.c_str(), path.c_str());
  int error_number = linked == 0 ? 0 : errno;
  if (error_number != 0) {
    // A repeated NFS call can report EEXIST (or a time-out) for a link that was made: the link
    // count tells.
    struct stat info {};
    if (::stat(temporary.c_str(), &info) == 0 && info.st_nlink == 2) {
      error_number = 0;
    }
  }
  kill_point("file.linked");
  ::unlink(temporary.c_str());
  if (error_number != 0) {
    return failed("cannot create", path, error_number);
  }
  return sync_directory(path.parent_path());
}

Status append_durably(const Path& path, std::string_view content, mode_t mode) {
  const bool is_new = ::access(path.c_str(), F_OK) != 0;
  Fd fd = open_file(path, O_WRONLY | O_APPEND | O_CREAT, mode);
  if (!fd) {
    return failed("cannot open", path);
  }
  if ((is_new && ::fchmod(fd.get(), mode) != 0) || !write_all(fd.get(), content) ||
      ::fsync(fd.get()) != 0 || !close_checked(fd)) {
    return failed("cannot append to", path);
  }
  kill_point("file.appended");
  return is_new ? sync_directory(path.parent_path()) : Status{};
}

Status overwrite_durably(const Path& path, std::string content) {
  Fd fd = open_file(path, O_WRONLY | O_NOFOLLOW);
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) {
    return failed("cannot open", path);
  }
  content.resize(std::max(content.size(), static_cast<std::size_t>(info.st_size)), ' ');
  if (!write_all(fd.get(), content) || ::fsync(fd.get()) != 0 || !close_checked(fd)) {
    return failed("cannot write", path);
  }
  return {};
}

Status make_directory_exclusively(const Path& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 || ::chmod(path.c_str(), mode) != 0) {
    return failed("cannot make the folder", path);
  }
  kill_point("folder.made");
  return sync_directory(path.parent_path());
}

Status make_directories(const Path& path, mode_t mode) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    return S_ISDIR(info.st_mode) ? Status{} : failed("cannot make the folder", path, ENOTDIR);
  }
  if (path.has_parent_path() && path.parent_path() != path) {
    if (auto parent = make_directories(path.parent_path(), mode); !parent) {
      return parent;
    }
  }
  auto made = make_directory_exclusively(path, mode);
  if (!made && made.error().code == "file_exists") {
    return {}; // another one made it at the same time
  }
  return made;
}

Status make_private_directory(const Path& path) {
  if (auto made = make_directories(path); !made) {
    return made;
  }
  const Fd fd = open_file(path, O_RDONLY | O_DIRECTORY);
  struct stat info {};
  const bool looked = fd && ::fstat(fd.get(), &info) == 0;
  if ((looked && info.st_uid != ::geteuid()) || (!fd && errno == EACCES)) {
    return fail(ErrorClass::refused,
                "folder_exposed",
                path.string() + " belongs to another user",
                "choose a folder of your own");
  }
  if (!looked || ((info.st_mode & 07777U) != 0700 && ::fchmod(fd.get(), 0700) != 0)) {
    return failed("cannot make private", path);
  }
  return {};
}

Status sync_file(const Path& path) {
  const Fd fd = open_file(path, O_RDONLY);
  if (!fd || ::fsync(fd.get()) != 0) {
    return failed("cannot sync", path);
  }
  return {};
}

Status sync_directory(const Path& path) {
  const Path folder = path.empty() ? Path(".") : path;
  const Fd fd = open_file(folder, O_RDONLY | O_DIRECTORY);
  // Some network filesystems refuse fsync on folders (EINVAL): they make names durable by
  // themselves.
  if (!fd || (::fsync(fd.get()) != 0 && errno != EINVAL)) {
    return failed("cannot sync the folder", folder);
  }
  return {};
}

Status rename_durably(const Path& from, const Path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return failed("cannot rename to", to);
  }
  kill_point("file.renamed");
  return sync_directory(to.parent_path());
}

Status remove_file(const Path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return failed("cannot remove", path);
  }
  return {};
}

Status remove_tree(const Path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) {
    return failed("cannot remove", path, error.value());
  }
  return {};
}

Status empty_directory(const Path& path) {
  std::error_code error;
  std::filesystem::directory_iterator at(path, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    if (const Status removed = remove_tree(at->path()); !removed) {
      return removed;
    }
  }
  return error ? failed("cannot list", path, error.value()) : Status{};
}

Status truncate_file(const Path& path, std::uint64_t length) {
  kill_point("file.cut");
  const Fd fd = open_file(path, O_WRONLY);
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(length)) != 0 || ::fsync(fd.get()) != 0) {
    return failed("cannot cut", path);
  }
  return {};
}

std::string random_hex(std::size_t bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes * 2);
  while (text.size() < bytes * 2) {
    unsigned char byte = 0;
    if (::getrandom(&byte, 1, 0) != 1) {
      continue; // interrupted before the pool was ready
    }
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

} // namespace ckpt
