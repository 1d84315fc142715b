"""Who is who among the user's processes: seen from outside the nodes' namespaces, as root."""
import os
import pathlib
import re

# Ours and the engines' own, by the kernel's short name; everything else below a runner is the program.
HELPERS = re.compile(r"^(ckpt-runner|exe|criu|criu-hook|ld-linux.*|dmtcp_.*|mtcp_restart|squeue|scontrol|scancel|sbatch|slurm.*|\d+)$")


def table(uid):
    """{pid: (parent, short name, command line)} of all live processes; the command line of the user's only."""
    found = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "stat").read_text()
            name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
            if rest[0] in "ZX":
                continue
            mine = entry.stat().st_uid == uid
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace") if mine else ""
            found[int(entry.name)] = (int(rest[1]), name, line)
        except (OSError, ValueError, IndexError):
            continue
    return found


class Runner:
    """A live ckpt-runner and what is below it."""

    def __init__(self, pid, job, processes):
        self.pid, self.job = pid, job
        below, new = set(), {pid}
        while new:
            new = {child for child, (parent, _, _) in processes.items() if parent in new and child not in below}
            below |= new
        self.program = sorted(p for p in below if not HELPERS.match(processes[p][1]))
        # The process that holds the rest: DMTCP's coordinator, the init of CRIU's namespace.
        self.coordinators = sorted(p for p in below if re.match(r"\S*dmtcp_coordinator\b|.* --ns-init ", processes[p][2]))


def runners(uid):
    """All live runners of the user, as a list: two of one job would show here."""
    processes = table(uid)
    found = []
    for pid, (_, _, line) in processes.items():
        match = re.search(r"ckpt-runner run --job \S*/jobs/(j-\d+) ", line)
        if match:
            found.append(Runner(pid, match.group(1), processes))
    return found


def state(pid):
    """The kernel's letter; X for one that is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return "X"


def signal(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
