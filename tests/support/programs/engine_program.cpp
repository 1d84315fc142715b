// Programs for the engines' contract tests, one a verb. They know nothing of checkpoints, except
// `saver`, which is one that saves itself.
//
//   writer N MICROSECONDS STATUS       lines 0…N-1 on stdout; ends with STATUS, or by signal
//   -STATUS writers N MICROSECONDS PREFIX      the same three times over: a root (stdout) and two
//   children
//                                      (PREFIX.1, PREFIX.2); ends with 0
//   threads COUNT N                    COUNT threads that compute; the sums on stdout at the end
//   memory MEGABYTES N MICROSECONDS    touches so much memory, then like writer
//   deaf N MICROSECONDS             writer, with a thread that lets no signal through but KILL and
//   STOP saver N MICROSECONDS STATE         like writer; at SIGUSR1 it writes where it is to STATE
//   (a new
//                                      file renamed over it), and at its start goes on from there
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

void put_line(int fd, long number) {
  const std::string line = std::to_string(number) + "\n";
  if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    std::_Exit(70);
  }
}

int end_with(int status) {
  if (status < 0) {
    std::signal(-status, SIG_DFL);
    ::raise(-status);
  }
  return status;
}

void write_lines(int fd, long count, long pause_us) {
  for (long i = 0; i < count; ++i) {
    put_line(fd, i);
    std::this_thread::sleep_for(std::chrono::microseconds{pause_us});
  }
}

int writers(long count, long pause_us, const std::string& prefix) {
  for (int child = 1; child <= 2; ++child) {
    if (::fork() == 0) {
      const std::string path = prefix + "." + std::to_string(child);
      const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      write_lines(fd, count, pause_us);
      return 0;
    }
  }
  write_lines(1, count, pause_us);
  int all = 0;
  for (int status = 0; ::wait(&status) > 0;) {
    all |= status;
  }
  return all == 0 ? 0 : 71;
}

int threads(int count, std::uint64_t rounds) {
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(count));
  std::vector<std::thread> all;
  for (int i = 0; i < count; ++i) {
    all.emplace_back([&sums, i, rounds] {
      std::uint64_t x = static_cast<std::uint64_t>(i) + 1;
      for (std::uint64_t n = 0; n < rounds; ++n) {
        x = x * 6364136223846793005U + 1442695040888963407U;
      }
      sums[static_cast<std::size_t>(i)] = x;
    });
  }
  for (auto& thread : all) {
    thread.join();
  }
  for (const auto sum : sums) {
    std::printf("%llx\n", static_cast<unsigned long long>(sum));
  }
  return 0;
}

int memory(long megabytes, long count, long pause_us) {
  std::vector<std::uint64_t> block(static_cast<std::size_t>(megabytes) << 17U);
  std::uint64_t x = 88172645463325252U;
  for (auto& word : block) {
    x ^= x << 13U;
    x ^= x >> 7U;
    word = x ^= x << 17U;
  }
  write_lines(1, count, pause_us);
  std::uint64_t sum = 0;
  for (const auto word : block) {
    sum += word;
  }
  std::printf("%llx\n", static_cast<unsigned long long>(sum));
  return 0;
}

// Past all wrappers, of syscall(2) too.
[[noreturn]] void let_no_signal_through() {
  const unsigned long all = ~0UL;
#ifdef __x86_64__
  long result = SYS_rt_sigprocmask;
  register unsigned long size asm("r10") = sizeof(all);
  asm volatile("syscall"
               : "+a"(result)
               : "D"(SIG_SETMASK), "S"(&all), "d"(0L), "r"(size)
               : "rcx", "r11", "memory");
#else
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, sizeof(all));
#endif
  while (true) {
    ::usleep(10'000);
  }
}

std::atomic<bool> save_wanted{false};

int saver(long count, long pause_us, const std::string& state) {
  std::signal(SIGUSR1, [](int) { save_wanted = true; });
  long at = 0;
  if (FILE* file = std::fopen(state.c_str(), "r")) {
    if (std::fscanf(file, "%ld", &at) != 1) {
      return 72;
    }
    std::fclose(file);
  }
  for (; at < count; ++at) {
    if (save_wanted.exchange(false)) {
      const std::string fresh = state + ".new";
      FILE* file = std::fopen(fresh.c_str(), "w");
      std::fprintf(file, "%ld\n", at);
      std::fclose(file);
      std::rename(fresh.c_str(), state.c_str());
    }
    put_line(1, at);
    std::this_thread::sleep_for(std::chrono::microseconds{pause_us});
  }
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto number = [&](std::size_t i) { return std::strtol(words.at(i).c_str(), nullptr, 10); };
  const std::string verb = words.empty() ? "" : words[0];
  if (verb == "writer" && words.size() == 4) {
    write_lines(1, number(1), number(2));
    return end_with(static_cast<int>(number(3)));
  }
  if (verb == "writers" && words.size() == 4) {
    return writers(number(1), number(2), words[3]);
  }
  if (verb == "threads" && words.size() == 3) {
    return threads(static_cast<int>(number(1)), static_cast<std::uint64_t>(number(2)));
  }
  if (verb == "memory" && words.size() == 4) {
    return memory(number(1), number(2), number(3));
  }
  if (verb == "deaf" && words.size() == 3) {
    std::thread(let_no_signal_through).detach();
    write_lines(1, number(1), number(2));
    return 0;
  }
  if (verb == "saver" && words.size() == 4) {
    return saver(number(1), number(2), words[3]);
  }
  std::fputs("usage: see the top of engine_program.cpp\n", stderr);
  return 64;
}
