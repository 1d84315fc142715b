#include "core/domain/lost_work.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace ckpt;

namespace {

const TimePoint kStart{seconds{1'800'000'000}};

WorkAttempt ran(std::int64_t n, int from, int to, std::optional<std::int64_t> start = {}) {
  return {AttemptId{n},
          kStart + seconds{from},
          kStart + seconds{to},
          start ? std::optional(GenerationId{*start}) : std::nullopt,
          false};
}

WorkAttempt counts(WorkAttempt attempt) {
  attempt.counts = true;
  return attempt;
}

WorkGeneration sealed(std::int64_t id, std::int64_t by, int at, bool good = true) {
  return {GenerationId{id}, AttemptId{by}, kStart + seconds{at}, good};
}

/// "1:20 3:5": seconds lost by attempt, zeros left out.
std::string lost(const Work& work) {
  std::string text;
  for (const auto& [attempt, duration] : lost_work(work)) {
    if (duration != Duration{0}) {
      text +=
          (text.empty() ? "" : " ") + attempt.str() + ":" + std::to_string(duration.count() / 1000);
    }
  }
  return text;
}

std::string behind(const Work& work) {
  std::string text;
  for (const WorkAttempt& one : work.attempts) {
    text += (text.empty() ? "" : " ") + std::to_string(work_behind(work, one.id).count() / 1000);
  }
  return text;
}

} // namespace

TEST_CASE("lost work: what each attempt did that no later state holds") {
  struct Case {
    std::string what;
    Work work;
    std::string lost;
    std::string behind;
  };
  const std::vector<WorkGeneration> three = {sealed(1, 1, 40), sealed(2, 1, 80), sealed(3, 2, 190)};
  const Case cases[] = {
      {"nothing ran", {}, "", ""},
      {"it runs", {{counts(ran(1, 10, 100))}, {}, {}}, "", "0"},
      {"it has its result", {{counts(ran(1, 10, 100))}, {sealed(1, 1, 40)}, {}}, "", "0"},
      {"ended without any", {{ran(1, 10, 100)}, {}, {}}, "1:90", "0"},
      {"ended; nothing has started yet", {{ran(1, 10, 100)}, three, {}}, "1:20", "0"},
      {"the newest is corrupt",
       {{ran(1, 10, 100)}, {sealed(1, 1, 40), sealed(2, 1, 80, false)}, {}},
       "1:60",
       "0"},
      {"went on; the queue is nobody's loss",
       {{ran(1, 10, 100), counts(ran(2, 900, 1000, 2))}, three, {}},
       "1:20",
       "0 70"},
      {"the second died, too",
       {{ran(1, 10, 100), ran(2, 110, 200, 2)}, three, {}},
       "1:20 2:10",
       "0 70"},
      {"the second died without any",
       {{ran(1, 10, 100), ran(2, 110, 150, 2)}, {sealed(1, 1, 40), sealed(2, 1, 80)}, {}},
       "1:20 2:40",
       "0 70"},
      {"rolled back within an attempt",
       {{ran(1, 10, 100), counts(ran(2, 110, 200, 1))}, three, {}},
       "1:60",
       "0 30"},
      {"a rollback that has not begun", {{ran(1, 10, 100)}, three, GenerationId{1}}, "1:60", "0"},
      {"a rollback of what has failed",
       {{counts(ran(1, 10, 100))}, three, GenerationId{1}},
       "1:60",
       "0"},
      {"to an earlier attempt's generation: what lies between is set aside",
       {{ran(1, 10, 100), ran(2, 110, 200, 2), counts(ran(3, 210, 300, 1))}, three, {}},
       "1:60 2:90",
       "0 70 30"},
      {"likewise before it has begun",
       {{ran(1, 10, 100), ran(2, 110, 200, 2)}, three, GenerationId{1}},
       "1:60 2:90",
       "0 70"},
      {"twice over the same work: once",
       {{ran(1, 10, 100), ran(2, 110, 200, 1), counts(ran(3, 210, 300, 1))}, three, {}},
       "1:60 2:90",
       "0 30 30"},
      {"back, and forth again",
       {{ran(1, 10, 100), ran(2, 110, 200, 1), counts(ran(3, 210, 300, 2))}, three, {}},
       "1:20 2:90",
       "0 30 70"},
      {"back, on, and further back",
       {{ran(1, 10, 100), ran(2, 110, 200, 2), ran(3, 210, 300, 3), counts(ran(4, 310, 400, 2))},
        three,
        {}},
       "1:20 2:90 3:90",
       "0 70 150 70"},
      {"began anew",
       {{ran(1, 10, 100), ran(2, 110, 200, 2), counts(ran(3, 210, 300))}, three, {}},
       "1:90 2:90",
       "0 70 0"},
      {"began anew and died",
       {{ran(1, 10, 100), ran(2, 110, 150)}, {sealed(1, 1, 40)}, {}},
       "1:90 2:40",
       "0 0"},
      {"a rebuilt registry knows an older one only",
       {{ran(1, 10, 100), counts(ran(2, 110, 200, 2))}, {sealed(1, 1, 40)}, {}},
       "1:60",
       "0 30"},
      {"and none at all", {{ran(1, 10, 100), counts(ran(2, 110, 200, 2))}, {}, {}}, "1:90", "0 0"},
      {"a clock that was set back", {{ran(1, 10, 5)}, {sealed(1, 1, 40)}, {}}, "", "0"},
      {"a writer that came later ends the way",
       {{ran(1, 10, 100), counts(ran(2, 110, 200, 3))}, three, {}},
       "1:90",
       "0 0"},
  };
  for (const Case& one : cases) {
    INFO(one.what);
    CHECK(lost(one.work) == one.lost);
    CHECK(behind(one.work) == one.behind);
  }
}
