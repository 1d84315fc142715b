#pragma once

#include "client/cli.hpp"

#include <string>
#include <vector>

namespace ckpt::client {

/// sbatch's options in sbatch's own spellings, gathered as sbatch arguments ("--partition=debug").
/// Those that we must understand ourselves (time, name, output, error, chdir) are not among them.
void add_sbatch_options(Verb& verb, std::vector<std::string>& args, bool in_help = true);

/// All of sbatch's, those that we must understand ourselves included (for `ckpt sbatch`); the rare
/// ones are left out of the help.
void add_all_sbatch_options(Verb& verb, std::vector<std::string>& args);

} // namespace ckpt::client
