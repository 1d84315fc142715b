"""The jobs of test_main_jobs.py: submitted all at once on one throw-away cluster, each engine's by an ordinary user of its own, and
then looked at one by one. Runs under a limit of a minute take minutes; side by side they take no longer than one."""
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import threading
import time

from slurm_cluster import SlurmCluster
from usersite import Site, wait_until

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
SECONDS = 128  # two limits of a minute, of which the last seconds belong to the checkpoint, and some of a third
PATIENCE = 480
STATE_MB = int(os.environ.get("CKPT_TEST_STATE_MB", "64"))
SEED = int(os.environ.get("CKPT_TEST_SEED", "20"))
OVER = ("completed", "failed", "cancelled", "parked")

# Tests look closely; the defaults spare a shared controller.
CONFIG = '[poll]\npending = "2s"\nrunning = "10s"\n'


def steps_of(seconds, step):
    return [str(round(seconds / step)), str(step)]


# name → argv behind the folder of programs, exit status, files that must equal those of an uninterrupted run, more options
JOBS = {
    "python": (["hash_chain.py", *steps_of(SECONDS, 0.25), "7"], 7, ["result.txt"], []),
    "threads": (["big_state", str(STATE_MB), *steps_of(SECONDS, 0.25), "0"], 0, ["result.txt"], []),
    "pipeline": (["pipeline.sh", *steps_of(SECONDS, 0.5), "7"], 7, ["result.txt"], []),
    "count": (["count.py", *steps_of(SECONDS, 1)], 0, [], []),
    "date": (["date.py", *steps_of(SECONDS, 1)], 0, [], ["--append-files", "dates.txt"]),
    # A step of a second: the program is stopped a moment after it has saved itself, and must not have gone on by then.
    "app": (["self_saving.py", *steps_of(SECONDS, 1), "7"], 7, ["result.txt"],
            ["--ckpt-signal", "USR1", "--ckpt-files", "state", "--append-files", "result.txt"]),
    "app-zero": (["self_saving.py", *steps_of(SECONDS, 1), "0"], 0, ["result.txt"],
                 ["--ckpt-signal", "USR1", "--ckpt-files", "state", "--append-files", "result.txt"]),
}


class Job:
    def __init__(self, site, engine, name):
        self.site = site
        self.argv, self.status, self.files, self.options = JOBS[name]
        self.name = name
        self.folder = site.work / name
        site._make(self.folder)
        site.ckpt("submit", "--time", "0:01:00", "--every", "20s", "--engine", engine, "-J", name, "--output", "out", "--error", "err",
                  *self.options,
                  "--", site.work / self.argv[0], *self.argv[1:], cwd=self.folder)

    def reference(self, folder):
        """The program without pauses and without us: what it does does not depend on time. Returns its standard output."""
        argv = list(self.argv)
        argv[3 if argv[0] == "big_state" else 2] = "0"
        folder.mkdir(exist_ok=True)
        done = subprocess.run([self.site.work / argv[0], *argv[1:]], cwd=folder, stdout=subprocess.PIPE, timeout=60)
        assert done.returncode == self.status
        return done.stdout


