// A program that holds what breaks restarts: each argument is one kind, opened before the first
// line of output, and held while a line with a number is written every tenth of a second.
//
//   hazards SECONDS KIND…
//
//   in-place:FILE  append:FILE  read:FILE  mapped:FILE (shared, writable)  deleted:FILE
//   deleted-mapping:FILE  tcp:ADDRESS:PORT  listen:FILE (writes the port there, accepts one)
//   unix:PATH  unix-pair  sysv  io_uring  eventfd  inotify:FOLDER  timerfd  memfd  pidfd  pty
//   device:FILE  tmpdir:NAME (written below $TMPDIR and closed)  idle-child
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

constexpr std::size_t kMapped = 4096;

[[noreturn]] void give_up(const std::string& what) {
  std::perror(what.c_str());
  std::exit(70);
}

int need(int value, const std::string& what) {
  if (value < 0) {
    give_up(what);
  }
  return value;
}

void map_shared(int fd, const std::string& what) {
  need(::ftruncate(fd, kMapped), what);
  if (::mmap(nullptr, kMapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED) {
    give_up(what);
  }
}

void connect_tcp(const std::string& rest) {
  const std::size_t colon = rest.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(rest.substr(colon + 1))));
  ::inet_pton(AF_INET, rest.substr(0, colon).c_str(), &address.sin_addr);
  const int fd = need(::socket(AF_INET, SOCK_STREAM, 0), "socket");
  need(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), rest);
}

void connect_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int fd = need(::socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  need(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), path);
}

void hold(const std::string& kind, const std::string& rest) {
  if (kind == "in-place" || kind == "deleted") {
    const int fd = need(::open(rest.c_str(), O_RDWR | O_CREAT, 0600), rest);
    need(static_cast<int>(::write(fd, "content\n", 8)), rest);
    if (kind == "deleted") {
      need(::unlink(rest.c_str()), rest);
    }
  } else if (kind == "append") {
    need(::open(rest.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0600), rest);
  } else if (kind == "read" || kind == "device") {
    need(::open(rest.c_str(), kind == "read" ? O_RDONLY : O_RDWR | O_NOCTTY), rest);
  } else if (kind == "mapped" || kind == "deleted-mapping") {
    const int fd = need(::open(rest.c_str(), O_RDWR | O_CREAT, 0600), rest);
    map_shared(fd, rest);
    ::close(fd);
    if (kind == "deleted-mapping") {
      need(::unlink(rest.c_str()), rest);
    }
  } else if (kind == "tcp") {
    connect_tcp(rest);
  } else if (kind == "unix") {
    connect_unix(rest);
  } else if (kind == "unix-pair") {
    int ends[2];
    need(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), kind);
  } else if (kind == "sysv") {
    const int id = need(::shmget(IPC_PRIVATE, kMapped, 0600), kind);
    if (::shmat(id, nullptr, 0) == reinterpret_cast<void*>(-1)) {
      give_up(kind);
    }
    ::shmctl(id, IPC_RMID, nullptr);
  } else if (kind == "io_uring") {
    io_uring_params parameters{};
    need(static_cast<int>(::syscall(SYS_io_uring_setup, 4, &parameters)), kind);
  } else if (kind == "eventfd") {
    need(::eventfd(0, 0), kind);
  } else if (kind == "inotify") {
    need(::inotify_add_watch(need(::inotify_init1(0), kind), rest.c_str(), IN_CREATE), rest);
  } else if (kind == "timerfd") {
    need(::timerfd_create(CLOCK_MONOTONIC, 0), kind);
  } else if (kind == "memfd") {
    map_shared(need(::memfd_create("hazard", 0), kind), kind);
  } else if (kind == "pidfd") {
    need(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)), kind);
  } else if (kind == "pty") {
    const int master = need(::posix_openpt(O_RDWR | O_NOCTTY), kind);
    need(::grantpt(master), kind);
    need(::unlockpt(master), kind);
    need(::open(::ptsname(master), O_RDWR | O_NOCTTY), kind);
  } else if (kind == "tmpdir") {
    const std::string path = std::string(std::getenv("TMPDIR")) + "/" + rest;
    const int fd = need(::open(path.c_str(), O_WRONLY | O_CREAT, 0600), path);
    need(static_cast<int>(::write(fd, "scratch\n", 8)), path);
    ::close(fd);
  } else if (kind == "idle-child") {
    if (::fork() == 0) {
      ::pause();
      std::_Exit(0);
    }
  } else if (kind != "nothing") {
    std::fprintf(stderr, "no such kind: %s\n", kind.c_str());
    std::exit(64);
  }
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: see the top of hazards.cpp\n", stderr);
    return 64;
  }
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    const std::size_t colon = word.find(':');
    hold(word.substr(0, colon), colon == std::string::npos ? "" : word.substr(colon + 1));
  }
  for (long i = 0; i < std::strtol(argv[1], nullptr, 10) * 10; ++i) {
    std::printf("%ld\n", i);
    std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
  return 0;
}
