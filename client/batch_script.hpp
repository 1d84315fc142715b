#pragma once

#include "client/session.hpp"
#include "core/script/inspect.hpp"

#include <string>
#include <vector>

// From what `ckpt sbatch` was given to a script and the options that count for it.

namespace ckpt::client {

struct BatchScript {
  std::string name; ///< as it was given; "sbatch" from standard input, "wrap" with --wrap
  std::string text;
  std::vector<std::string> args;
  std::vector<script::Given> options; ///< of all layers, see script::merged
  std::vector<int> het_lines;
  std::vector<int> pbs_lines;
};

/// Whether it is a batch script with lines for sbatch, also such as sbatch would refuse.
bool has_sbatch_lines(const Path& file);

/// Reads the script that sbatch would read: `argv[0]` (in the working folder, then on PATH), else
/// standard input, or what --wrap says; and its options, below SBATCH_* variables and `options`
/// (sbatch's, as they were typed). Errors: `no_such_script` (not_found), `bad_script` and
/// `bad_option` (usage).
Result<BatchScript> read_batch_script(const Session& session,
                                      const std::vector<std::string>& argv,
                                      const std::vector<std::string>& options);

} // namespace ckpt::client
