"""No job runs twice at once, under real Slurm: a node that was given up and comes back, a requeue that races ours, and two daemons on two
hosts with one state folder. The programs themselves record when they ran (beats.py)."""
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from beats import BEATING, Beats
from engines import engine_parameters
from slurm_cluster import SlurmCluster
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
ENGINES = [p for p in engine_parameters() if p.id != "app" and not p.marks]
pytestmark = [pytest.mark.skipif(os.getuid() != 0, reason="nodes and hosts of their own need root"),
              pytest.mark.skipif(not ENGINES, reason="no engine that carries on a program which knows nothing of it")]
LEASE, SILENCE = 8, 16
CONFIG = f"""
[poll]
pending = "2s"
running = "10s"
[limits]
lease = "{LEASE}s"
owner_silence = "{SILENCE}s"
act_repeat = "5s"
"""
names = itertools.count(1)


@pytest.fixture(scope="module")
def cluster():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-fencing-", dir="/tmp"))
    folder.chmod(0o755)
    with SlurmCluster(folder, nodes=3, cpus=8, kill_wait=5) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def site(cluster):
    with Site(BIN, cluster=cluster, env=ENGINES[0].values[1], config=CONFIG) as site:
        yield site


class Job:
    def __init__(self, site, steps, *options):
        self.site, self.steps = site, steps
        self.folder = site.work / f"job-{next(names)}"
        site._make(self.folder)
        program = site.program("beating.py", BEATING)
        words = site.ckpt("submit", "--every", "5s", "--engine", ENGINES[0].values[0], "--output", "out", "--append-files", "appended.log",
                          "--ckpt-files", "place.bin", *options, "--", program, steps, 7, 0.1, 1, cwd=self.folder).stdout
        self.id = re.search(r"j-\d+", words).group()
        site.wait_state(self.id, "running", 60)

    def show(self):
        return self.site.job(self.id)

    def attempt(self):
        return self.show()["current_attempt"]

    def beats(self):
        return Beats(self.folder / "beats.log")

    def processes(self):
        """Of the program itself."""
        return [pid for pid, line in self.site.processes().items() if line.startswith("/usr/bin/python3") and "beating.py" in line]

    def ran_once(self, timeout=150):
        """It came to its own end, exact, and never twice at once."""
        ended = self.site.wait_state(self.id, ["completed", "failed", "cancelled", "parked"], timeout)
        evidence = self.site.evidence(self.id)
        assert (ended["state"], ended["exit_code"]) == ("failed", 7), evidence
        out = subprocess.run([self.site.work / "beating.py", str(self.steps), "7", "0", "0"], cwd=self.reference(), stdout=subprocess.PIPE).stdout
        assert (self.folder / "out").read_bytes() == out, evidence
        assert not self.beats().overlaps(), f"{self.beats().incarnations()}\n{evidence}"
        return ended

    def reference(self):
        folder = self.folder / "reference"
        folder.mkdir(exist_ok=True)
        return folder


def in_node(cluster, node, *command):
    """As root, where the node's processes see files."""
    return subprocess.run(["nsenter", "-t", str(cluster.pids[f"{node}.init"]["pid"]), "-m", *map(str, command)], check=True)


def give_up(cluster, node):
    """Slurm hears nothing from it any more; what runs there runs on."""
    cluster.stop_slurmd(node)
    cluster.run("scontrol", "update", f"nodename={node}", "state=down", "reason=silent")


def bring_back(cluster, node):
    cluster.start_node(node)
    cluster.run("scontrol", "update", f"nodename={node}", "state=resume")
    cluster.wait_idle(60)


