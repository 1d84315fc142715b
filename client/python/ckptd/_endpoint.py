"""Finds the daemon (endpoint.json), makes sure that it is ours, and starts it as `ckpt` would."""
import json
import logging
import os
import shutil
import socket
import stat
import subprocess
import time
from typing import Any, Dict, Mapping, NamedTuple, Optional

from ._paths import Paths
from ._values import decode_text
from .errors import CkptError, Failed, NoDaemon, Refused, Unusable

_ANOTHER = 5.0  # seconds

log = logging.getLogger("ckptd")

Endpoint = NamedTuple("Endpoint", [("host", str), ("pid", int), ("socket", str), ("tcp", Optional[str]),
                                   ("token_file", str), ("version", str)])


def none(state_dir: str) -> NoDaemon:
    return NoDaemon("no_daemon", "no daemon runs for {}".format(state_dir), "Start it: `ckpt daemon start`.")


def read_endpoint(state_dir: str) -> Endpoint:
    """`NoDaemon` when there is no endpoint.json, or when it is another host's."""
    path = os.path.join(state_dir, "endpoint.json")
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)  # type: Dict[str, Any]
        found = Endpoint(data["host"], int(data["pid"]), decode_text(data["socket"]), data.get("tcp"),
                         decode_text(data.get("token_file")), data.get("version", ""))
    except FileNotFoundError:
        raise none(state_dir) from None
    except (ValueError, KeyError, TypeError):
        raise Failed("bad_endpoint", path + " is not an endpoint file of ckptd",
                     "Restart the daemon: `ckpt daemon restart`.") from None
    if found.host != socket.gethostname():
        raise NoDaemon("daemon_elsewhere", "the daemon runs on {} (pid {}), and it listens there only".format(found.host, found.pid),
                       "Work there: `ssh {}`; or end it there with `ckpt daemon stop`.".format(found.host))
    return found


def runs(endpoint: Endpoint) -> bool:
    """Whether its process is there, on this host."""
    try:
        with open("/proc/{}/stat".format(endpoint.pid), encoding="utf-8", errors="replace") as file:
            name, _, rest = file.read().partition("(")[2].rpartition(")")
    except OSError:
        return False
    return name == "ckptd" and rest.split()[0] != "Z"


def check_socket_folder(path: str) -> None:
    """`Refused` where somebody else could have put a socket of his own: an environment is sent through it."""
    folder = os.path.dirname(path)
    try:
        info = os.lstat(folder)
    except FileNotFoundError:
        return  # gone with a logout; then it goes over TCP
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid() or info.st_mode & 0o022:
        raise Refused("socket_folder_exposed", folder + " is not a folder of yours that only you can write to",
                      "Set api.socket in the configuration to a file in a folder of your own.")


def read_token(path: str) -> str:
    """`Refused` when others can read it."""
    info = os.lstat(path)
    if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid() or info.st_mode & 0o077:
        raise Refused("token_exposed", "the token file {} is not a file of yours that only you can read".format(path),
                      "Remove it and restart the daemon: `ckpt daemon restart`.")
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def we_listen_on(tcp: str, table: str = "/proc/net/tcp") -> bool:
    """Whether a process of this user has that port of 127.0.0.1: after a daemon's death a stranger may have taken it."""
    wanted = "0100007F:{:04X}".format(int(tcp.rpartition(":")[2]))
    try:
        with open(table, encoding="ascii", errors="replace") as file:
            rows = [line.split() for line in file]
    except OSError:
        return False
    return any(len(row) > 7 and row[1] == wanted and row[3] == "0A" and row[7] == str(os.geteuid()) for row in rows)


def may_start(paths: Paths, env: Mapping[str, str]) -> bool:
    """CKPTD_AUTOSTART, else `daemon.autostart` of the configuration, else yes."""
    wish = env.get("CKPTD_AUTOSTART") or paths.config.get("daemon.autostart", "true")
    return wish not in ("0", "false")


def _another_starts(state_dir: str) -> bool:
    """Somebody else was faster, and that daemon comes up."""
    end = time.monotonic() + _ANOTHER
    while time.monotonic() < end:
        try:
            if runs(read_endpoint(state_dir)):
                return True
        except CkptError:
            pass
        time.sleep(0.1)
    return False


def ckpt_program(env: Mapping[str, str]) -> str:
    """`Unusable` where it is not on PATH."""
    program = shutil.which("ckpt", path=env.get("PATH", os.defpath))
    if program is None:
        raise Unusable("ckpt_not_found", "there is no ckpt on PATH", "Put its folder on PATH: `export PATH=~/.local/bin:$PATH`.")
    return program


def start(paths: Paths, env: Mapping[str, str]) -> None:
    """`ckpt daemon start` for this cluster; returns when it answers. `NoDaemon` with what it said if it does not."""
    try:
        program = ckpt_program(env)
    except Unusable:
        raise NoDaemon("ckpt_not_found", "no daemon runs, and there is no ckpt on PATH to start it",
                       "Put its folder on PATH, or start the daemon yourself: `ckpt daemon start`.") from None
    try:
        done = subprocess.run([program, "daemon", "start"], env=dict(env, CKPTD_CLUSTER=paths.cluster), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, universal_newlines=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoDaemon("daemon_not_started", "the daemon did not start: {}".format(error),
                       "Type `ckptd --foreground` to see more.") from error
    if done.returncode != 0 and not _another_starts(paths.state_dir):
        raise NoDaemon("daemon_not_started", "the daemon did not start: " + done.stderr.strip(),
                       "Type `ckptd --foreground` to see more.")
    log.info("%s", done.stderr.strip() or "started the daemon")
