"""A cluster with slurmdbd: what the controller has forgotten after MinJobAge, `sacct` still knows, and a job's end is what it says."""
import itertools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest
from cluster_accounting import Accounting
from counting import counting_job, expected_output
from engines import engine_parameters
from slurm_cluster import PATH, SlurmCluster
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
PROGRAMS = pathlib.Path(os.environ.get("CKPT_TEST_PROGRAMS", BIN.parent / "tests"))
MISSING = [p for p in Accounting.PROGRAMS if not shutil.which(p, path=PATH)]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {' '.join(MISSING)}")
ENGINE = engine_parameters()[0]
CONFIG = """
[poll]
pending = "2s"
running = "10s"
[limits]
lease = "10s"
"""
names = itertools.count(1)


@pytest.fixture(scope="module")
def site():
    """Slurm remembers an ended job for two seconds. The job with the limit is begun first: a minute is Slurm's shortest."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-sacct-", dir="/tmp"))
    folder.chmod(0o755)
    with SlurmCluster(folder, nodes=3, cpus=8, accounting=True, kill_wait=5, settings={"MinJobAge": 2}) as cluster:
        with Site(BIN, cluster=cluster, env=ENGINE.values[1], config=CONFIG) as site:
            site.timeout_job = sbatch(site, "-w", "n3", "-t", "1", "--no-requeue", "--wrap", "sleep 600")
            yield site
    shutil.rmtree(folder, ignore_errors=True)


def sbatch(site, *options):
    return site.run("sbatch", "--parsable", "-o", "/dev/null", *options, check=True).stdout.strip()


def state(site, job):
    return site.run("squeue", "-h", "-a", "-t", "all", "-j", job, "-o", "%T").stdout.strip()


def runs(site, *jobs):
    wait_until(lambda: all(state(site, job) == "RUNNING" for job in jobs), 40, f"{jobs} run")


def forgotten(site, *jobs, timeout=40):
    wait_until(lambda: not any(state(site, job) for job in jobs), timeout, f"Slurm has forgotten {jobs}", step=0.5)


def submit(site, steps, *options):
    """(job, its output)"""
    out = site.work / f"{next(names)}.out"
    chosen, argv = counting_job(site, ENGINE.values[0], steps)
    words = site.ckpt("submit", "--every", "off", "--output", out, *options, *chosen, "--", *argv).stdout
    return re.search(r"j-\d+", words).group(), out


def test_what_ended_while_the_daemon_was_away_and_slurm_forgot(site):
    """One ends by itself, one is cancelled while it runs, one while it waits: nobody but accounting knows of the last."""
    finished, out = submit(site, 60)
    cancelled, _ = submit(site, 3000)
    waiting, _ = submit(site, 20, "--begin", "now+1hour")
    for job in (finished, cancelled):
        site.wait_state(job, "running", 60)
    numbers = {job: wait_until(lambda: (site.job(job)["current_attempt"] or {}).get("scheduler_job_id"), 20, f"{job} has a number")
               for job in (finished, cancelled, waiting)}
    site.ckpt("daemon", "stop")
    site.run("scancel", numbers[cancelled], numbers[waiting], check=True)
    forgotten(site, *numbers.values(), timeout=90)
    site.ckpt("daemon", "start")
    assert site.wait_state(finished, ["completed", "failed", "parked"], 30)["state"] == "completed", site.evidence(finished)
    assert out.read_text() == expected_output(60)
    for job in (cancelled, waiting):
        ended = site.wait_state(job, ["cancelled", "completed", "failed", "parked"], 60)
        assert ended["state"] == "cancelled", site.evidence(job)
        assert f"cancelled outside: allocation {numbers[job]} by you ({site.user})" in ended["reason"], site.evidence(job)
    assert site.job(cancelled)["attempts_count"] == 1
    assert site.job(waiting)["attempts_count"] == 0
    mine = site.run("squeue", "-h", "--me", "-o", "%j").stdout.split()
    assert not {finished, cancelled, waiting} & set(mine), "nothing of them is submitted again"


def test_who_cancelled_it_is_told(site):
    """While the controller still shows it, and by whom only accounting knows."""
    mine, roots = submit(site, 3000)[0], submit(site, 3000)[0]
    numbers = {}
    for job in (mine, roots):
        site.wait_state(job, "running", 60)
        numbers[job] = site.job(job)["current_attempt"]["scheduler_job_id"]
    site.run("scancel", numbers[mine], check=True)
    site.cluster.run("scancel", numbers[roots])
    for job, who in ((mine, f"by you ({site.user})"), (roots, "by root, not by you")):
        ended = site.wait_state(job, ["cancelled", "completed", "failed", "parked"], 60)
        assert ended["state"] == "cancelled" and who in ended["reason"], site.evidence(job)


def test_every_end_is_told_as_it_was(site):
    cluster = site.cluster
    ends = {sbatch(site, "-w", "n3", "--wrap", "exit 0"): "completed:0",
            sbatch(site, "-w", "n3", "-J", "a|b", "--comment", "c|d\ne", "--wrap", "exit 7"): "failed:7",
            sbatch(site, "-w", "n3", "--wrap", "kill -KILL $$"): "failed:sig9",
            site.timeout_job: "timeout:0"}
    by_user, by_root, dying = (sbatch(site, "-w", node, *more, "--wrap", "sleep 600")
                               for node, more in (("n3", []), ("n3", []), ("n2", ["--no-requeue"])))
    requeued = sbatch(site, "-w", "n3", "--requeue", "--wrap", '[ "$SLURM_RESTART_COUNT" ] || sleep 600; exit 3')
    evicted = sbatch(site, "-w", "n1", "-c", "8", "--no-requeue", "--wrap", "sleep 600")
    pending = sbatch(site, "--begin", "now+1hour", "--wrap", "true")
    runs(site, by_user, by_root, dying, requeued, evicted)
    site.run("scancel", by_user, pending, check=True)
    cluster.run("scancel", by_root)
    site.run("scontrol", "requeue", requeued, check=True)
    high = sbatch(site, "-w", "n1", "-c", "8", "-p", "high", "--wrap", "true")
    cluster.crash_node("n2")
    cluster.run("scontrol", "update", "nodename=n2", "state=down", "reason=test")
    ends |= {by_user: "cancelled:0", by_root: "cancelled:0", pending: "cancelled:0", dying: "node_fail:0", requeued: "failed:3:restarts1",
             evicted: "preempted:0", high: "completed:0"}
    forgotten(site, *ends, timeout=150)
    done = subprocess.run([PROGRAMS / "contract_scheduler", "--test-case=accounting*"], text=True, capture_output=True,
                          env={"PATH": os.environ["PATH"], **cluster.env(),
                               "CKPT_TEST_SLURM_CONF": cluster.env()["SLURM_CONF"],
                               "CKPT_TEST_SLURM_ENDS": " ".join(f"{job}={end}" for job, end in ends.items())})
    assert done.returncode == 0 and "SKIPPED: accounting" not in done.stdout, done.stdout + done.stderr
