#include "core/domain/retention.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <sstream>

using namespace ckpt;

namespace {

/// "1 2p 3f 4c! 5o": number, then p pinned, u in use, o off the lineage, f failed, c corrupt,
/// w being written, x pruned.
std::vector<GenerationFacts> generations(const std::string& text) {
  std::vector<GenerationFacts> list;
  std::istringstream words(text);
  for (std::string item; words >> item;) {
    GenerationFacts facts;
    facts.id.value = std::stoi(item);
    const auto has = [&](char c) { return item.find(c) != std::string::npos; };
    facts.pinned = has('p');
    facts.in_use = has('u');
    facts.on_lineage = !has('o');
    facts.state = has('f')   ? GenerationState::failed
                  : has('c') ? GenerationState::corrupt
                  : has('w') ? GenerationState::writing
                  : has('x') ? GenerationState::pruned
                             : GenerationState::sealed;
    list.push_back(facts);
  }
  return list;
}

/// "1- 2+": removed, kept.
std::string verdicts(const std::string& text, int keep, JobPhase phase, int after_success = 0) {
  Policy policy;
  policy.keep = keep;
  policy.keep_after_success = after_success;
  std::string out;
  for (const RetentionVerdict& verdict : retain(generations(text), policy, phase)) {
    CHECK_FALSE(verdict.reason.empty());
    out += (out.empty() ? "" : " ") + std::to_string(verdict.id.value) + (verdict.keep ? "+" : "-");
  }
  return out;
}

} // namespace

TEST_CASE("what retention keeps") {
  using enum JobPhase;
  struct Case {
    const char* generations;
    int keep;
    JobPhase phase;
    const char* expected;
  };
  const Case cases[] = {
      {"", 2, unfinished, ""},
      {"1", 2, unfinished, "1+"},
      {"1 2 3", 2, unfinished, "1- 2+ 3+"},
      {"3 1 2", 2, unfinished, "1- 2+ 3+"},
      {"1 2 3", 1, unfinished, "1- 2- 3+"},
      {"1 2 3", 0, unfinished, "1- 2- 3+"},  // keep is at least 1
      {"1 2 3", -5, unfinished, "1- 2- 3+"}, // however it got there
      {"1p 2 3", 1, unfinished, "1+ 2- 3+"},
      {"1u 2 3", 1, unfinished, "1+ 2- 3+"},
      {"1 2 3w", 1, unfinished, "1- 2+"}, // what is being written is none of its business
      {"1 2 3x", 1, unfinished, "1- 2+"},
      {"1 2 3f", 1, unfinished, "1- 2+ 3-"},
      {"1 2 3c", 1, unfinished, "1- 2+ 3+"}, // a corrupt one counts for nothing …
      {"1 2c 3", 1, unfinished, "1- 2- 3+"}, // … and goes when a newer one is good
      {"1c", 2, unfinished, "1+"},
      {"1f 2f", 2, unfinished, "1- 2-"},
      {"1fp 2cp 3", 1, unfinished, "1+ 2+ 3+"},
      // Rolled back from g3 to g1: the branch stays until the new one has a good generation.
      {"1 2o 3o", 1, unfinished, "1+ 2+ 3+"},
      {"1 2o 3o 4", 1, unfinished, "1- 2- 3- 4+"},
      {"1 2o 3o 4", 2, unfinished, "1+ 2- 3- 4+"},
      {"1o 2o", 1, unfinished, "1+ 2+"},
      {"1 2op 3o 4", 1, unfinished, "1- 2+ 3- 4+"},
      {"1 2 3", 2, ended_otherwise, "1- 2+ 3+"},
      {"1 2 3", 1, ended_otherwise, "1- 2- 3+"},
      {"1 2 3", 2, succeeded, "1- 2- 3-"},
      {"1p 2u 3c", 2, succeeded, "1+ 2+ 3-"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.generations);
    CAPTURE(c.keep);
    CHECK(verdicts(c.generations, c.keep, c.phase) == c.expected);
  }
  CHECK(verdicts("1 2 3", 5, succeeded, 1) == "1- 2- 3+");
  CHECK(verdicts("1 2 3o", 5, succeeded, 2) == "1+ 2+ 3-");
}

TEST_CASE("reasons are words for people") {
  Policy policy;
  policy.keep = 2;
  const auto list = retain(generations("1 2 3 4p"), policy, JobPhase::unfinished);
  REQUIRE(list.size() == 4);
  CHECK(list[0].reason == "beyond keep 2");
  CHECK(list[3].reason == "pinned");
  CHECK(retain(generations("1 2"), policy, JobPhase::unfinished)[0].reason == "within keep 2");
  CHECK(retain(generations("1 2"), policy, JobPhase::unfinished)[1].reason ==
        "newest good generation of an unfinished job");
}

TEST_CASE("whatever the input, what a job may need is never removed") {
  std::mt19937 random{42};
  const auto chance = [&](int percent) { return static_cast<int>(random() % 100) < percent; };
  for (int round = 0; round < 20'000; ++round) {
    std::vector<GenerationFacts> list;
    const int count = static_cast<int>(random() % 9);
    for (int i = 0; i < count; ++i) {
      GenerationFacts facts;
      facts.id.value = i + 1;
      facts.state = static_cast<GenerationState>(random() % 7);
      if (chance(60)) {
        facts.state = GenerationState::sealed;
      }
      facts.pinned = chance(15);
      facts.in_use = chance(15);
      facts.on_lineage = chance(75);
      list.push_back(facts);
    }
    std::shuffle(list.begin(), list.end(), random);
    Policy policy;
    policy.keep = static_cast<int>(random() % 5) - 1;
    policy.keep_after_success = static_cast<int>(random() % 3) - 1;
    const auto phase = static_cast<JobPhase>(random() % 3);
    const auto result = retain(list, policy, phase);

    CHECK(std::is_sorted(
        result.begin(), result.end(), [](const auto& a, const auto& b) { return a.id < b.id; }));
    std::optional<GenerationId> newest;
    std::optional<GenerationId> newest_on_lineage;
    std::size_t judged = 0;
    for (const GenerationFacts& facts : list) {
      const bool sealed = facts.state == GenerationState::sealed;
      judged += sealed || facts.state == GenerationState::failed ||
                        facts.state == GenerationState::corrupt
                    ? 1
                    : 0;
      if (sealed) {
        newest = std::max(newest, std::optional(facts.id));
        newest_on_lineage = facts.on_lineage ? std::max(newest_on_lineage, std::optional(facts.id))
                                             : newest_on_lineage;
      }
    }
    REQUIRE(result.size() == judged);
    for (const RetentionVerdict& verdict : result) {
      const auto facts =
          std::find_if(list.begin(), list.end(), [&](const auto& f) { return f.id == verdict.id; });
      REQUIRE(facts != list.end());
      CHECK_FALSE(verdict.reason.empty());
      if (facts->pinned || facts->in_use) {
        CHECK(verdict.keep);
      }
      if (phase != JobPhase::succeeded &&
          (verdict.id == newest || verdict.id == newest_on_lineage)) {
        CHECK(verdict.keep);
      }
    }
  }
}