class Stage:
    """One cluster, one site for each engine and purpose, all jobs of the selected tests."""

    def __init__(self, bin_dir, wanted):
        """`wanted`: tuples (engine id, engine, environment, purpose, job name)."""
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-main-", dir="/tmp"))
        self.root.chmod(0o755)
        self.bin_dir, self.wanted = bin_dir, wanted
        self.cluster = SlurmCluster(self.root / "cluster", nodes=2, cpus=64, cred_expire=120, kill_wait=30)
        self.sites, self.jobs, self.killers = {}, {}, {}
        self.over = threading.Event()
        self.steering = None

    def start(self):
        try:
            self.cluster.start()
            self._build()
            for engine_id, engine, env, purpose, name in self.wanted:
                site = self._site(engine_id, env, purpose)
                self.jobs[engine_id, purpose, name] = Job(site, engine, name)
            for (engine_id, purpose), site in self.sites.items():
                if purpose == "alone":
                    self._leave_alone(site)
                if purpose == "killed":
                    self.killers[engine_id] = Killer(site, f"{SEED} {engine_id}")
            self.steering = threading.Thread(target=self._steer, daemon=True)
            self.steering.start()
            return self
        except BaseException:
            self.stop()
            raise

    def _build(self):
        programs = self.root / "programs"
        shutil.copytree(PROGRAMS, programs, ignore=shutil.ignore_patterns("engine_*"))
        if any(JOBS[name][0][0] == "big_state" for *_, name in self.wanted):
            subprocess.run(["g++", "-std=c++20", "-O2", "-pthread", "-o", programs / "big_state", programs / "big_state.cpp"], check=True)

    def _site(self, engine_id, env, purpose):
        key = engine_id, purpose
        if key not in self.sites:
            env = dict(env)
            if env.get("CKPT_CRIU"):
                env["CKPT_CRIU"] = self._reachable_criu(env["CKPT_CRIU"])
            folder = self.root / f"{engine_id}-{purpose}-site{len(self.sites)}"  # the end names the user
            site = Site(self.bin_dir, cluster=self.cluster, folder=folder, env={"CKPTD_AUTOSTART": "0", **env}, config=CONFIG)
            self.sites[key] = site
            for program in (self.root / "programs").iterdir():
                shutil.copy(program, site.work)
                (site.work / program.name).chmod(0o755)
            site.ckpt("daemon", "start")
        return self.sites[key]

    def _reachable_criu(self, criu):
        """A private installation may lie where an ordinary user cannot look."""
        criu = pathlib.Path(criu).resolve()
        if all(folder.stat().st_mode & 0o001 for folder in criu.parents):
            return str(criu)
        if not (self.root / "criu").exists():
            shutil.copytree(criu.parents[1], self.root / "criu", symlinks=True)
        return str(self.root / "criu" / "bin" / criu.name)

    def _leave_alone(self, site):
        site.ckpt("daemon", "stop")
        assert not [line for line in site.processes().values() if line.split()[0].endswith("/ckptd")]

    def squeue(self, site=None):
        """{Slurm's number: (state, node)} of the live jobs of one site, or of all."""
        words = ["-u", site.user] if site else []
        lines = self.cluster.run("squeue", "-h", *words, "-o", "%i %T %N").stdout.splitlines()
        return {line.split()[0]: (line.split()[1], (line.split() + [""])[2]) for line in lines}

    def _steer(self):
        """Two drains: the second allocations lie on another node than the first, and the third again on the first one."""
        for drained, resumed in (("n1", "n2"), ("n2", "n1")):
            def moved():
                jobs = list(self.squeue().values())  # between two allocations a job waits, or completes
                return jobs and all(job == ("RUNNING", drained) for job in jobs)
            end = time.monotonic() + 90
            while not moved() and time.monotonic() < end:
                if self.over.wait(1):
                    return
            self.cluster.run("scontrol", "update", f"nodename={resumed}", "state=resume")
            self.cluster.run("scontrol", "update", f"nodename={drained}", "state=drain", "reason=test")

    def stop(self):
        self.over.set()
        if self.steering:
            self.steering.join(30)
        for killer in self.killers.values():
            killer.stop()
        for site in self.sites.values():
            site.close()
        self.cluster.stop()
        shutil.rmtree(self.root, ignore_errors=True)


class Killer(threading.Thread):
    """Kills the daemon of a site at random instants and starts it again, until all of its jobs are over."""

    def __init__(self, site, seed):
        super().__init__(daemon=True)
        self.site, self.random = site, random.Random(seed)
        self.over = threading.Event()
        self.kills, self.trouble = 0, []
        self.start()

    def run(self):
        try:
            while not self.over.wait(self.random.choice([0.05, 1]) * self.random.uniform(0.1, 16)):
                pid = self.site.daemon_pid()
                os.kill(pid, 9)
                self.kills += 1
                wait_until(lambda: pid not in self.site.processes(), 10, "the daemon is dead")
                self.over.wait(self.random.choice([0, 1]) * self.random.uniform(0, 5))
                self.site.ckpt("daemon", "start")
                jobs = self.site.json("ls", "--all")["items"]
                if not jobs:
                    self.trouble.append("the jobs are gone")
                elif all(job["state"] in OVER for job in jobs):
                    return
        except Exception as error:  # told by the test, whose thread is another
            self.trouble.append(f"after {self.kills} kills: {error}")

    def stop(self):
        self.over.set()
        self.join(60)
