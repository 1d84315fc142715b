"""What a campaign happens in: three nodes of a real Slurm, an ordinary user with a daemon, and a dozen jobs that never all stand still."""
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from slurm_cluster import SlurmCluster
from usersite import Site, wait_until

from . import jobs, processes

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
        self.daemon_away = threading.Lock()
        self.cluster = SlurmCluster(self.stage / "cluster", nodes=3, cpus=8, cred_expire=30, kill_wait=10)
        self.site = None
        self.disk = self.stage / "disk"  # before the nodes begin: they see what is mounted then
        self.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3g", "ckptd-chaos", self.disk], check=True)
        try:
            self.cluster.start()
            self.site = Site(bin_dir, cluster=self.cluster, folder=self.stage / "site-chaos", config=CONFIG,
                             env={"CKPTD_AUTOSTART": "0", **env})
            self.site.store = self.disk / "store"
            self.site._make(self.site.store)
            self.site.env["CKPTD_STORE"] = str(self.site.store)
            (self.site.bin / "scancel").write_text(SCANCEL.format(root=self.stage))
            (self.site.bin / "scancel").chmod(0o755)
            jobs.install(self.site, self.stage)
            self.references = jobs.References(self.site, self.stage)
            self.site.ckpt("daemon", "start")
        except BaseException:
            self.close()
            raise

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
        (self.disk / "filler").unlink(missing_ok=True)
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
        if self.site:
            self.site.close()
        self.cluster.stop()
        subprocess.run(["umount", "--lazy", self.disk], check=False)
        shutil.rmtree(self.stage, ignore_errors=True)
