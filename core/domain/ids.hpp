#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ckpt {

/// A number that cannot be mistaken for another kind of number. `Tag::kPrefix` is how people write
/// it.
template <class Tag> struct NumberId {
  std::int64_t value = 0;
  auto operator<=>(const NumberId&) const = default;

  std::string str() const { return std::string(Tag::kPrefix) + std::to_string(value); }

  /// Reads what str() writes ("j-7"); nothing else.
  static std::optional<NumberId> parse(std::string_view text) {
    const std::string_view prefix = Tag::kPrefix;
    if (text.size() <= prefix.size() || text.size() > prefix.size() + 18 ||
        text.substr(0, prefix.size()) != prefix) {
      return std::nullopt;
    }
    NumberId id;
    for (const char c : text.substr(prefix.size())) {
      if (c < '0' || c > '9') {
        return std::nullopt;
      }
      id.value = id.value * 10 + (c - '0');
    }
    return id.value > 0 ? std::optional(id) : std::nullopt;
  }
};

struct JobTag {
  static constexpr std::string_view kPrefix = "j-";
};
struct GenerationTag {
  static constexpr std::string_view kPrefix = "g";
};
struct AttemptTag {
  static constexpr std::string_view kPrefix = "";
};

/// A job for life: "j-7".
using JobId = NumberId<JobTag>;
/// A generation within its job: "g3".
using GenerationId = NumberId<GenerationTag>;
/// An attempt within its job: "2". Numbered by the claim, from 1.
using AttemptId = NumberId<AttemptTag>;

/// Text ids that cannot be mistaken for each other.
template <class Tag> struct TextId {
  std::string value;
  auto operator<=>(const TextId&) const = default;
  bool empty() const { return value.empty(); }
};

/// One wish to run a job in one allocation; 128 random bits in hexadecimal, safe as a file name.
using SubmissionToken = TextId<struct SubmissionTokenTag>;
/// What the scheduler calls the allocation: "4711", "24_1", or "local-17".
using SchedulerJobId = TextId<struct SchedulerJobIdTag>;

} // namespace ckpt

template <class Tag> struct std::hash<ckpt::NumberId<Tag>> {
  std::size_t operator()(const ckpt::NumberId<Tag>& id) const noexcept {
    return std::hash<std::int64_t>{}(id.value);
  }
};
template <class Tag> struct std::hash<ckpt::TextId<Tag>> {
  std::size_t operator()(const ckpt::TextId<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.value);
  }
};
