#pragma once

#include "core/domain/result.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

// srun's command line as our srun understands it: what stands in its place inside batch scripts,
// and what reads the scripts before they are submitted. Pure.

namespace ckpt::script {

/// One call of srun. Options by their full names, the last of a kind; a flag has an empty value.
struct SrunCall {
  std::map<std::string, std::string> options;
  std::size_t command = 0; ///< index of the program's first word; the number of words: none

  std::optional<std::string> value(const std::string& name) const {
    const auto found = options.find(name);
    return found == options.end() ? std::nullopt : std::optional(found->second);
  }
};

/// Reads the words behind `srun`. Errors: `srun_usage` (usage; srun would not take it either),
/// `srun_refused` (refused; the message says which option and why it cannot work from inside a
/// checkpointed script).
Result<SrunCall> parse_srun(const std::vector<std::string>& words);

/// Tasks of a call: -n, else --ntasks-per-node, else SLURM_NTASKS of the allocation, else 1. Error
/// as above, also for more than one node, as -N or as the allocation has it.
Result<int> tasks_of(const SrunCall& call, const std::map<std::string, std::string>& env);

} // namespace ckpt::script
