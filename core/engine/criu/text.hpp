#pragma once

#include "core/domain/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What CRIU's tools say, and what we say to and about them, as text. Pure.

namespace ckpt::engine::criu {

/// "Version: 4.2.1" among the lines of `criu --version` → "4.2.1".
std::optional<std::string> parse_version(std::string_view output);
/// True if `version` is at least `major`.0.
bool at_least_major(std::string_view version, int major);

/// The first error lines of a dump or restore log, without CRIU's source positions; empty if there
/// are none.
std::string first_errors(std::string_view log, std::size_t lines = 2);

/// How long CRIU itself says that the program was frozen (stats-dump, microseconds); nothing if the
/// file is not as known.
std::optional<std::uint64_t> parse_frozen_microseconds(std::string_view stats);

/// Whether a ghost-file-N.img (its first bytes) holds a deleted file of a user or group that has no
/// number in the namespace of the dump. One that is not as known counts as such.
bool is_foreign_ghost(std::string_view image);

/// A message between runner and namespace init: a word and its arguments. One datagram each.
struct Message {
  std::string word;
  std::vector<std::string> arguments;
  bool operator==(const Message&) const = default;
};
std::string encode(const Message& message);
Message decode(std::string_view text);

/// A regular file that the program had open for writing when it was frozen.
struct OpenFile {
  std::string path;
  std::uint64_t bytes = 0;
  bool operator==(const OpenFile&) const = default;
};

/// files.txt beside the images: what the images themselves do not tell simply.
struct DumpNotes {
  std::string stdout_path; ///< as the program was started with them
  std::string stderr_path;
  std::vector<OpenFile> files;
  bool operator==(const DumpNotes&) const = default;
};
std::string encode(const DumpNotes& notes);
Result<DumpNotes> decode_notes(const std::string& text);

/// The action script: tells the namespace init over one FIFO that the dump is written and the
/// program still frozen, and waits on the other for the word to go on.
std::string action_script(const std::string& to_init, const std::string& from_init);

struct DumpPlan {
  std::string criu;
  int pid = 0; ///< in the namespace
  std::string images;
  std::string work_dir;
  std::string log;
  std::string script;
  bool unprivileged = false;
};
std::vector<std::string> dump_command(const DumpPlan& plan);

struct RestorePlan {
  std::string criu;
  std::string images;
  std::string work_dir;
  std::string log;
  std::string pid_file;
  bool unprivileged = false;
  /// (descriptor of ours, path that the image names): another file is to take its place.
  std::vector<std::pair<int, std::string>> replaced;
};
std::vector<std::string> restore_command(const RestorePlan& plan);

} // namespace ckpt::engine::criu
