#include "core/scheduler/dependency.hpp"

#include "core/base/strings.hpp"
#include "core/scheduler/slurm/options.hpp"

namespace ckpt::scheduler {
namespace {

/// "101(unfulfilled)" → "101".
std::string without_state(const std::string& text) {
  return text.substr(0, text.find('('));
}

/// "after:101+5": the minutes after its start.
std::string delay_of(const std::string& job) {
  const std::size_t plus = job.rfind('+');
  const bool minutes = plus != std::string::npos && plus + 1 < job.size() &&
                       job.find_first_not_of("0123456789", plus + 1) == std::string::npos;
  return minutes ? job.substr(plus) : "";
}

struct Changed {
  std::string text; ///< empty: it is fulfilled
};

Result<Changed> change_item(const std::string& item, const DependencyChange& change) {
  std::vector<std::string> parts = split(item, ':');
  const std::string type = without_state(parts.front());
  if (type.empty()) {
    return fail(ErrorClass::usage,
                "bad_dependency",
                "'" + item + "' says nothing to wait for",
                "write --dependency=afterok:JOB");
  }
  if (parts.size() == 1) {
    return Changed{type}; // singleton
  }
  Changed changed;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::string written = without_state(parts[i]);
    const std::string delay = delay_of(written);
    const std::string job = written.substr(0, written.size() - delay.size());
    if (job.empty()) {
      return fail(ErrorClass::usage,
                  "bad_dependency",
                  "'" + item + "' names no job",
                  "write --dependency=" + type + ":JOB");
    }
    const auto now = change(type, job);
    if (!now) {
      return tl::unexpected(now.error());
    }
    if (*now) {
      changed.text += ":" + **now + delay;
    }
  }
  if (!changed.text.empty()) {
    changed.text.insert(0, type);
  }
  return changed;
}

} // namespace

Result<std::string> change_dependency(const std::string& dependency,
                                      const DependencyChange& change) {
  const char separator = dependency.find('?') == std::string::npos ? ',' : '?';
  std::vector<std::string> left;
  for (const std::string& item : split(dependency, separator)) {
    const auto changed = change_item(item, change);
    if (!changed) {
      return tl::unexpected(changed.error());
    }
    if (!changed->text.empty()) {
      left.push_back(changed->text);
    } else if (separator == '?') {
      return std::string(); // one of them is enough
    }
  }
  return join(left, std::string(1, separator));
}

std::vector<std::string> jobs_of_dependency(const std::string& dependency) {
  std::vector<std::string> jobs;
  (void)change_dependency(
      dependency,
      [&](const std::string&, const std::string& job) -> Result<std::optional<std::string>> {
        jobs.push_back(job);
        return std::optional(job);
      });
  return jobs;
}

namespace {

struct Parted {
  std::vector<std::string> others;       ///< words of all other options
  std::optional<std::string> dependency; ///< sbatch takes the last one
};

/// Nothing where there is none, or where the options cannot be read.
std::optional<Parted> part(const std::vector<std::string>& sbatch_args) {
  const auto options = slurm::parse_options(sbatch_args);
  if (!options || !slurm::last_value(*options, "dependency")) {
    return std::nullopt;
  }
  Parted parted;
  parted.dependency = slurm::last_value(*options, "dependency");
  for (const slurm::SbatchOption& option : *options) {
    if (option.name != "dependency") {
      parted.others.insert(parted.others.end(), option.words.begin(), option.words.end());
    }
  }
  return parted;
}

} // namespace

Result<std::vector<std::string>>
change_dependency_option(const std::vector<std::string>& sbatch_args,
                         const DependencyChange& change) {
  auto parted = part(sbatch_args);
  if (!parted) {
    return sbatch_args;
  }
  const auto changed = change_dependency(*parted->dependency, change);
  if (!changed) {
    return tl::unexpected(changed.error());
  }
  if (!changed->empty()) {
    parted->others.push_back("--dependency=" + *changed);
  }
  return std::move(parted->others);
}

std::vector<std::string> args_of_later_start(const std::vector<std::string>& sbatch_args) {
  const auto options = slurm::parse_options(sbatch_args);
  if (!options) {
    return sbatch_args;
  }
  std::vector<std::string> kept;
  for (const slurm::SbatchOption& option : *options) {
    if (option.name != "dependency" && option.name != "begin" && option.name != "hold") {
      kept.insert(kept.end(), option.words.begin(), option.words.end());
    }
  }
  return kept;
}

} // namespace ckpt::scheduler
