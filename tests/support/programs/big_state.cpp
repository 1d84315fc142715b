// big_state STATE_MB STEPS SECONDS_A_STEP STATUS: four threads, each with a quarter of the state; every line on stdout and in
// result.txt depends on all lines before it, the last one on every byte of the state.
#include <array>
#include <barrier>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kThreads = 4;
constexpr std::size_t kWordsAPage = 4096 / sizeof(std::uint64_t);

std::uint64_t mixed(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

class Part {
public:
  Part(std::size_t words, std::uint64_t seed) : words_(words) {
    for (std::uint64_t& word : words_) {
      seed = mixed(seed);
      word = seed;
    }
  }

  /// Changes one word on every 64th page.
  std::uint64_t step(std::uint64_t input, std::size_t number) {
    for (std::size_t page = number % 64; (page + 1) * kWordsAPage <= words_.size(); page += 64) {
      std::uint64_t& word = words_[page * kWordsAPage + number % kWordsAPage];
      input = mixed(input ^ word);
      word = input;
    }
    return input;
  }

  std::uint64_t sum() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t word : words_) {
      sum = mixed(sum ^ word);
    }
    return sum;
  }

private:
  std::vector<std::uint64_t> words_;
};

} // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    return 2;
  }
  const std::size_t words = std::stoul(argv[1]) * 1'000'000 / sizeof(std::uint64_t) / kThreads;
  const std::size_t steps = std::stoul(argv[2]);
  const std::chrono::duration<double> pause(std::stod(argv[3]));
  std::FILE* result = std::fopen("result.txt", "w");
  if (result == nullptr) {
    return 3;
  }
  std::uint64_t chain = 1;
  std::size_t number = 0;
  std::array<std::uint64_t, kThreads> answers{};
  const auto say = [&](const char* what, std::uint64_t value) {
    for (std::FILE* file : {stdout, result}) {
      std::fprintf(file, "%s %zu %016" PRIx64 "\n", what, number, value);
      std::fflush(file);
    }
  };
  std::barrier round(kThreads, [&]() noexcept {
    for (const std::uint64_t answer : answers) {
      chain = mixed(chain ^ answer);
    }
    say("step", chain);
    ++number;
    std::this_thread::sleep_for(pause);
  });
  {
    std::vector<std::jthread> threads;
    for (std::size_t index = 0; index < kThreads; ++index) {
      threads.emplace_back([&, index] {
        Part part(words, index + 1);
        for (std::size_t i = 0; i < steps; ++i) {
          answers[index] = part.step(chain, i);
          round.arrive_and_wait();
        }
        answers[index] = part.sum();
      });
    }
  }
  std::uint64_t total = 0;
  for (const std::uint64_t answer : answers) {
    total = mixed(total ^ answer);
  }
  say("state", total);
  return std::atoi(argv[4]);
}
