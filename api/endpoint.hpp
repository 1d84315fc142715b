#pragma once

#include "core/base/files.hpp"
#include "core/domain/time.hpp"

#include <map>
#include <optional>
#include <string>

// Where daemon and client find each other. Both compute the state folder by the same rules from the
// environment; the rest stands in endpoint.json.

namespace ckpt::api {

using Environment = std::map<std::string, std::string>;
Environment environment_of_process();

/// The paths of one user and cluster. All absolute.
struct Paths {
  Path state_dir;      ///< CKPTD_STATE_DIR, else $XDG_STATE_HOME/ckptd/<cluster>
  Path config_file;    ///< CKPTD_CONFIG, else $XDG_CONFIG_HOME/ckptd/config.toml; need not exist
  std::string cluster; ///< Slurm's ClusterName, "local" where there is no sbatch; "unknown" only
                       ///< with CKPTD_STATE_DIR

  Path endpoint_file() const { return state_dir / "endpoint.json"; }
  Path token_file() const { return state_dir / "token"; }
  Path log_file() const { return state_dir / "ckptd.log"; }
};

/// Fails with `no_home` (neither HOME nor the variables), `relative_path` (a variable that is not
/// an absolute path), `cluster_unknown` (sbatch is there, but ClusterName is neither in slurm.conf
/// nor told by scontrol: guessing would start a second daemon).
Result<Paths> find_paths(const Environment& env);

/// The cluster's name; see Paths::cluster. Reads slurm.conf, asks scontrol only where there is
/// none.
Result<std::string> find_cluster(const Environment& env);

/// endpoint.json (0600): what the running daemon answers on.
struct Endpoint {
  std::string host;
  std::int64_t pid = 0;
  std::int64_t uid = 0;
  std::string version;
  Path socket;
  std::optional<std::string> tcp; ///< "127.0.0.1:41234"
  Path token_file;
  TimePoint started_at{};
  bool operator==(const Endpoint&) const = default;
};

Status write_endpoint(const Path& file, const Endpoint& endpoint);
/// `no_daemon` (class no_daemon) when the file is not there.
Result<Endpoint> read_endpoint(const Path& file);

/// 256 random bits in hexadecimal, made (0600) if the file is not there. Refuses a file that others
/// may read (`token_exposed`).
Result<std::string> load_or_create_token(const Path& file);
Result<std::string> read_token(const Path& file);

/// A folder for the socket: mode 0700, ours, no link; below $XDG_RUNTIME_DIR where that is a folder
/// of ours, else below /tmp. The same one for the same state folder, unless a stranger sits on that
/// name.
Result<Path> make_socket_folder(const Environment& env, const Path& state_dir);
/// Checks or makes exactly this folder (`api.socket` of the configuration names a file in it).
Status prepare_socket_folder(const Path& folder);

} // namespace ckpt::api
