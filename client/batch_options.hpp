#pragma once

#include "client/job_options.hpp"
#include "client/session.hpp"
#include "core/script/inspect.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

// What sbatch's options mean for a job of ours, wherever they were written: on the command line, in
// a script's #SBATCH lines, in SBATCH_* variables.

namespace ckpt::client {

/// Of the last one of that name; "" for one without a value; nothing if there is none.
std::optional<std::string> wish_for(const std::vector<script::Given>& options, const char* name);

/// Options as they were typed ("--partition=debug"). Errors: `bad_option` (usage).
Result<std::vector<script::Given>> typed_options(const std::vector<std::string>& words);

/// Says what is worth saying; the error (refused, `script_refused`) names what cannot be carried,
/// and where it was written.
Status look_at(Session& session, const script::Subject& subject);

/// Into the fields of `spec` that are not set yet: time, name, output, error. Errors: a limit that
/// is none (usage).
Status take_over(SpecOptions& spec, const std::vector<script::Given>& options);

/// Those for sbatch alone; what a request says in fields of its own is not among them. Says it when
/// one had to be added.
std::vector<std::string> remaining_options(Session& session,
                                           const std::vector<script::Given>& options);

/// The environment that the program gets by --export (`wish` empty: ALL), and in `setup` shell
/// commands that are needed for it (a login shell's environment comes first then). SLURM_* and
/// SBATCH_* variables are of sbatch's own and are kept.
struct ExportedEnvironment {
  std::map<std::string, std::string> env;
  std::string setup;
};
ExportedEnvironment exported_environment(const std::map<std::string, std::string>& env,
                                         const std::string& wish);

/// The same for a job, by its --export if there is one. `named`: what --env gave (K=V, in spec.env
/// already), which stays whatever --export says: many sites set SBATCH_EXPORT=NONE for everybody.
void export_as_wished(JobSpec& spec,
                      const std::vector<script::Given>& options,
                      const std::vector<std::string>& named);

} // namespace ckpt::client
