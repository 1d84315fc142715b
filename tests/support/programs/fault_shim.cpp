// fault_shim.so, under LD_PRELOAD of ckptd and ckpt-runner: makes one of their write calls below a
// folder fail as a storage would, once or for some time.
//
// CKPT_FAULT_CONTROL names a file of one page that holds a Control and is shared by all processes,
// so that a test can switch faults while they run; CKPT_FAULT_PREFIX the folder. A call is known by
// its name: "ckpt-runner rename store/jobs/j-N/attempts/N/lease" (program, call, path below the
// prefix with numbers and random parts replaced). With Control::log, names go to "<control>.log".
// Programs with other names are left alone. What stdio writes inside of libc is not seen.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

struct Control { // as tests/support/faultwalk.py packs it
  std::uint32_t armed;
  std::int32_t error_number;
  std::uint32_t nth;                      // of the calls with that name, from 1
  std::uint32_t milliseconds;             // for which all calls fail from then on; 0: only that one
  std::atomic<std::uint32_t> seen;        // calls with that name
  std::atomic<std::uint32_t> failed;      // calls that were failed
  std::atomic<std::uint64_t> fired_at_ms; // CLOCK_MONOTONIC; 0: not yet
  std::uint32_t log;
  char name[512];
};

Control* control = nullptr;
const char* prefix = nullptr;
int log_fd = -1;

template <class Function> Function real(Function, const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

std::uint64_t now_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1000 +
         static_cast<std::uint64_t>(time.tv_nsec) / 1'000'000;
}

