"""The init of one node, inside its namespaces."""
import ctypes
import os
import signal
import socket
from pathlib import Path


def bind(source: str, target: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), target.encode(), None, ctypes.c_ulong(4096 | 16384), None) != 0:  # MS_BIND | MS_REC
        raise OSError(ctypes.get_errno(), f"cannot bind {source} on {target}")


def private_tmp(node_tmp: Path, keep: list[str]) -> None:
    """/tmp becomes the node's own folder, in which the folders to keep are still seen where they were."""
    kept = [(path, os.open(path, os.O_PATH)) for path in keep if path.startswith("/tmp/")]
    for path, _ in kept:
        (node_tmp / path[len("/tmp/"):]).mkdir(parents=True, exist_ok=True)
    bind(str(node_tmp), "/tmp")
    for path, fd in kept:
        bind(f"/proc/self/fd/{fd}", path)
        os.close(fd)


def node_init(spec: dict) -> None:
    """PID 1 of a node: sets it up, starts slurmd (again on SIGUSR1), and reaps; it outlives slurmd, as a node does."""
    socket.sethostname(spec["name"])
    bind(spec["hosts"], "/etc/hosts")
    if spec["tmp"]:
        private_tmp(Path(spec["tmp"]), spec["keep"])
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGCHLD])
    slurmd = 0
    while True:
        if not slurmd:
            slurmd = os.fork()
            if not slurmd:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1, signal.SIGCHLD])
                os.execvp(spec["slurmd"][0], spec["slurmd"])
        restart = signal.sigwait([signal.SIGUSR1, signal.SIGCHLD]) == signal.SIGUSR1
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                pid = 0
            if not pid:
                break
            if pid == slurmd:
                slurmd = -1  # stays down until it is asked for
        if restart and slurmd == -1:
            slurmd = 0
