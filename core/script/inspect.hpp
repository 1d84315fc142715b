#pragma once

#include "core/script/directives.hpp"

#include <string>
#include <string_view>
#include <vector>

// What of a batch script cannot be checkpointed, or will not do what it does under sbatch: found by
// reading it, before anything is submitted. Pure.

namespace ckpt::script {

struct Finding {
  std::string where;   ///< "job.sh:12", "command line"
  bool refuses = true; ///< false: worth saying, and it is submitted all the same
  std::string message;
  std::string advice;     ///< may be empty
  std::string translated; ///< the command of ours that does what was meant; may be empty
};

struct Subject {
  std::string_view text;
  std::string name;           ///< of the script, as the user wrote it: for messages
  std::vector<Given> options; ///< all that count, see merged
  std::vector<int> het_lines;
  std::vector<int> pbs_lines;
};

/// In the order of the lines. The body is read only of scripts for a shell (sh, bash, dash, ksh,
/// zsh).
std::vector<Finding> inspect(const Subject& subject);

} // namespace ckpt::script
