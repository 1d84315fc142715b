// A shim for LD_PRELOAD: CLOCK_REALTIME as ckptd and ckpt-runner see it is off by what the file $CKPT_CLOCKS/<node> says (nanoseconds,
// 8 bytes, read each time). Every other program, and every other clock, is left alone.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static const volatile long long* offset;

__attribute__((constructor)) static void find(void) {
  char exe[512] = {0};
  struct utsname self;
  const char* folder = getenv("CKPT_CLOCKS");
  if (!folder || uname(&self) != 0 || readlink("/proc/self/exe", exe, sizeof exe - 1) < 0 || !strstr(exe, "/ckpt")) {
    return;
  }
  char path[600];
  snprintf(path, sizeof path, "%s/%s", folder, self.nodename);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    void* map = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
    offset = map == MAP_FAILED ? NULL : map;
    close(fd);
  }
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  static int (*real)(clockid_t, struct timespec*);
  if (!real) {
    real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
  }
  const int result = real(clock, now);
  if (result == 0 && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    const long long sum = now->tv_sec * 1000000000LL + now->tv_nsec + *offset;
    now->tv_sec = sum / 1000000000LL;
    now->tv_nsec = sum % 1000000000LL;
  }
  return result;
}

time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) {
    *out = now.tv_sec;
  }
  return now.tv_sec;
}

int gettimeofday(struct timeval* restrict now, void* restrict zone) {
  (void)zone;
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}
