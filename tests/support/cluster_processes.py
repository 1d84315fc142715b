"""Processes of a throw-away cluster, known by pid and start time; ports; the ends of logs."""
import os
import random
import socket
import time
from pathlib import Path


class ClusterError(Exception):
    """The cluster is not as it was asked to be; the text holds the end of the log that tells why."""


def stat_of(pid: int) -> tuple[str, str, int, str] | None:
    """(command, state, parent, start time) of a process, or None."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
    return name, rest[0], int(rest[1]), rest[19]


def all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def children(parent: int) -> list[int]:
    return [pid for pid in all_pids() if (s := stat_of(pid)) and s[2] == parent and s[1] != "Z"]


def identity(pid: int) -> dict | None:
    found = stat_of(pid)
    return {"pid": pid, "start": found[3]} if found else None


def alive(who: dict | None) -> bool:
    """True while that very process runs: a zombie is dead (PID 1 may reap late), a recycled pid is somebody else."""
    found = stat_of(who["pid"]) if who else None
    return bool(found and found[3] == who["start"] and found[1] not in "ZX")


def send(who: dict | None, number: int) -> None:
    if alive(who):
        try:
            os.kill(who["pid"], number)
        except ProcessLookupError:
            pass


def wait_until(condition, timeout: float, step: float = 0.02) -> bool:
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(step)
    return True


def free_ports(count: int) -> list[int]:
    """Below the kernel's range for outgoing connections, which could take a port while its daemon restarts."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found: list[int] = []
    for port in random.sample(range(min(10000, low - 2000), low), 2000):
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise ClusterError("no free ports")


def tail(path: Path, lines: int = 15) -> str:
    text = path.read_text(errors="replace").splitlines() if path.exists() else ["(no such file)"]
    return f"--- end of {path}\n" + "\n".join(text[-lines:])
