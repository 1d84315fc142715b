#pragma once

#include "core/domain/result.hpp"
#include "core/domain/time.hpp"

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Files as the store needs them: what was written is on the disk before the name appears. Errors
// carry the path and errno's text; codes: `no_such_file` (not_found), `file_exists` (conflict),
// `disk_full` (refused; ENOSPC, EDQUOT; retryable), `read_only` (refused; EROFS, EACCES, EPERM),
// `io_error` (retryable; EIO, ESTALE and the rest). Modes are exact whatever the umask. Any thread.

namespace ckpt {

using Path = std::filesystem::path;

/// Owns one descriptor.
class Fd {
public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset(other.release());
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset(int fd = -1);

private:
  int fd_ = -1;
};

/// An Error from errno, with the code that the list above gives it.
Error errno_error(int error_number, const std::string& doing, const Path& path);

/// True for what the storage itself says at this moment (no room, no quota, read-only, input/output
/// error): it tells nothing about the content of any file, and may be over soon.
bool is_storage_trouble(const Error& error);

Result<std::string> read_file(const Path& path, std::size_t limit = std::size_t{64} << 20U);
/// The last `most` bytes of a log that may still grow; empty when it cannot be read, or is no
/// regular file.
std::string read_end_of_file(const Path& path, std::size_t most);

/// Temporary file beside it, write, fsync, rename over `path`, fsync of the folder.
Status write_file_atomically(const Path& path, std::string_view content, mode_t mode = 0600);

/// Temporary file, fsync, link(2) to `path`: exactly one of several callers succeeds. After an
/// error the link count and the content are compared, since NFS repeats calls. `file_exists` when
/// another one was first.
Status create_file_exclusively(const Path& path, std::string_view content, mode_t mode = 0600);

/// open(O_APPEND|O_CREAT), write all, fsync, close: what PROTOCOL calls an event.
Status append_durably(const Path& path, std::string_view content, mode_t mode = 0600);

/// Writes over the beginning of a file that exists, blanks up to its old end, fsync: takes no new
/// room where the filesystem writes in place. Not atomic.
Status overwrite_durably(const Path& path, std::string content);

Status make_directories(const Path& path, mode_t mode = 0700);
/// Makes it if needed; one that is there is given mode 0700. `folder_exposed` (refused) when it is
/// another user's, or a link to a folder of another user: who owns a folder can change what lies in
/// it.
Status make_private_directory(const Path& path);
/// mkdir of the last component only; `file_exists` if it is there: the exclusive way to take a
/// number.
Status make_directory_exclusively(const Path& path, mode_t mode = 0700);
Status sync_file(const Path& path);
Status sync_directory(const Path& path);
Status rename_durably(const Path& from, const Path& to); ///< and fsync of the folder
Status remove_file(const Path& path);                    ///< gone already is fine
Status remove_tree(const Path& path);
Status empty_directory(const Path& path); ///< everything below it

/// Below `folder`, removes what the atomic writers above left when they were killed between
/// temporary and final name: only files with such a name that are older than `age` by this
/// machine's clock. Links are not followed. Returns how many; what cannot be looked at stays.
int remove_stale_temporaries(const Path& folder, Duration age); ///< likewise; never follows links

/// Copies content and mode, by reflink where the filesystem can; fsync at the end.
Status copy_file_durably(const Path& from, const Path& to, mode_t mode);
Status truncate_file(const Path& path, std::uint64_t length);

struct SpaceInfo {
  std::uint64_t available_bytes = 0; ///< for this user
  /// Files that can still be made; nothing where the filesystem does not count them.
  std::optional<std::uint64_t> available_files;
  std::uint64_t total_bytes = 0;
  std::string filesystem; ///< "ext4", "nfs", "lustre", "tmpfs", or "0x…"
  bool read_only = false;
};
Result<SpaceInfo> space_of(const Path& path);

/// Asks the filesystem for so much room in `folder` and gives it back at once: sees quotas, which
/// space_of() does not. `disk_full`, or nothing: also where the filesystem cannot tell (no
/// fallocate), and on a tmpfs, where asking would take memory.
Status probe_room(const Path& folder, std::uint64_t bytes);

/// Random bytes from the kernel as hexadecimal digits.
std::string random_hex(std::size_t bytes);

} // namespace ckpt
