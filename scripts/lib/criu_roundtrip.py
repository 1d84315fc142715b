#!/usr/bin/python3
"""Proves that a CRIU works here: `criu check` (as root), then a tiny program is dumped, killed and restored.

    criu_roundtrip.py CRIU WORKDIR [--inet]

Runs as the current user: root in new PID and mount namespaces, anybody else in a user namespace too,
because that is the only way for CRIU without privileges. WORKDIR must exist and be writable.
--inet: the program holds an AF_INET socket (CRIU 4.1 cannot dump one on newer kernels).
Prints one JSON object {"ok": …, "reason": …} and ends with 0 when the program came back with its memory
and its exit status, else with 1.
"""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

DEADLINE = 30.0  # seconds for one phase; a broken restore can spin for ever
STATUS = 7  # the program's exit status: neither success nor a status of our tools

PROGRAM = """
import os, socket, sys, time
work, inet = sys.argv[1], sys.argv[2] == "inet"
if inet:
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
secret = os.urandom(8).hex()
print("ready", secret, flush=True)
while not os.path.exists(work + "/go"):
    time.sleep(0.01)
print("again", secret, flush=True)
sys.exit(7)
"""


def is_root() -> bool:
    return os.environ.get("ROUNDTRIP_ROOT") == "1"


def criu_command(criu: str, verb: str, *args: str) -> list[str]:
    """One CRIU command line; must run inside the namespaces."""
    if is_root():
        cgroups = [] if verb == "check" else ["--manage-cgroups=ignore"]
        return [criu, verb, *cgroups, *args]
    drop = "-setuid,-setgid"  # with them CRIU tries to switch ids and fails in the namespace
    return ["setpriv", f"--ambient-caps={drop}", f"--inh-caps={drop}", criu, verb, "--unprivileged", *args]


def run_criu(criu: str, work: Path, verb: str, *args: str) -> None:
    done = subprocess.run(criu_command(criu, verb, *args), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode != 0:
        log = work / f"{verb}.log"
        text = log.read_text(errors="replace") if log.exists() else done.stdout
        errors = [line for line in text.splitlines() if "Error" in line or "Unknown" in line or "unrecognized" in line]
        raise SystemExit(f"criu {verb} ended with {done.returncode}: "
                         + " / ".join((errors or text.splitlines())[:4]))


def wait_for(what: str, condition) -> None:
    end = time.monotonic() + DEADLINE / 2
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"gave up waiting for {what}")
        time.sleep(0.01)


def dump_phase(criu: str, work: Path, inet: str) -> None:
    """PID 1 of the first namespace: check, start the program, dump it (which kills it)."""
    if is_root():
        # Without root it fails always ("Can't turn TCP repair mode ON": it asks for power over the host's network, which
        # a program without established connections does not need); there the round trip alone is the proof.
        run_criu(criu, work, "check")
    # High, so that the program's pids never meet those of the next namespace's own processes.
    Path("/proc/sys/kernel/ns_last_pid").write_text("700")
    bare = [] if is_root() else ["setpriv", "--ambient-caps=-all", "--inh-caps=-all"]
    out = work / "out"
    # Descriptors opened here, by path, inside the mount namespace: CRIU cannot dump older ones.
    with open("/dev/null") as null, open(out, "a") as stdout, open(work / "err", "a") as stderr:
        program = subprocess.Popen([*bare, "setsid", sys.executable, "-S", "-c", PROGRAM, str(work), inet],
                                   stdin=null, stdout=stdout, stderr=stderr, cwd=work, env={"PATH": os.environ["PATH"]})
    wait_for("the program to start", lambda: program.poll() is not None or out.read_text().endswith("\n"))
    if program.poll() is not None:
        raise SystemExit(f"the program ended with {program.returncode}: {(work / 'err').read_text()[-300:]}")
    run_criu(criu, work, "dump", "-t", str(program.pid), "-D", str(work / "images"), "-v2", "-o", str(work / "dump.log"))
    if program.wait() != -9:
        raise SystemExit(f"the dumped program ended with {program.returncode} instead of being killed")


def restore_phase(criu: str, work: Path) -> None:
    """PID 1 of the second namespace: restore as our own child, so that waitpid tells the truth."""
    pid_file = work / "pid"
    run_criu(criu, work, "restore", "-d", "--restore-sibling", "--pidfile", str(pid_file),
             "-D", str(work / "images"), "-v2", "-o", str(work / "restore.log"))
    (work / "go").touch()
    _, status = os.waitpid(int(pid_file.read_text()), 0)
    if os.waitstatus_to_exitcode(status) != STATUS:
        raise SystemExit(f"the restored program ended with {os.waitstatus_to_exitcode(status)} instead of {STATUS}")
    lines = [line.split() for line in (work / "out").read_text().splitlines()]
    if [line[0] for line in lines] != ["ready", "again"] or lines[0][1] != lines[1][1]:
        raise SystemExit(f"the restored program wrote {lines}")


def in_namespaces(phase: str, criu: str, work: Path, inet: str) -> str:
    """Runs one phase as PID 1 of new namespaces. Returns '' or the reason of the failure."""
    root = os.geteuid() == 0
    flags = [] if root else ["-U", "-c", "--keep-caps"]
    command = ["unshare", *flags, "-m", "-p", "-f", "--mount-proc", "--kill-child",
               sys.executable, os.path.abspath(__file__), "--phase", phase, criu, str(work), inet]
    env = dict(os.environ, ROUNDTRIP_ROOT="1" if root else "0")
    with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, errors="replace") as child:
        try:
            _, stderr = child.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            child.kill()
            return f"{phase} hung for {DEADLINE:.0f} s"
    return "" if child.returncode == 0 else stderr.strip() or f"{phase} ended with {child.returncode}"


def main() -> int:
    if sys.argv[1] == "--phase":
        phase, criu, work, inet = sys.argv[2], sys.argv[3], Path(sys.argv[4]), sys.argv[5]
        dump_phase(criu, work, inet) if phase == "dump" else restore_phase(criu, work)
        return 0
    criu, work = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve()
    inet = "inet" if "--inet" in sys.argv[3:] else "plain"
    (work / "images").mkdir()
    reason = in_namespaces("dump", criu, work, inet) or in_namespaces("restore", criu, work, inet)
    print(json.dumps({"ok": not reason, "reason": reason}))
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
