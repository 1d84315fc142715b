#include "core/base/files.hpp"
#include "core/base/kill_point.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace ckpt {
namespace {

constexpr std::size_t kCopyBuffer = std::size_t{1} << 20U;

bool copy_by_reading(int from, int to) {
  std::vector<char> buffer(kCopyBuffer);
  while (true) {
    const ssize_t count = ::read(from, buffer.data(), buffer.size());
    if (count == 0) {
      return true;
    }
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      return false;
    }
    for (ssize_t done = 0; done < count;) {
      const ssize_t written =
          ::write(to, buffer.data() + done, static_cast<std::size_t>(count - done));
      if (written < 0 && errno != EINTR) {
        return false;
      }
      done += written > 0 ? written : 0;
    }
  }
}

} // namespace

Status copy_file_durably(const Path& from, const Path& to, mode_t mode) {
  const Fd source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source) {
    return tl::unexpected<Error>(errno_error(errno, "cannot open", from));
  }
  Fd target(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!target) {
    return tl::unexpected<Error>(errno_error(errno, "cannot create", to));
  }
  const bool copied = ::ioctl(target.get(), FICLONE, source.get()) == 0 ||
                      copy_by_reading(source.get(), target.get());
  if (!copied || ::fchmod(target.get(), mode) != 0 || ::fsync(target.get()) != 0 ||
      ::close(target.release()) != 0) {
    const int error_number = errno;
    ::unlink(to.c_str());
    return tl::unexpected<Error>(errno_error(error_number, "cannot copy to", to));
  }
  kill_point("file.copied");
  return sync_directory(to.parent_path());
}

Status probe_room(const Path& folder, std::uint64_t bytes) {
  if (const auto space = space_of(folder); !space || space->filesystem == "tmpfs") {
    return {};
  }
  const Path probe = folder / (".probe." + random_hex(8) + ".tmp");
  const Fd fd(::open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) {
    return errno == ENOSPC || errno == EDQUOT
               ? tl::unexpected<Error>(errno_error(errno, "cannot create", probe))
               : Status{};
  }
  ::unlink(probe.c_str());
  const int asked = ::fallocate(fd.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes));
  return asked != 0 && (errno == ENOSPC || errno == EDQUOT)
             ? tl::unexpected<Error>(errno_error(errno, "no room in", folder))
             : Status{};
}

Result<SpaceInfo> space_of(const Path& path) {
  struct statfs info {};
  if (::statfs(path.c_str(), &info) != 0) {
    return tl::unexpected<Error>(errno_error(errno, "cannot look at the filesystem of", path));
  }
  SpaceInfo space;
  const auto block = static_cast<std::uint64_t>(info.f_bsize);
  space.available_bytes = block * info.f_bavail;
  if (info.f_files != 0) {
    space.available_files = info.f_ffree;
  }
  space.total_bytes = block * info.f_blocks;
  space.read_only = (static_cast<unsigned long>(info.f_flags) & 1UL) != 0; // ST_RDONLY
  // Magic numbers of linux/magic.h, and Lustre's and GPFS's of their own headers.
  switch (static_cast<unsigned long>(info.f_type) & 0xffffffffUL) {
  case 0xEF53:
    space.filesystem = "ext4";
    break;
  case 0x58465342:
    space.filesystem = "xfs";
    break;
  case 0x9123683E:
    space.filesystem = "btrfs";
    break;
  case 0x01021994:
    space.filesystem = "tmpfs";
    break;
  case 0x6969:
    space.filesystem = "nfs";
    break;
  case 0x0BD00BD0:
    space.filesystem = "lustre";
    break;
  case 0x47504653:
    space.filesystem = "gpfs";
    break;
  case 0x794C7630:
    space.filesystem = "overlay";
    break;
  case 0x00C36400:
    space.filesystem = "ceph";
    break;
  case 0xFF534D42:
    space.filesystem = "cifs";
    break;
  case 0xFE534D42:
    space.filesystem = "smb2";
    break;
  case 0x01021997:
    space.filesystem = "9p";
    break;
  case 0x19830326:
    space.filesystem = "beegfs";
    break;
  case 0x5346414F:
    space.filesystem = "afs";
    break;
  case 0x6B414653:
    space.filesystem = "afs";
    break;
  case 0xAAD7AAEA:
    space.filesystem = "panfs";
    break;
  case 0x20030528:
    space.filesystem = "pvfs2";
    break;
  case 0x01161970:
    space.filesystem = "gfs2";
    break;
  case 0x7461636F:
    space.filesystem = "ocfs2";
    break;
  case 0x65735546:
    space.filesystem = "fuse";
    break;
  default: {
    constexpr std::string_view kDigits = "0123456789abcdef";
    auto magic = static_cast<unsigned long>(info.f_type) & 0xffffffffUL;
    std::string digits;
    do {
      digits.insert(digits.begin(), kDigits[magic & 15U]);
      magic >>= 4U;
    } while (magic != 0);
    space.filesystem = "0x" + digits;
  }
  }
  return space;
}

} // namespace ckpt
