"""What a campaign happens in: three nodes of a real Slurm, an ordinary user with a daemon, and a dozen jobs that never all stand still."""
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from slurm_cluster import SlurmCluster
from usersite import Site, wait_until

from . import jobs, processes, store_faults

CONFIG = """
[poll]
journal = "500ms"
lease = "2s"
pending = "2s"
running = "5s"
[limits]
lease = "8s"
absence = "10s"
submit_patience = "15s"
submit_retry = "2s"
act_repeat = "5s"
"""
LEASE = 8
# The doorbell can be made to fail: scancel as the daemon finds it, first on its PATH.
SCANCEL = """#!/bin/sh
case "$*" in *URG*) [ -e "{root}/no-doorbell" ] && exit 0 ;; esac
exec /usr/bin/scancel "$@"
"""


class World:
    def __init__(self, bin_dir, engine, env, seed, work_seconds, live, log):
        self.random = random.Random(seed)
        self.engine, self.log = engine, log
        self.steps, self.live = round(work_seconds / jobs.PAUSE), live
        self.jobs, self.references = [], None
        self.kinds = list(jobs.KINDS)
        self.random.shuffle(self.kinds)
        self.stage = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-chaos-", dir="/tmp"))
        self.stage.chmod(0o755)
        self.infrastructure = threading.Lock()  # one node or controller is away at a time
        self.daemon_away, self.store_away, self.clock = threading.Lock(), threading.Lock(), threading.Lock()
        self.lease = LEASE
        self.store_hangs = False
        self.problems = []  # seen on the way
        self.cluster = SlurmCluster(self.stage / "cluster", nodes=3, cpus=8, cred_expire=30, kill_wait=10, network=True)
        self.site = None
        self.clocks = self.stage / "clocks"
        self.clock_steps = []  # (from, to, seconds) in true time; `to` is open while it lasts
        self.disk = self.make_disk()  # before the nodes begin: they see what is mounted then
        try:
            self.cluster.start()
            self.site = Site(bin_dir, cluster=self.cluster, folder=self.stage / "site-chaos", config=CONFIG,
                             env={"CKPTD_AUTOSTART": "0", **env})
            self.site.store = self.disk / "store"
            self.site._make(self.site.store)
            self.site.env["CKPTD_STORE"] = str(self.site.store)
            (self.site.bin / "scancel").write_text(SCANCEL.format(root=self.stage))
            (self.site.bin / "scancel").chmod(0o755)
            self.make_clocks()
            jobs.install(self.site, self.stage)
            self.references = jobs.References(self.site, self.stage)
            self.site.ckpt("daemon", "start")
        except BaseException:
            self.close()
            raise

    def make_disk(self):
        """An ext4 in memory. What frees blocks gives the memory back."""
        ram, disk = self.stage / "ram", self.stage / "disk"
        ram.mkdir()
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=9g", "ckptd-chaos", ram], check=True)
        with open(ram / "image", "wb") as image:
            image.truncate(8 << 30)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", ram / "image"], check=True)
        subprocess.run(["mount", "-o", "loop,discard", ram / "image", disk], check=True)
        disk.chmod(0o755)
        return disk

    def make_clocks(self):
        """ckptd and the runner that it installs become scripts that start them with a clock that can be set."""
        self.clocks.mkdir()
        for host in [socket.gethostname(), *self.cluster.node_names]:
            (self.clocks / host).write_bytes(bytes(8))
        shim = self.stage / "clock.so"
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", shim, jobs.PROGRAMS / "clock.c"], check=True)
        real = self.stage / "real"
        (real / "runner").mkdir(parents=True)
        for name, place in (("ckptd", real), ("ckpt-runner", real / "runner")):
            shutil.move(self.site.bin / name, place / name)
        for place, target in ((self.site.bin / "ckptd", real / "ckptd"), (real / "ckpt-runner", real / "runner/ckpt-runner")):
            place.write_text(f'#!/bin/sh\nCKPT_CLOCKS={self.clocks} LD_PRELOAD={shim} exec {target} "$@"\n')
            place.chmod(0o755)

    def set_clock(self, file, seconds):
        """From now on that host is so many seconds ahead."""
        if self.clock_steps and self.clock_steps[-1][1] is None:
            began, _, by = self.clock_steps.pop()
            self.clock_steps.append((began, time.time(), by))
        if seconds:
            self.clock_steps.append((time.time(), None, seconds))
        with open(file, "r+b") as clock:
            clock.write(struct.pack("=q", seconds * 10 ** 9))

    def stepped(self, moment):
        """Whether that may be a time told by a clock that was off."""
        return any(began + by - 2 < moment < (ended or time.time()) + by + 2 for began, ended, by in self.clock_steps)

    # --- jobs
    def unfinished(self):
        return [job for job in self.jobs if job.ended is None]

    def top_up(self):
        """Keeps as many jobs alive as the campaign wants."""
        while len(self.unfinished()) < self.live:
            kind = self.kinds[len(self.jobs) % len(self.kinds)]
            # One in three needs more than its limit of a minute; one in two has a limit that can be cut.
            steps = self.steps * self.random.choice([1, 1, 2])
            self.jobs.append(jobs.Job(self.site, kind, self.engine, steps, minutes=self.random.choice([1, 2])))
        for job in self.unfinished():
            if job.id is None and not job.submit():
                return  # the daemon is away: later

    def look(self):
        """Which jobs are over by now."""
        listed = self.site.ckpt("ls", "--all", "--json", check=False)
        if listed.returncode != 0:
            return
        for job in self.unfinished():
            if job.id:
                seen = job.show()
                if seen and seen["state"] in jobs.OVER:
                    job.ended, job.seen_over_at = seen, time.time()
                    self.log(f"{job.name} ({job.id}) is {seen['state']} after {seen['attempts_count']} attempts")

    def running(self):
        """[(job, its runner)] of those whose program runs now."""
        by_id = {runner.job: runner for runner in processes.runners(self.site.account.pw_uid)}
        return [(job, by_id[job.id]) for job in self.unfinished() if job.id in by_id and by_id[job.id].program and not job.cancelled]

    def node_of(self, job):
        done = self.cluster.run("squeue", "-h", "-t", "R", "-n", job.name, "-o", "%i %N")
        words = done.stdout.split()
        return (words[0], words[1]) if len(words) == 2 else None

    # --- the parts that faults take away
    def restart_daemon(self):
        self.site.ckpt("daemon", "start", check=False)
        wait_until(lambda: self.site.ckpt("daemon", "status", check=False).returncode == 0, 60, "the daemon is there")

    def kill_daemon(self):
        pid = self.site.daemon_pid()
        processes.signal([pid] if pid in self.site.processes() else [], signal.SIGKILL)
        wait_until(lambda: pid not in self.site.processes(), 20, "the daemon is dead")

    def heal(self):
        """Everything is there again, whatever a fault left away."""
        (self.stage / "no-doorbell").unlink(missing_ok=True)
        subprocess.run(["fsfreeze", "-u", self.disk], capture_output=True)
        store_faults.uncover(self)
        (self.disk / "filler").unlink(missing_ok=True)
        for node in self.cluster.node_names:
            self.cluster.network.mend(node)
        self.cluster.start_controller()
        for node in self.cluster.node_names:
            self.cluster.start_node(node)
        for node, state in self.cluster.node_states().items():
            if "drain" in state or "down" in state:
                self.cluster.run("scontrol", "update", f"nodename={node}", "state=resume")
        if self.site.ckpt("daemon", "status", check=False).returncode != 0:
            self.restart_daemon()

    def slurm_jobs(self):
        lines = self.cluster.run("squeue", "-h", "-u", self.site.user, "-o", "%i %T %j").stdout.splitlines()
        return [line for line in lines if line.strip()]

    def close(self):
        subprocess.run(["fsfreeze", "-u", self.disk], capture_output=True)
        if self.site:
            store_faults.uncover(self)
            self.site.close()
        self.cluster.stop()
        for mounted in (self.disk, self.stage / "ram"):
            subprocess.run(["umount", "--lazy", mounted], check=False)
        shutil.rmtree(self.stage, ignore_errors=True)
