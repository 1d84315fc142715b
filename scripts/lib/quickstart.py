#!/usr/bin/env python3
"""The demonstration behind scripts/quickstart: one job, three allocations, two nodes, one output."""
import argparse
import datetime
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from slurm_cluster import SlurmCluster  # noqa: E402
from usersite import Site  # noqa: E402

# An ordinary program: it knows nothing of checkpoints. About 150 s of work; each line depends on all before it.
PROGRAM = '''#!/usr/bin/python3
import hashlib, sys, time
state = b"start"
for step in range(int(sys.argv[1])):
    for _ in range(2000):
        state = hashlib.sha256(state).digest()
    print(step, state.hex()[:16], flush=True)
    time.sleep(0.25)
'''
STEPS = 600
LIMIT_MINUTES = 1
PATIENCE_SECONDS = 900

# A demonstration is watched; the defaults spare a shared controller. One that is kept stays until it is removed.
CONFIG = '''
[poll]
pending = "2s"
running = "10s"
'''
CONFIG_KEPT = CONFIG + '''
[daemon]
idle_exit = "0s"
'''

# Left with --keep: how to look at it as the person whose jobs these are, and how to get rid of it.
SHELL = '''#!/bin/sh
# As the demonstration's user: a shell, or the command behind this name.
cd {work} || exit 1
[ $# -gt 0 ] || set -- bash --norc
exec {as_user} env -i {variables} TERM="${{TERM:-dumb}}" "$@"
'''
REMOVE = '''#!/bin/sh
# Ends the demonstration's daemon and cluster, and removes its user and this folder.
{folder}/shell ckpt cancel --all 2>/dev/null
{folder}/shell ckpt daemon stop
{python} {support}/slurm_cluster.py stop {folder}/cluster
{remove_user}
rm -rf {folder}
'''

started = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - started:4.0f} s] {text}", flush=True)


def base_folder():
    """Below build/ where an ordinary user can reach it; a clone in a closed home is not such a place."""
    folder = ROOT / "build" / "quickstart"
    folder.mkdir(parents=True, exist_ok=True)
    if all(parent.stat().st_mode & 0o001 for parent in [folder, *folder.parents]):
        return pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=folder))
    return pathlib.Path(tempfile.mkdtemp(prefix="ckptd-quickstart-", dir="/var/tmp"))


def clock(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).strftime("%H:%M:%S") if text else "-"


def size(count):
    return f"{count / 1e6:.1f} MB" if count else "-"


def leave(folder, site):
    """Writes `shell` and `remove` into the folder that is kept."""
    quoted = " ".join(shlex.quote(f"{name}={value}") for name, value in site.env.items() if name != "NO_COLOR")
    as_user = f"setpriv --reuid={site.account.pw_uid} --regid={site.account.pw_gid} --clear-groups" if site.made_user else ""
    scripts = {
        "shell": SHELL.format(work=shlex.quote(str(site.work)), as_user=as_user, variables=quoted),
        "remove": REMOVE.format(folder=shlex.quote(str(folder)), python=sys.executable, support=shlex.quote(str(ROOT / "tests/support")),
                                remove_user=f"userdel {site.user}" if site.made_user else ":"),
    }
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


