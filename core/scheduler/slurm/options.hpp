#pragma once

#include "core/domain/result.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// sbatch's own options as users write them: "-p debug", "-pdebug", "--part=debug", "-HQ". Pure.

namespace ckpt::scheduler::slurm {

/// One option with its full name.
struct SbatchOption {
  std::string name; ///< "partition"; empty for the ":" of a heterogeneous job
  std::optional<std::string> value;
  std::vector<std::string> words; ///< as they were written
};

/// What sbatch 22.05 knows, by name.
struct KnownOption {
  enum class Value { none, needed, optional };
  std::string_view name; ///< "partition"
  char letter;           ///< 'p'; 0: none
  Value value;
};
std::span<const KnownOption> known_options();

/// Reads a list of sbatch options (no script among them). An option that is not in our table (a
/// newer Slurm's) is taken as written: `--name=value` or `--name`. Errors (usage, `bad_option`): a
/// word that is no option, a value that is missing, an abbreviation of several options.
Result<std::vector<SbatchOption>> parse_options(const std::vector<std::string>& args);

/// The value of the last one of that name, as sbatch takes it.
std::optional<std::string> last_value(const std::vector<SbatchOption>& options,
                                      std::string_view name);

} // namespace ckpt::scheduler::slurm
