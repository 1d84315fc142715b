#pragma once

#include "core/base/files.hpp"
#include "core/domain/time.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

// Where daemon and client find each other. Both compute the state folder by the same rules from the
// environment; the rest stands in endpoint.json.

namespace ckpt::api {

using Environment = std::map<std::string, std::string>;
Environment environment_of_process();

/// The paths of one user and cluster. All absolute.
struct Paths {
  Path state_dir;      ///< see find_paths
  Path config_file;    ///< CKPTD_CONFIG, else $XDG_CONFIG_HOME/ckptd/config.toml; need not exist
  std::string cluster; ///< whose jobs these are: CKPTD_CLUSTER, else own_cluster
  /// The machine's: Slurm's ClusterName; kLocalCluster where scheduler.kind is `local`, or `auto`
  /// and there is no sbatch; kUnknownCluster where the answer was not worth asking the controller
  /// for.
  std::string own_cluster;

  /// Not the machine's own: such a place lies below one that a variable names.
  bool beside() const { return cluster != own_cluster; }

  Path endpoint_file() const { return state_dir / "endpoint.json"; }
  Path token_file() const { return state_dir / "token"; }
  Path log_file() const { return state_dir / "ckptd.log"; }
};

inline constexpr const char* kLocalCluster = "local"; ///< the jobs of this machine
inline constexpr const char* kUnknownCluster = "unknown";

/// The state folder is $XDG_STATE_HOME/ckptd/<cluster>. Where CKPTD_STATE_DIR is set, it is that
/// folder itself for the machine's own cluster, and clusters/<cluster> in it for another one (local
/// jobs beside Slurm). Fails with `no_home` (neither HOME nor the variables), `relative_path` (a
/// variable that is not an absolute path), `cluster_name` (CKPTD_CLUSTER cannot name a folder),
/// `cluster_unknown` (sbatch is there, but ClusterName is neither in slurm.conf nor told by
/// scontrol: guessing would start a second daemon).
Result<Paths> find_paths(const Environment& env);

/// The other places of this user that have, or had, a daemon. None is looked at.
std::vector<Paths> other_places(const Environment& env, const Paths& ours);

/// Whether a daemon for paths.cluster can do its work here: `wrong_cluster` (usage) where it is
/// neither the machine's own nor local. May ask scontrol.
Status check_cluster(const Environment& env, const Paths& paths);

/// The name of Slurm's cluster. Reads slurm.conf, asks scontrol only where there is none; "local"
/// where there is no sbatch.
Result<std::string> find_cluster(const Environment& env);

class Config;

/// Where jobs and generations lie.
struct StorePlace {
  Path path;
  std::string origin; ///< CKPTD_STORE, the file, SCRATCH, WORK, or "default"
  /// Where to go instead when the folder turns out to be another cluster's; empty where somebody
  /// chose the folder, or where it is in the state folder.
  Path instead;
};
/// store.path, else $SCRATCH/ckptd, else $WORK/ckptd, else `store` in the state folder; of the
/// first three, a cluster beside the machine's own gets clusters/<cluster> in it.
StorePlace find_store(const Config& config, const Environment& env, const Paths& paths);

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
/// Removes that folder, unless it is in use or of another name. Only for who owns the state folder,
/// since nobody else makes it, and its server has ended.
void remove_socket_folder(const Environment& env, const Path& state_dir, const Path& folder);
/// Looks only: a folder, no link, ours, and nobody else can write in it. What a client asks before
/// it sends an environment through a socket in there.
Status check_socket_folder(const Path& folder);
/// Checks or makes exactly this folder (`api.socket` of the configuration names a file in it).
Status prepare_socket_folder(const Path& folder);

} // namespace ckpt::api