__attribute__((constructor)) void set_up() {
  const char* file = std::getenv("CKPT_FAULT_CONTROL");
  prefix = std::getenv("CKPT_FAULT_PREFIX");
  const bool ours = std::strcmp(program_invocation_short_name, "ckptd") == 0 ||
                    std::strcmp(program_invocation_short_name, "ckpt-runner") == 0;
  if (file == nullptr || prefix == nullptr || !ours) {
    return;
  }
  const int fd = static_cast<int>(::syscall(SYS_open, file, O_RDWR | O_CLOEXEC));
  if (fd < 0) {
    return;
  }
  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::syscall(SYS_close, fd);
  if (page == MAP_FAILED) {
    return;
  }
  control = static_cast<Control*>(page);
  if (control->log != 0) {
    std::array<char, PATH_MAX> path{};
    std::snprintf(path.data(), path.size(), "%s.log", file);
    log_fd = static_cast<int>(
        ::syscall(SYS_open, path.data(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  }
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/// Numbers become N, sixteen and more hexadecimal digits H.
void append_normal(char* to, std::size_t room, const char* path) {
  std::size_t used = std::strlen(to);
  while (*path != '\0' && used + 2 < room) {
    std::size_t hex = 0;
    while (is_hex(path[hex])) {
      ++hex;
    }
    constexpr std::size_t kRandom = 16;
    if (hex >= kRandom) {
      to[used++] = 'H';
      path += hex;
    } else if (std::isdigit(static_cast<unsigned char>(*path)) != 0) {
      to[used++] = 'N';
      while (std::isdigit(static_cast<unsigned char>(*path)) != 0) {
        ++path;
      }
    } else {
      to[used++] = *path++;
    }
  }
  to[used] = '\0';
}

/// True: the call is to fail, and errno is set.
bool fails(const char* call, const char* path) {
  if (control == nullptr || path == nullptr) {
    return false;
  }
  const std::size_t length = std::strlen(prefix);
  if (std::strncmp(path, prefix, length) != 0 || path[length] != '/') {
    return false;
  }
  const int before = errno;
  std::array<char, 512> name{};
  std::snprintf(name.data(), name.size(), "%s %s ", program_invocation_short_name, call);
  append_normal(name.data(), name.size(), path + length + 1);
  if (log_fd >= 0) {
    std::array<char, 520> line{};
    const int size = std::snprintf(line.data(), line.size(), "%s\n", name.data());
    ::syscall(SYS_write, log_fd, line.data(), static_cast<std::size_t>(size));
  }
  bool fail = false;
  if (control->armed != 0) {
    const std::uint64_t fired = control->fired_at_ms;
    if (fired != 0) {
      fail = now_ms() < fired + control->milliseconds;
    } else if (std::strcmp(name.data(), control->name) == 0 && ++control->seen == control->nth) {
      control->fired_at_ms = now_ms();
      fail = true;
    }
  }
  if (fail) {
    ++control->failed;
  }
  errno = fail ? control->error_number : before;
  return fail;
}

bool fails_in(const char* call, int folder, const char* path) {
  if (control == nullptr || path == nullptr || path[0] == '/') {
    return fails(call, path);
  }
  std::array<char, 64> link{};
  std::array<char, PATH_MAX> full{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", folder);
  const ssize_t size =
      ::readlink(folder == AT_FDCWD ? "/proc/self/cwd" : link.data(), full.data(), full.size() - 1);
  if (size <= 0) {
    return false;
  }
  std::snprintf(full.data() + size, full.size() - static_cast<std::size_t>(size), "/%s", path);
  return fails(call, full.data());
}

bool fails_at(const char* call, int fd) {
  if (control == nullptr) {
    return false;
  }
  const int before = errno;
  std::array<char, 64> link{};
  std::array<char, PATH_MAX> path{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", fd);
  const ssize_t size = ::readlink(link.data(), path.data(), path.size() - 1);
  errno = before;
  return size > 0 && fails(call, path.data());
}

int opened(const char* name, const char* path, int flags, va_list more) {
  const mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  if ((flags & O_CREAT) != 0 && fails_in("create", AT_FDCWD, path)) {
    return -1;
  }
  return real(&::open, name)(path, flags, mode);
}

int opened_at(const char* name, int folder, const char* path, int flags, va_list more) {
  const mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  if ((flags & O_CREAT) != 0 && fails_in("create", folder, path)) {
    return -1;
  }
  return real(&::openat, name)(folder, path, flags, mode);
}

} // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const int fd = opened("open", path, flags, more);
  va_end(more);
  return fd;
}
int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const int fd = opened("open64", path, flags, more);
  va_end(more);
  return fd;
}
int openat(int folder, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const int fd = opened_at("openat", folder, path, flags, more);
  va_end(more);
  return fd;
}
int openat64(int folder, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const int fd = opened_at("openat64", folder, path, flags, more);
  va_end(more);
  return fd;
}
FILE* fopen(const char* path, const char* mode) {
  return mode[0] != 'r' && fails_in("create", AT_FDCWD, path) ? nullptr
                                                              : real(&::fopen, "fopen")(path, mode);
}
FILE* fopen64(const char* path, const char* mode) {
  return mode[0] != 'r' && fails_in("create", AT_FDCWD, path)
             ? nullptr
             : real(&::fopen64, "fopen64")(path, mode);
}
size_t fwrite(const void* bytes, size_t size, size_t count, FILE* file) {
  return fails_at("write", ::fileno(file)) ? 0
                                           : real(&::fwrite, "fwrite")(bytes, size, count, file);
}
ssize_t write(int fd, const void* bytes, size_t size) {
  return fails_at("write", fd) ? -1 : real(&::write, "write")(fd, bytes, size);
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  return fails_at("write", fd) ? -1 : real(&::pwrite, "pwrite")(fd, bytes, size, at);
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
  return fails_at("write", fd) ? -1 : real(&::pwrite64, "pwrite64")(fd, bytes, size, at);
}
ssize_t
copy_file_range(int from, off64_t* from_at, int to, off64_t* to_at, size_t size, unsigned flags) {
  return fails_at("copy", to)
             ? -1
             : real(&::copy_file_range, "copy_file_range")(from, from_at, to, to_at, size, flags);
}
ssize_t sendfile(int to, int from, off_t* at, size_t size) noexcept {
  return fails_at("copy", to) ? -1 : real(&::sendfile, "sendfile")(to, from, at, size);
}
int fsync(int fd) {
  return fails_at("fsync", fd) ? -1 : real(&::fsync, "fsync")(fd);
}
int fdatasync(int fd) {
  return fails_at("fsync", fd) ? -1 : real(&::fdatasync, "fdatasync")(fd);
}
int ftruncate(int fd, off_t length) noexcept {
  return fails_at("ftruncate", fd) ? -1 : real(&::ftruncate, "ftruncate")(fd, length);
}
int ftruncate64(int fd, off64_t length) noexcept {
  return fails_at("ftruncate", fd) ? -1 : real(&::ftruncate64, "ftruncate64")(fd, length);
}
int fallocate(int fd, int mode, off_t at, off_t length) {
  return fails_at("fallocate", fd) ? -1 : real(&::fallocate, "fallocate")(fd, mode, at, length);
}
int fchmod(int fd, mode_t mode) noexcept {
  return fails_at("chmod", fd) ? -1 : real(&::fchmod, "fchmod")(fd, mode);
}
int chmod(const char* path, mode_t mode) noexcept {
  return fails_in("chmod", AT_FDCWD, path) ? -1 : real(&::chmod, "chmod")(path, mode);
}
int rename(const char* from, const char* to) noexcept {
  return fails_in("rename", AT_FDCWD, to) ? -1 : real(&::rename, "rename")(from, to);
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  return fails_in("rename", to_folder, to)
             ? -1
             : real(&::renameat, "renameat")(from_folder, from, to_folder, to);
}
int link(const char* from, const char* to) noexcept {
  return fails_in("link", AT_FDCWD, to) ? -1 : real(&::link, "link")(from, to);
}
int symlink(const char* target, const char* path) noexcept {
  return fails_in("symlink", AT_FDCWD, path) ? -1 : real(&::symlink, "symlink")(target, path);
}
int mkdir(const char* path, mode_t mode) noexcept {
  return fails_in("mkdir", AT_FDCWD, path) ? -1 : real(&::mkdir, "mkdir")(path, mode);
}
int unlink(const char* path) noexcept {
  return fails_in("unlink", AT_FDCWD, path) ? -1 : real(&::unlink, "unlink")(path);
}
int unlinkat(int folder, const char* path, int flags) noexcept {
  return fails_in("unlink", folder, path) ? -1 : real(&::unlinkat, "unlinkat")(folder, path, flags);
}
int remove(const char* path) noexcept {
  return fails_in("unlink", AT_FDCWD, path) ? -1 : real(&::remove, "remove")(path);
}
// What a network filesystem could not write it says here. The descriptor is gone all the same.
int close(int fd) {
  const int flags = control != nullptr ? ::fcntl(fd, F_GETFL) : -1;
  const bool written = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
  const bool fail = written && fails_at("close", fd);
  const int error_number = errno;
  const int closed = real(&::close, "close")(fd);
  if (fail) {
    errno = error_number;
    return -1;
  }
  return closed;
}

} // extern "C"
