#pragma once

#include "core/domain/result.hpp"
#include "core/scheduler/slurm/options.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

// What sbatch takes from a script's #SBATCH lines and from its variables. Pure.

namespace ckpt::script {

/// An option, and where it was written.
struct Given {
  scheduler::slurm::SbatchOption option;
  int line = 0;       ///< of the script, from 1; 0: not from the script
  std::string source; ///< "job.sh:3", "SBATCH_PARTITION", "command line": for messages
};

struct Directives {
  std::vector<Given> options;
  std::vector<int> het_lines; ///< `#SBATCH hetjob`
  std::vector<int> pbs_lines; ///< #PBS lines, which sbatch would translate
};

/// As sbatch reads it: lines that begin with #SBATCH, before the first line that is neither empty
/// nor a comment; quotes, backslashes and `# remarks` as sbatch 22.05 has them (tests/data/scripts
/// tells how that was measured). `name`: of the script, for messages. Errors (usage, `bad_script`):
/// an unmatched quote, a word that is no option, what parse_options refuses; with the line.
Result<Directives> read_directives(std::string_view script, const std::string& name);

/// The options that SBATCH_* variables stand for, in no particular order.
std::vector<Given> options_of_environment(const std::map<std::string, std::string>& env);

/// All in the order of their weight: script, environment, command line. What a later layer makes
/// void (another kind of --mem) is left out.
std::vector<Given> merged(const std::vector<std::vector<Given>>& layers);

/// The last one of that name, or nullptr.
const Given* last_given(const std::vector<Given>& given, std::string_view name);

} // namespace ckpt::script
