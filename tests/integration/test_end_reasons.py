"""Why an attempt ended, told apart under real Slurm: what is not met by the other files (walltime, preempted, requeued, completed, failed:
test_main_jobs.py, test_slurm_events.py; fenced: test_fencing.py; sacct's words: test_accounting.py)."""
import itertools
import os
import pathlib
import re
import shutil
import signal
import tempfile

import pytest

from counting import counting_job, expected_output
from engines import engine_parameters
from slurm_cluster import SlurmCluster
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
ENGINES = [p for p in engine_parameters() if p.id != "app" and not p.marks]
pytestmark = [pytest.mark.skipif(os.getuid() != 0, reason="nodes that can crash need root"),
              pytest.mark.skipif(not ENGINES, reason="no engine that carries on a program which knows nothing of it")]
CONFIG = '[poll]\npending = "2s"\nrunning = "5s"\n[limits]\nlease = "8s"\n'
LONG = 3000
names = itertools.count(1)


@pytest.fixture(scope="module")
def site():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-ends-", dir="/tmp"))
    folder.chmod(0o755)
    with SlurmCluster(folder, nodes=3, cpus=8, kill_wait=5) as cluster, Site(BIN, cluster=cluster, env=ENGINES[0].values[1], config=CONFIG) as site:
        yield site
    shutil.rmtree(folder, ignore_errors=True)


def submit(site, steps, *options, argv=None):
    out = site.work / f"{next(names)}.out"
    chosen, usual = counting_job(site, ENGINES[0].values[0], steps)
    words = site.ckpt("submit", "--every", "off", "--output", out, *options, *chosen, "--", *(argv or usual)).stdout
    return re.search(r"j-\d+", words).group(), out


def reasons(site, job):
    return [attempt["end_reason"] for attempt in site.job(job)["attempts"]]


def test_launch_failed_parks_it(site):
    program = site.program("gone-by-then", "#!/bin/sh\n")
    job, _ = submit(site, 0, "--begin", "now+5", argv=[program])
    program.unlink()
    parked = site.wait_state(job, ["parked", "failed", "completed"], 60)
    assert parked["state"] == "parked", site.evidence(job)
    assert reasons(site, job) == ["launch_failed"], site.evidence(job)
    assert "could not be started" in parked["reason"], parked["reason"]


def test_the_engine_of_the_shell_that_restarts_is_found(site):
    """Submitted without one (`module load` forgotten), parked, and gone on with from a shell that has one: now, and at every later start."""
    engine, there = ENGINES[0].values
    with Site(BIN, cluster=site.cluster, env={"CKPT_CRIU": "", "CKPT_DMTCP_ROOT": ""}, config=CONFIG) as bare:
        _, argv = counting_job(bare, engine, LONG)
        job = re.search(r"j-\d+", bare.ckpt("submit", "--", *argv).stdout).group()
        parked = bare.wait_state(job, ["parked", "running", "failed"], 60)
        assert parked["state"] == "parked" and parked["attempts"][0]["end_reason"] == "launch_failed", bare.evidence(job)
        assert "on your PATH" in " ".join(bare.ckpt("why", job).stdout.split())
        bare.ckpt("restart", job, env=there)
        bare.wait_state(job, "running", 60)
        bare.ckpt("stop", job)
        bare.ckpt("restart", job)
        assert bare.wait_state(job, ["running", "parked"], 60)["state"] == "running", bare.evidence(job)
        branch = re.search(r"j-\d+", bare.ckpt("fork", job, "--share-files").stdout).group()
        assert bare.wait_state(branch, ["running", "parked"], 60)["state"] == "running", bare.evidence(branch)
        bare.ckpt("cancel", branch)
        bare.ckpt("cancel", job)


def test_restart_failed_parks_it_and_the_cancelled_stays_cancelled(site):
    job, _ = submit(site, LONG)
    gone, _ = submit(site, LONG)
    for one in (job, gone):
        site.wait_state(one, "running", 60)
    site.ckpt("cancel", gone)
    site.ckpt("stop", job)
    for image in (site.store / f"jobs/{job}/attempts/1/images").rglob("*"):
        if image.is_file():
            os.truncate(image, image.stat().st_size // 2)
    site.ckpt("restart", job)
    parked = site.wait_state(job, ["parked", "failed", "completed"], 60)
    assert parked["state"] == "parked", site.evidence(job)
    assert reasons(site, job)[-1] == "restart_failed", site.evidence(job)
    assert [g["state"] for g in site.json("gens", job)["items"]] == ["corrupt"], site.evidence(job)
    assert site.wait_state(gone, ["cancelled", "parked", "failed"], 30)["state"] == "cancelled"
    assert reasons(site, gone) == ["cancelled"], site.evidence(gone)


def test_a_runner_without_a_last_word_is_lost_and_a_node_that_died_is_told(site):
    shot, shot_out = submit(site, 120)
    node_died, died_out = submit(site, 120, "-x", "n1")
    for job in (shot, node_died):
        site.wait_state(job, "running", 60)
        site.ckpt("checkpoint", job)
    (runner,) = [pid for pid, line in site.processes().items() if re.search(rf" run --job \S*/{shot} ", line)]
    node = site.job(node_died)["current_attempt"]["node"]
    os.kill(runner, signal.SIGKILL)
    site.cluster.crash_node(node)
    site.cluster.run("scontrol", "update", f"nodename={node}", "state=down", "reason=crashed")
    # Without accounting, and when the next run is quicker than our look, Slurm no longer tells of the one before: `lost`.
    for job, out, why in ((shot, shot_out, ("lost",)), (node_died, died_out, ("node_fail", "requeued", "lost"))):
        ended = site.wait_state(job, ["completed", "failed", "parked", "cancelled"], 120)
        assert ended["state"] == "completed", site.evidence(job)
        assert reasons(site, job)[0] in why and reasons(site, job)[-1] == "completed", site.evidence(job)
        assert ended["attempts"][0]["reason"], "with words for a person"
        assert out.read_text() == expected_output(120), site.evidence(job)
    wait_until(lambda: not site.run("squeue", "-h", "-o", "%i").stdout.split(), 30, "the queue is empty")