def table(title, rows):
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    print(f"\n{title}")
    for row in rows:
        print("  " + "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())


class Demonstration:
    def __init__(self, site, cluster):
        self.site = site
        self.cluster = cluster
        self.told = set()

    def steer(self, job):
        """Drains the node that the job runs on: its next allocation then lies on the other one, as on a busy cluster."""
        attempt = job["current_attempt"] or {}
        node = attempt.get("node")
        for name in self.cluster.node_names:
            self.cluster.run("scontrol", "update", f"nodename={name}", *(
                ["state=drain", "reason=quickstart"] if name == node else ["state=resume"]))

    def tell(self, job):
        """Says what is new since the last look."""
        for attempt in self.site.job(job)["attempts"]:
            key = ("attempt", attempt["n"], attempt["state"] == "ended")
            if attempt["n"] and attempt.get("node") and key not in self.told:
                self.told.add(key)
                if attempt["state"] == "ended":
                    say(f"attempt {attempt['n']} on {attempt['node']} ended: {attempt['end_reason']}")
                else:
                    source = (attempt.get("started_from") or {}).get("generation")
                    say(f"attempt {attempt['n']} runs on {attempt['node']}" + (f", from {source}" if source else ""))
                    self.steer(self.site.job(job))
        for generation in self.site.json("gens", job)["items"]:
            key = ("generation", generation["id"], generation["state"])
            if generation["state"] == "sealed" and key not in self.told:
                self.told.add(key)
                say(f"generation {generation['id']} sealed: {generation['trigger']}, {size(generation['bytes'])}, "
                    f"program stood still for {generation['blocked_seconds']:.2f} s")

    def run(self):
        program = self.site.program("simulate.py", PROGRAM)
        say(f"a program that needs about {STEPS * 0.26:.0f} s, in allocations of {LIMIT_MINUTES} minute(s)")
        reference = self.site.popen(program, STEPS, stdout=open(self.site.root / "reference.out", "w"))
        try:
            submitted = self.site.ckpt("submit", "--time", f"0:0{LIMIT_MINUTES}:00", "--every", "20s", "-J", "quickstart",
                                       "--output", "simulate.out", "--", program, STEPS)
            say((submitted.stdout + submitted.stderr).strip())
            end = time.monotonic() + PATIENCE_SECONDS
            while True:
                job = self.site.job("quickstart")
                self.tell("quickstart")
                if job["state"] in ("completed", "failed", "cancelled", "parked"):
                    break
                if time.monotonic() > end:
                    raise SystemExit(f"not finished after {PATIENCE_SECONDS} s\n" + self.site.evidence("quickstart"))
                time.sleep(1)
            reference.wait(timeout=PATIENCE_SECONDS)
        finally:
            if reference.poll() is None:
                reference.kill()
                reference.wait()
        return job

    def summary(self, job):
        attempts = job["attempts"]
        generations = self.site.json("gens", "quickstart")["items"]
        table("Attempts", [("n", "node", "started from", "ended", "reason")] + [
            (a["n"], a.get("node") or "-", (a.get("started_from") or {}).get("generation") or "the beginning", clock(a.get("ended_at")),
             a.get("end_reason") or "-") for a in attempts])
        table("Generations", [("id", "state", "trigger", "size", "stored", "blocked")] + [
            (g["id"], g["state"], g["trigger"], size(g["bytes"]), size(g.get("stored_bytes")),
             f"{g['blocked_seconds']:.2f} s" if g.get("blocked_seconds") is not None else "-") for g in generations])
        ours = (self.site.work / "simulate.out").read_bytes()
        reference = (self.site.root / "reference.out").read_bytes()
        identical = ours == reference
        print(f"\njob {job['id']}: {job['state']}, exit status {job['exit_code']}, {len(attempts)} attempts on "
              f"{len({a.get('node') for a in attempts})} nodes")
        print(f"output: {len(ours.splitlines())} lines; "
              + ("output identical to an uninterrupted run" if identical else "OUTPUT DIFFERS from an uninterrupted run"))
        nodes = {a.get("node") for a in attempts}
        return identical and job["state"] == "completed" and job["exit_code"] == 0 and len(attempts) >= 3 and len(nodes) == 2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    folder = base_folder()
    folder.chmod(0o755)
    if os.environ.get("CKPT_CRIU"):  # the ordinary user must reach it
        source = pathlib.Path(os.environ["CKPT_CRIU"]).resolve().parents[1]
        shutil.copytree(source, folder / "criu", symlinks=True)
        os.environ["CKPT_CRIU"] = str(folder / "criu" / "bin" / "criu")
    cluster = SlurmCluster(folder / "cluster", nodes=2, cred_expire=120, kill_wait=30)
    site = None
    held = False
    try:
        cluster.start()
        say("Slurm is up: 2 nodes, munge, slurmctld and slurmd on loopback")
        site = Site(ROOT / options.bin, cluster=cluster, folder=folder / "person", config=CONFIG_KEPT if options.keep else CONFIG)
        demonstration = Demonstration(site, cluster)
        job = demonstration.run()
        held = demonstration.summary(job)
        address = site.json("dashboard")["url"]
        if options.keep:
            print(f"dashboard: {address}")
        else:
            print(f"dashboard: it was at {address.split('#')[0]} and ends now; `scripts/quickstart --keep` leaves it running")
    finally:
        if options.keep and site:
            leave(folder, site)
            print(f"kept, until you type {folder}/remove\n  {folder}/shell ckpt ls --all      or any other command, as the user whose job it is")
        else:
            if site:
                site.close()
            cluster.stop()
            shutil.rmtree(folder, ignore_errors=True)
    print("all of it held" if held else "NOT everything held")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
