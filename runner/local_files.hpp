#pragma once

#include "core/base/files.hpp"
#include "core/domain/hazards.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ckpt::runner {

/// What lies in the job's own $TMPDIR, an engine's temporary folders left out.
struct TmpdirContent {
  std::vector<std::string> files;   ///< regular ones; empty if `too_much`
  std::vector<std::string> folders; ///< the folder itself first
  std::uint64_t bytes = 0;          ///< of those that were looked at
  std::uint64_t count = 0;          ///< likewise
  bool too_much = false;            ///< to be copied while the program stands still
  bool odd = false;                 ///< holds what cannot be copied: links, sockets, FIFOs
};

/// At most so much of $TMPDIR is saved whether or not it is open.
struct TmpdirLimits {
  std::uint64_t files = 1000;
  std::uint64_t bytes = std::uint64_t{1} << 30U;
};

TmpdirContent look_at_tmpdir(const std::string& tmpdir, const TmpdirLimits& limits = {});

/// What of the node is to be saved with a generation.
struct LocalFilesToSave {
  std::vector<std::string> files;
  std::vector<std::string> folders; ///< whose whole content is among the files: see Manifest
  std::uint64_t bytes = 0;
};

/// Open or mapped node-local files, and $TMPDIR's content as far as it is within the limits; none
/// unless the policy says `save`.
LocalFilesToSave choose_local_files(const std::vector<ProcessFacts>& processes,
                                    const TmpdirContent& tmpdir,
                                    const Surroundings& around);

/// Empties the job's own $TMPDIR, and nothing else.
Status empty_tmpdir(const Path& tmpdir);

} // namespace ckpt::runner
