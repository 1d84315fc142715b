#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// How much room the next checkpoint will probably need. Bytes throughout. Pure.

namespace ckpt::runner {

struct RoomFacts {
  /// Raw sizes of the newest sealed generations of this lineage, oldest first.
  std::vector<std::uint64_t> generations;
  /// Resident and swapped memory of all processes now; 0: the engine saves files, not memory.
  std::uint64_t memory = 0;
  /// Likewise when the newest of `generations` was taken; nothing: not known.
  std::optional<std::uint64_t> memory_then;
  std::uint64_t files = 0; ///< of the user's, which are copied with it, now
};

/// The room that must be free. What is sealed stays where it is while the new one is written, so
/// all of the new one must fit beside it. The newest one tells best, with what was added since (by
/// its own growth, by memory); where none tells, all memory and all files. With a tenth and a
/// little more, for a program that grows meanwhile and for what else is written.
std::uint64_t room_for_checkpoint(const RoomFacts& facts);

struct RoomThere {
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> files; ///< that can still be made; nothing: not counted there
  bool read_only = false;
};

/// Why no checkpoint can be taken there, as a person reads it; or nothing.
std::optional<std::string> room_obstacle(std::uint64_t needed, const RoomThere& there);

} // namespace ckpt::runner
