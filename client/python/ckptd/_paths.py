"""Which state folder is ours: the same rules as those of `ckpt` and `ckptd`, from the environment and the configuration."""
import os
import re
import shutil
import subprocess
from typing import Dict, Mapping, NamedTuple, Optional

from .errors import Unusable, Usage

LOCAL = "local"
_UNKNOWN = "unknown"
_SLURM_CONF = ("/etc/slurm/slurm.conf", "/run/slurm/conf/slurm.conf", "/etc/slurm-llnl/slurm.conf")

Paths = NamedTuple("Paths", [("state_dir", str), ("cluster", str), ("config_file", str), ("config", Dict[str, str])])


def read_config(text: str) -> Dict[str, str]:
    """The plain values of a TOML file by dotted name. Enough for what a client asks; the daemon judges the file."""
    values, section = {}, ""  # type: Dict[str, str], str
    for line in text.splitlines():
        header = re.match(r"\s*\[\s*([\w.\-]+)\s*\]", line)
        if header:
            section = header.group(1) + "."
            continue
        found = re.match(r"""\s*([\w.\-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s#]+))""", line)
        if found:
            values[section + found.group(1)] = next(value for value in found.groups()[1:] if value is not None)
    return values


def cluster_name_in(text: str) -> str:
    """The value of ClusterName in slurm.conf or in what `scontrol show config` prints; "" if there is none."""
    for line in text.splitlines():
        key, equals, value = line.split("#", 1)[0].partition("=")
        if equals and key.strip().lower() == "clustername":
            return (value.split() or [""])[0]
    return ""


def _absolute(name: str, value: str) -> str:
    if not value.startswith("/"):
        raise Usage("relative_path", "{} is '{}', which is no absolute path".format(name, value),
                    "Set {} to a path that begins with /, or unset it.".format(name))
    return os.path.normpath(value)


def _xdg(env: Mapping[str, str], variable: str, below: str) -> str:
    own = env.get(variable, "")
    if own.startswith("/"):
        return os.path.normpath(own)
    home = env.get("HOME", "")
    if not home.startswith("/"):
        raise Usage("no_home", "neither {} nor HOME names a folder".format(variable),
                    "Set HOME, or CKPTD_STATE_DIR and CKPTD_CONFIG.")
    return os.path.normpath(os.path.join(home, below))


def _safe(name: str) -> bool:
    return bool(name) and name not in (".", "..") and "/" not in name


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _from_slurm_conf(env: Mapping[str, str]) -> str:
    candidates = [env["SLURM_CONF"]] if env.get("SLURM_CONF") else _SLURM_CONF
    return next((name for name in (cluster_name_in(_read(path)) for path in candidates) if name), "")


def _from_scontrol(env: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(["scontrol", "show", "config"], env=dict(env), stdin=subprocess.DEVNULL, timeout=15,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return cluster_name_in(done.stdout) if done.returncode == 0 else ""


def _own_cluster(env: Mapping[str, str], kind: str, it_matters: bool) -> str:
    sbatch = shutil.which("sbatch", path=env.get("PATH", ""))
    if kind != "slurm" and not (kind == "auto" and sbatch):
        return LOCAL
    name = _from_slurm_conf(env)
    if not _safe(name) and not it_matters:
        return _UNKNOWN
    if not _safe(name):
        name = _from_scontrol(env)
    if not _safe(name):
        raise Unusable("cluster_unknown", "the cluster's name is not to be had: no slurm.conf names it, and "
                       "`scontrol show config` did not answer",
                       "Type `scontrol ping`; set SLURM_CONF; or name the state folder with CKPTD_STATE_DIR.")
    return "slurm-local" if name == LOCAL else name


def find_paths(env: Mapping[str, str], cluster: Optional[str] = None) -> Paths:
    """The state folder for `cluster` (default: CKPTD_CLUSTER, else the machine's own). May ask scontrol."""
    config_file = (_absolute("CKPTD_CONFIG", env["CKPTD_CONFIG"]) if env.get("CKPTD_CONFIG")
                   else os.path.join(_xdg(env, "XDG_CONFIG_HOME", ".config"), "ckptd", "config.toml"))
    config = read_config(_read(config_file))
    wanted = cluster or env.get("CKPTD_CLUSTER", "")
    if wanted and not _safe(wanted):
        raise Usage("cluster_name", "'{}' cannot be the name of a cluster".format(wanted),
                    "Write `local`, or Slurm's ClusterName.")
    own_state = env.get("CKPTD_STATE_DIR", "")
    kind = env.get("CKPTD_SCHEDULER", "") or config.get("scheduler.kind", "auto")
    own = _own_cluster(env, kind, not own_state and not wanted)
    name = wanted or own
    if own == _UNKNOWN and name != LOCAL:
        own = name
    if not own_state:
        state = os.path.join(_xdg(env, "XDG_STATE_HOME", ".local/state"), "ckptd", name)
    else:
        state = _absolute("CKPTD_STATE_DIR", own_state)
        if name != own:
            state = os.path.join(state, "clusters", name)
    return Paths(state, name, config_file, config)