@pytest.mark.parametrize("store", ["there", "cut off"])
def test_a_node_that_was_given_up_comes_back_with_the_program_alive(cluster, site, store):
    job = Job(site, 200)
    site.ckpt("checkpoint", job.id)
    node, old = job.attempt()["node"], job.processes()
    assert old

    def journal():
        return (site.store / f"jobs/{job.id}/attempts/1/journal.jsonl").read_text()

    if store == "cut off":
        in_node(cluster, node, "mount", "-t", "tmpfs", "none", site.store)
    try:
        give_up(cluster, node)
        wait_until(lambda: (job.attempt() or {}).get("n") == 2 and job.attempt()["state"] == "running", 90,
                   "the job runs elsewhere\n" + site.evidence(job.id))
        assert job.attempt()["node"] != node
        if store == "cut off":
            states = [pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] for pid in old]
            assert set(states) == {"T"}, f"the old program stands still: {states}"
            in_node(cluster, node, "umount", site.store)
            # By its own runner, before Slurm hears of the node again.
            wait_until(lambda: not set(old) & set(job.processes()), 30, "the old program is ended")
            wait_until(lambda: '"fenced"' in journal(), 30, "its runner says why\n" + site.evidence(job.id))
        else:
            assert not set(old) & set(job.processes()), "the old program was ended before the new one began"
    finally:
        if store == "cut off":
            subprocess.run(["nsenter", "-t", str(cluster.pids[f"{node}.init"]["pid"]), "-m", "umount", "-q", str(site.store)], check=False)
        bring_back(cluster, node)
    wait_until(lambda: not set(old) & set(job.processes()), 30, "the old program is gone")
    ended = job.ran_once()
    assert len(ended["attempts"]) == 2, site.evidence(job.id)
    assert ended["attempts"][0]["end_reason"] in ("fenced", "lost", "requeued", "node_fail"), site.evidence(job.id)
    assert '"fenced"' in journal(), "the old runner knew why it left\n" + journal()


def batch_script(site, job):
    (folder,) = (site.store / f"jobs/{job.id}/submissions").iterdir()
    return folder / "batch.sh", f"ckpt:{folder.name}"


def test_a_second_submission_and_a_requeue_from_outside_race_ours(cluster, site):
    """The claim lets one through, whoever submitted it; what waits with our token is cancelled by the daemon."""
    job = Job(site, 200)
    script, token = batch_script(site, job)
    number = job.attempt()["scheduler_job_id"]
    again = ["sbatch", "--parsable", "-o", "/dev/null", "--comment", token]
    now = site.run(*again, script, check=True).stdout.strip()
    later = site.run(*again, "--begin", "now+1hour", script, check=True).stdout.strip()

    def queue():
        return site.run("squeue", "-h", "-o", "%i", check=True).stdout.split()

    wait_until(lambda: later not in queue() and now not in queue(), 60, f"the others are gone: {queue()}\n" + site.evidence(job.id))
    assert number in queue() and job.attempt()["n"] == 1
    # The runner and its program are shot; we and somebody else ask for the next run at once.
    site.ckpt("checkpoint", job.id)
    for round in range(2, 4):
        os.kill(runner_of(site, job), signal.SIGKILL)
        for _ in range(3):
            site.run("scontrol", "requeue", number)
            time.sleep(0.7)
        wait_until(lambda: (job.attempt() or {}).get("n", 0) >= round and job.show()["state"] == "running", 90,
                   f"attempt {round}\n" + site.evidence(job.id))
    job.ran_once()
    wait_until(lambda: not queue(), 30, f"nothing is left in the queue: {queue()}")


def runner_of(site, job):
    (pid,) = [pid for pid, line in site.processes().items() if " run --job " in line and line.split(" --job ")[1].split()[0].endswith("/" + job.id)]
    return pid


