#pragma once

#include "api/views.hpp"
#include "client/cli.hpp"
#include "client/session.hpp"

#include <optional>
#include <string>
#include <vector>

// The options that submit, run and restart share.

namespace ckpt::client {

/// --every, --keep, … Only what was given is set.
struct PolicyOptions {
  std::optional<std::string> every;
  std::optional<std::string> lead;
  std::optional<int> keep;
  bool overwrite = false;
  std::optional<int> keep_after_success;
  std::optional<std::string> compress;
  std::optional<int> max_restarts;
  std::optional<Duration> total_time;
  std::optional<Duration> stop_after;
  std::optional<std::string> at_walltime;
  std::optional<std::string> stdout_on_restart;
  std::vector<std::string> ckpt_files;
  std::vector<std::string> append_files;
  std::optional<std::string> local_files;
  std::optional<std::string> shield_term;
  std::vector<std::string> tags;
};
void add_policy_options(Verb& verb, PolicyOptions& options);
/// A JSON object for patch_policy; empty when no option was given.
Result<std::string> policy_patch(const PolicyOptions& options);

/// What a job is made of, beside its program.
struct SpecOptions {
  std::optional<std::string> name;
  std::optional<Duration> time_limit;
  std::optional<std::string> output;
  std::optional<std::string> error;
  std::optional<std::string> chdir;
  std::optional<std::string> wrap;
  std::optional<std::string> engine;
  std::vector<std::string> env;
  std::vector<std::string> modules;
  std::optional<std::string> setup;
  std::optional<std::string> ckpt_signal;
  std::optional<std::string> ckpt_command;
  std::optional<std::string> restart_command;
};
void add_spec_options(Verb& verb, SpecOptions& options);
/// Those of them that sbatch has not: --engine, --env, --module, …
void add_own_spec_options(Verb& verb, SpecOptions& options);
/// $PWD if it is this folder (people know it by that name), else the real path.
Result<std::string> current_folder(const Session& session);

/// The request that these options make, with the environment, folder and umask of this process.
Result<api::SubmitRequest> make_submit_request(const Session& session,
                                               const SpecOptions& spec,
                                               const PolicyOptions& policy,
                                               std::vector<std::string> argv,
                                               std::vector<std::string> sbatch_args);

} // namespace ckpt::client
