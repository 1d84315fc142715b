#include "runner/room.hpp"

#include "core/base/strings.hpp"

#include <algorithm>

namespace ckpt::runner {
namespace {

constexpr std::uint64_t kAlways = 4'000'000;
constexpr std::uint64_t kFiles =
    64; ///< images, their folders, manifest, journal: enough for a tree

std::uint64_t grown(std::uint64_t from, std::uint64_t to) {
  return to > from ? to - from : 0;
}

} // namespace

std::uint64_t room_for_checkpoint(const RoomFacts& facts) {
  const std::uint64_t everything = facts.memory + facts.files;
  std::uint64_t needed = everything;
  if (!facts.generations.empty()) {
    const std::uint64_t newest = facts.generations.back();
    const std::size_t count = facts.generations.size();
    const std::uint64_t by_itself =
        count > 1 ? grown(facts.generations[count - 2], newest) : std::uint64_t{0};
    // Many processes may share memory that is saved once: what was saved tells more than its sum.
    const std::uint64_t by_memory =
        facts.memory_then ? grown(*facts.memory_then, facts.memory) : grown(newest, everything);
    needed = newest + std::max(by_itself, by_memory);
  }
  return needed + needed / 10 + kAlways;
}

std::optional<std::string> room_obstacle(std::uint64_t needed, const RoomThere& there) {
  if (there.read_only) {
    return "the store is mounted read-only";
  }
  if (there.bytes < needed) {
    return "it needs about " + human_bytes(needed) + " beside what is there, the store has " +
           human_bytes(there.bytes) + " free";
  }
  if (there.files && *there.files < kFiles) {
    return "the store has room for only " + std::to_string(*there.files) + " more files";
  }
  return std::nullopt;
}

} // namespace ckpt::runner