class Host:
    """A login node of another name, with the same home: a UTS namespace and a runtime folder of its own."""

    def __init__(self, site, name):
        self.site, self.name = site, name
        site._make(site.root / f"run-{name}")

    def popen(self, *argv, **more):
        account, site = self.site.account, self.site
        words = " ".join(f"'{word}'" for word in argv)
        env = {**site.env, "XDG_RUNTIME_DIR": str(site.root / f"run-{self.name}")}
        return subprocess.Popen(["unshare", "--uts", "sh", "-c", f"hostname {self.name}; exec setpriv --reuid={account.pw_uid} "
                                 f"--regid={account.pw_gid} --clear-groups {words}"], env=env, cwd=site.work, text=True,
                                stdin=subprocess.DEVNULL, **more)

    def run(self, *argv, timeout=90):
        with self.popen(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            out, err = process.communicate(timeout=timeout)
            return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def status(self):
        done = self.run("ckpt", "daemon", "status", "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None


def owner(site):
    return json.loads((site.state / "owner.json").read_text())


def test_two_daemons_on_two_hosts_with_one_state_folder(site):
    site.env["CKPTD_AUTOSTART"] = "0"
    one, two = Host(site, "login1"), Host(site, "login2")
    log = open(site.root / "first.log", "w")
    first = one.popen("ckptd", "--foreground", stdout=log, stderr=log)
    second = None
    try:
        wait_until(one.status, 30, "the first daemon is there")
        assert (owner(site)["host"], owner(site)["pid"]) == ("login1", first.pid)

        refused = two.run("ckptd", "--foreground")
        assert refused.returncode == 4, refused.stderr
        assert f"pid {first.pid} on login1" in refused.stderr
        told = two.run("ckpt", "ls")
        assert told.returncode == 5 and "login1" in told.stderr, told.stderr

        # The first one stands still, in whatever it is doing: a job of it runs, another one was just asked for.
        program = site.program("beating.py", BEATING)
        words = one.run("ckpt", "submit", "--every", "5s", "--engine", ENGINES[0].values[0], "-o", "out", "--", program, 600, 7, 0.1, 1).stdout
        job = re.search(r"j-\d+", words).group()
        wait_until(lambda: '"running"' in one.run("ckpt", "show", job, "--json").stdout, 60, "it runs")
        os.kill(first.pid, signal.SIGSTOP)
        begun = time.monotonic()
        second = two.popen("ckptd", "--foreground", stdout=log, stderr=log)
        status = wait_until(two.status, 60, "the second daemon has taken over")
        assert time.monotonic() - begun >= SILENCE - 1, "not before the first one was silent for long enough"
        assert status["daemon"]["host"] == "login2" and status["daemon"]["epoch"] == 2
        epoch = owner(site)
        assert epoch["pid"] == second.pid
        # Its lock on the registry is held by the sleeper: made again beside it.
        assert [reason["code"] for reason in status["degraded"]] == ["registry_rebuilt"], status["degraded"]
        assert json.loads(two.run("ckpt", "show", job, "--json").stdout)["state"] == "running"
        stopped = two.run("ckpt", "stop", job)
        assert stopped.returncode == 0, stopped.stderr
        files = durable(site, job)

        # Awake again it leaves, and has done nothing.
        os.kill(first.pid, signal.SIGCONT)
        assert first.wait(30) == 4
        assert "another daemon has taken" in (site.root / "first.log").read_text()
        assert durable(site, job) == files
        assert owner(site)["pid"] == second.pid and owner(site)["epoch"] == 2
        assert two.status(), "the second one is still found"
        assert json.loads(two.run("ckpt", "show", job, "--json").stdout)["state"] == "parked"
        gone = two.run("ckpt", "restart", job)
        assert gone.returncode == 0, gone.stderr
        wait_until(lambda: '"failed"' in two.run("ckpt", "show", job, "--json").stdout, 150, "it comes to its end")
        assert not Beats(site.work / "beats.log").overlaps()
    finally:
        for process in (first, second):
            if process and process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.terminate()
                process.wait(30)
        log.close()


def durable(site, job):
    """What only a daemon writes."""
    folder = site.store / f"jobs/{job}"
    orders = sorted(str(path.relative_to(folder)) for path in folder.glob("attempts/*/orders/*"))
    return (folder / "job.jsonl").read_bytes(), orders
