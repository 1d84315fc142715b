// The freeze window: what is read in while_frozen is where a restarted program goes on, to the
// byte. CKPT_TEST_FREEZE_ROUNDS sets the rounds (30); each is a checkpoint, a kill and a restart.
#include "tests/support/wait_until.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>

#include "engine_fixture.hpp"

using namespace ckpt;
using namespace ckpt::test;

namespace {

constexpr int kFiles = 3;
using Lengths = std::array<std::uint64_t, kFiles>;

struct Round {
  Lengths lengths{};
  bool moved = false; ///< something was written while it was frozen
};

class Writers {
public:
  explicit Writers(EngineUnderTest& engine) : job(engine, {}) {
    prefix_ = (job.folder() / "file").string();
    job.program.argv = {program_path(), "writers", "1000000000", "1000", prefix_};
  }

  Path file(int i) const { return i == 0 ? job.out() : Path(prefix_ + "." + std::to_string(i)); }

  Lengths lengths() const {
    Lengths now{};
    for (int i = 0; i < kFiles; ++i) {
      now.at(static_cast<std::size_t>(i)) = file_length(file(i));
    }
    return now;
  }

  bool all_grow() const {
    const Lengths before = lengths();
    return wait_until(
        [&] {
          const Lengths now = lengths();
          return std::equal(now.begin(), now.end(), before.begin(), std::greater<>{});
        },
        seconds{30});
  }

  void cut(const Lengths& to) const {
    for (int i = 0; i < kFiles; ++i) {
      REQUIRE(truncate_file(file(i), to.at(static_cast<std::size_t>(i))));
    }
  }

  // The number of lines, if they are 0, 1, 2…; a last one without its end does not count.
  std::optional<long> consecutive(int i) const {
    const std::string text = read_file(file(i)).value_or("");
    long expected = 0;
    for (std::size_t at = 0; at < text.size(); ++expected) {
      const std::size_t end = text.find('\n', at);
      if (end == std::string::npos) {
        break;
      }
      if (text.compare(at, end - at, std::to_string(expected)) != 0) {
        return std::nullopt;
      }
      at = end + 1;
    }
    return expected;
  }

  JobFixture job;

private:
  std::string prefix_;
};

int rounds_wanted() {
  const char* text = std::getenv("CKPT_TEST_FREEZE_ROUNDS");
  return text == nullptr ? 30 : std::max(1, std::atoi(text));
}

} // namespace

TEST_CASE("nothing is written while while_frozen runs, and a restart goes on exactly there") {
  for_each_engine(kTransparent, [](EngineUnderTest& engine) {
    Writers writers(engine);
    auto session = writers.job.launch();
    REQUIRE_MESSAGE(session, text_of(session));
    int missed = 0;
    int wrong = 0;
    long blocked_ms = 0;
    const int rounds = rounds_wanted();
    for (int number = 0; number < rounds; ++number) {
      CAPTURE(number);
      REQUIRE(writers.all_grow());
      Round round;
      engine::CheckpointRequest request;
      request.timeout = minutes{2};
      request.stall_timeout = seconds{30};
      request.while_frozen = [&]() -> Status {
        round.lengths = writers.lengths();
        // Long enough for a writer of a line a millisecond to be caught, if one ran.
        round.moved =
            wait_until([&] { return writers.lengths() != round.lengths; }, milliseconds{4});
        return {};
      };
      auto images = (*session)->checkpoint(request);
      while (!images && images.error().code == "freeze_window_missed") {
        ++missed;
        images = (*session)->checkpoint(request);
      }
      REQUIRE_MESSAGE(images, text_of(images));
      CHECK(!round.moved);
      blocked_ms += images->blocked.count();
      REQUIRE((*session)->kill(seconds{10}));
      REQUIRE(wait_root(**session));
      writers.cut(round.lengths);
      auto again = writers.job.restart(images->images);
      REQUIRE_MESSAGE(again, text_of(again) << " " << writers.job.error_output());
      session = std::move(again);
      for (const auto& image : images->images) { // hundreds of rounds would fill the disk
        REQUIRE(remove_file(image));
      }
      REQUIRE(writers.all_grow());
      for (int i = 0; i < kFiles; ++i) {
        wrong += writers.consecutive(i) ? 0 : 1;
      }
      REQUIRE(wrong == 0);
    }
    REQUIRE((*session)->kill(seconds{10}));
    wait_root(**session);
    CHECK(writers.job.nothing_left());
    std::cout << engine.name << ": " << rounds << " freeze windows, " << missed
              << " missed (and said so), " << wrong << " wrong, blocked " << blocked_ms / rounds
              << " ms on average" << std::endl;
  });
}
