#pragma once

#include "core/domain/result.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

// What a job waits for, as sbatch's --dependency says it and squeue shows it:
// "afterok:101:102,afterany:103" (all of them), "afterok:101?afterany:103" (any of them),
// "singleton". Pure.

namespace ckpt::scheduler {

/// What stands for one job of a dependency: another name for it, nothing if it is fulfilled, or why
/// that cannot be said.
using DependencyChange = std::function<Result<std::optional<std::string>>(const std::string& type,
                                                                          const std::string& job)>;

/// The dependency with each job changed; what squeue adds in brackets is left out. Empty: nothing
/// is left to wait for. The first error of `change` is returned. Errors (usage): `bad_dependency`.
Result<std::string> change_dependency(const std::string& dependency,
                                      const DependencyChange& change);

/// The jobs in it, as they are written there ("101", "24_1", "j-7").
std::vector<std::string> jobs_of_dependency(const std::string& dependency);

/// sbatch options with each `--dependency` changed, or left out where nothing is left to wait for.
/// Options that cannot be read come back as they are: sbatch has its own words for them.
Result<std::vector<std::string>>
change_dependency_option(const std::vector<std::string>& sbatch_args,
                         const DependencyChange& change);
/// What a later start of a job is asked for: without what the first one had to wait for
/// (--dependency, --begin, --hold).
std::vector<std::string> args_of_later_start(const std::vector<std::string>& sbatch_args);

} // namespace ckpt::scheduler
