#include "api/config.hpp"
#include "api/endpoint.hpp"
#include "core/base/process.hpp"
#include "core/base/strings.hpp"

#include <unistd.h>

#include <algorithm>
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

/// What Slurm calls itself. One that calls itself "local" must not share the folder of local jobs.
std::string named_by_slurm(std::string name) {
  return name == kLocalCluster ? "slurm-local" : name;
}

bool slurm_is_own(const Environment& env, const std::string& kind) {
  return kind == "slurm" || (kind == "auto" && on_path(env, "sbatch"));
}

/// scheduler.kind. A broken file is the daemon's to complain of.
std::string scheduler_kind(const Path& config_file, const Environment& env) {
  const auto config = Config::load(config_file, env);
  return config ? config->text("scheduler.kind") : "auto";
}

Result<Path> find_config(const Environment& env) {
  const std::string own = value_of(env, "CKPTD_CONFIG");
  if (!own.empty()) {
    return absolute_variable("CKPTD_CONFIG", own);
  }
  auto folder = xdg_folder(env, "XDG_CONFIG_HOME", ".config");
  return folder ? Result<Path>(*folder / "ckptd" / "config.toml") : folder;
}

/// As slurm.conf has it; the controller, which may hang, is asked only where it matters.
Result<std::string> own_cluster(const Environment& env, const std::string& kind, bool it_matters) {
  if (!slurm_is_own(env, kind)) {
    return kLocalCluster;
  }
  const std::string name = named_by_slurm(cluster_from_slurm_conf(env));
  if (safe_folder_name(name)) {
    return name;
  }
  if (!it_matters) {
    return kUnknownCluster;
  }
  if (!on_path(env, "sbatch")) {
    return fail(ErrorClass::unusable,
                "no_sbatch",
                "scheduler.kind is slurm, but there is no sbatch on PATH",
                "Put Slurm's commands on PATH; set SLURM_CONF; or unset CKPTD_SCHEDULER.");
  }
  return find_cluster(env);
}

Path clusters_in(const Path& folder) {
  return folder / "clusters";
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
    return kLocalCluster;
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
  return named_by_slurm(name);
}

Result<Paths> find_paths(const Environment& env) {
  Paths paths;
  auto config = find_config(env);
  if (!config) {
    return tl::unexpected(config.error());
  }
  paths.config_file = std::move(*config);

  const std::string own_state = value_of(env, "CKPTD_STATE_DIR");
  const std::string wanted = value_of(env, "CKPTD_CLUSTER");
  if (!wanted.empty() && !safe_folder_name(wanted)) {
    return fail(ErrorClass::usage,
                "cluster_name",
                "'" + wanted + "' cannot be the name of a cluster",
                "Write `local`, or Slurm's ClusterName.");
  }
  auto own =
      own_cluster(env, scheduler_kind(paths.config_file, env), own_state.empty() && wanted.empty());
  if (!own) {
    return tl::unexpected(own.error());
  }
  paths.own_cluster = std::move(*own);
  paths.cluster = wanted.empty() ? paths.own_cluster : wanted;
  if (paths.own_cluster == kUnknownCluster && paths.cluster != kLocalCluster) {
    paths.own_cluster = paths.cluster; // what else; check_cluster looks before a daemon starts
  }

  auto state = own_state.empty() ? xdg_folder(env, "XDG_STATE_HOME", ".local/state")
                                 : absolute_variable("CKPTD_STATE_DIR", own_state);
  if (!state) {
    return tl::unexpected(state.error());
  }
  paths.state_dir = own_state.empty() ? *state / "ckptd" / paths.cluster
                    : paths.beside()  ? clusters_in(*state) / paths.cluster
                                      : *state;
  return paths;
}

std::vector<Paths> other_places(const Environment& env, const Paths& ours) {
  std::vector<Paths> places;
  const auto add = [&](const Path& folder, const std::string& cluster) {
    Paths place = ours;
    place.state_dir = folder;
    place.cluster = cluster;
    std::error_code error;
    if (folder != ours.state_dir && std::filesystem::exists(place.endpoint_file(), error)) {
      places.push_back(std::move(place));
    }
  };
  Path all;
  if (const std::string own = value_of(env, "CKPTD_STATE_DIR"); own.empty()) {
    all = ours.state_dir.parent_path();
  } else {
    const Path folder = Path(own).lexically_normal();
    add(folder, ours.own_cluster);
    all = clusters_in(folder);
  }
  std::error_code error;
  std::filesystem::directory_iterator at(all, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    add(at->path(), at->path().filename().string());
  }
  std::sort(places.begin(), places.end(), [](const Paths& a, const Paths& b) {
    return a.cluster < b.cluster;
  });
  return places;
}

Status check_cluster(const Environment& env, const Paths& paths) {
  const std::string wanted = value_of(env, "CKPTD_CLUSTER");
  if (wanted.empty() || wanted == kLocalCluster) {
    return {};
  }
  const auto own = own_cluster(env, scheduler_kind(paths.config_file, env), true);
  if (!own) {
    return tl::unexpected(own.error());
  }
  if (*own == wanted) {
    return {};
  }
  return fail(ErrorClass::usage,
              "wrong_cluster",
              "the daemon of the cluster '" + wanted +
                  "' does not run, and cannot be started here: this machine belongs to '" + *own +
                  "'",
              "Work on a machine of '" + wanted + "', or write --cluster " + *own +
                  (*own == kLocalCluster ? "." : " or --cluster local."));
}

StorePlace find_store(const Config& config, const Environment& env, const Paths& paths) {
  StorePlace place;
  if (const std::string chosen = config.text("store.path"); !chosen.empty()) {
    place.path = chosen;
    place.origin = config.all().at("store.path").origin;
  } else {
    for (const char* shared : {"SCRATCH", "WORK"}) {
      const std::string root = value_of(env, shared);
      if (!root.empty() && root.front() == '/') {
        place.path = Path(root) / "ckptd";
        place.origin = shared;
        place.instead = clusters_in(place.path) / paths.cluster;
        break;
      }
    }
  }
  if (place.path.empty()) {
    return {paths.state_dir / "store", "default", {}};
  }
  if (paths.beside()) {
    place.path = clusters_in(place.path) / paths.cluster;
    place.instead.clear();
  }
  return place;
}

} // namespace ckpt::api
