#include "api/endpoint.hpp"
#include "core/base/process.hpp"
#include "core/base/strings.hpp"

#include <unistd.h>

#include <cctype>

extern char** environ;

namespace ckpt::api {
namespace {

std::string value_of(const Environment& env, const std::string& name) {
  const auto found = env.find(name);
  return found == env.end() ? std::string() : found->second;
}

bool is_executable_file(const Path& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

bool on_path(const Environment& env, const std::string& program) {
  for (const std::string& folder : split(value_of(env, "PATH"), ':')) {
    if (!folder.empty() && is_executable_file(Path(folder) / program)) {
      return true;
    }
  }
  return false;
}

/// The value of `ClusterName` in the text of slurm.conf or of `scontrol show config`; keys are
/// written in any case.
std::string cluster_name_in(const std::string& text) {
  for (const std::string& line : split_lines(text)) {
    const std::string_view content = trim(std::string_view(line).substr(0, line.find('#')));
    const std::size_t equals = content.find('=');
    if (equals == std::string_view::npos) {
      continue;
    }
    std::string key;
    for (const char c : trim(content.substr(0, equals))) {
      key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    if (key == "clustername") {
      const std::string_view value = trim(content.substr(equals + 1));
      return std::string(value.substr(0, value.find_first_of(" \t")));
    }
  }
  return {};
}

std::string cluster_from_slurm_conf(const Environment& env) {
  std::vector<std::string> candidates;
  if (const std::string own = value_of(env, "SLURM_CONF"); !own.empty()) {
    candidates = {own};
  } else {
    candidates = {
        "/etc/slurm/slurm.conf", "/run/slurm/conf/slurm.conf", "/etc/slurm-llnl/slurm.conf"};
  }
  for (const std::string& candidate : candidates) {
    if (const auto text = read_file(candidate)) {
      if (std::string name = cluster_name_in(*text); !name.empty()) {
        return name;
      }
    }
  }
  return {};
}

std::string cluster_from_scontrol(const Environment& env) {
  Command command;
  command.argv = {"scontrol", "show", "config"};
  command.env = env;
  RunLimits limits;
  limits.timeout = seconds{15};
  const auto result = run_command(command, limits);
  return result && result->status.success() ? cluster_name_in(result->out) : std::string();
}

bool safe_folder_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

Result<Path> absolute_variable(const std::string& name, const std::string& value) {
  if (value.front() != '/') {
    return fail(ErrorClass::usage,
                "relative_path",
                name + " is '" + value + "', which is no absolute path",
                "Set " + name + " to a path that begins with /, or unset it.");
  }
  return Path(value).lexically_normal();
}

/// $XDG_…, else $HOME/<below>.
Result<Path>
xdg_folder(const Environment& env, const std::string& variable, const std::string& below) {
  // The XDG rules say that a relative value is ignored.
  if (const std::string own = value_of(env, variable); !own.empty() && own.front() == '/') {
    return Path(own).lexically_normal();
  }
  const std::string home = value_of(env, "HOME");
  if (home.empty() || home.front() != '/') {
    return fail(ErrorClass::usage,
                "no_home",
                "neither " + variable + " nor HOME names a folder",
                "Set HOME, or CKPTD_STATE_DIR and CKPTD_CONFIG.");
  }
  return (Path(home) / below).lexically_normal();
}

} // namespace

Environment environment_of_process() {
  Environment env;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos && equals > 0) {
      env.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return env;
}

Result<std::string> find_cluster(const Environment& env) {
  if (!on_path(env, "sbatch")) {
    return "local";
  }
  std::string name = cluster_from_slurm_conf(env);
  if (name.empty()) {
    name = cluster_from_scontrol(env);
  }
  if (!safe_folder_name(name)) {
    return fail(ErrorClass::unusable,
                "cluster_unknown",
                "sbatch is on PATH, but the cluster's name is not to be had: no slurm.conf names "
                "it, and `scontrol show config` did not answer",
                "Type `scontrol ping`; set SLURM_CONF; or name the state folder yourself with "
                "CKPTD_STATE_DIR.");
  }
  return name;
}

Result<Paths> find_paths(const Environment& env) {
  Paths paths;
  const std::string own_state = value_of(env, "CKPTD_STATE_DIR");
  if (own_state.empty()) {
    auto cluster = find_cluster(env);
    if (!cluster) {
      return tl::unexpected(cluster.error());
    }
    paths.cluster = std::move(*cluster);
  } else { // the name decides nothing here: not worth asking a controller that may hang
    const std::string name = cluster_from_slurm_conf(env);
    paths.cluster = !on_path(env, "sbatch") ? "local" : safe_folder_name(name) ? name : "unknown";
  }

  auto state = own_state.empty() ? xdg_folder(env, "XDG_STATE_HOME", ".local/state")
                                 : absolute_variable("CKPTD_STATE_DIR", own_state);
  if (!state) {
    return tl::unexpected(state.error());
  }
  paths.state_dir = own_state.empty() ? *state / "ckptd" / paths.cluster : *state;

  const std::string own_config = value_of(env, "CKPTD_CONFIG");
  auto config = own_config.empty() ? xdg_folder(env, "XDG_CONFIG_HOME", ".config")
                                   : absolute_variable("CKPTD_CONFIG", own_config);
  if (!config) {
    return tl::unexpected(config.error());
  }
  paths.config_file = own_config.empty() ? *config / "ckptd" / "config.toml" : *config;
  return paths;
}

} // namespace ckpt::api
