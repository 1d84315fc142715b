"""What is announced before it happens: a preemption with a grace time of which the batch process hears nothing, a node that is drained.
And a site that ends what a job leaves behind: then the daemon takes the wait after a requeue away."""
import datetime
import itertools
import json
import os
import pathlib
import re
import shutil
import tempfile
import time

import pytest
from counting import counting_job, expected_output
from engines import engine_parameters
from slurm_cluster import SlurmCluster
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
ENGINE, ENGINE_ENV = engine_parameters()[0].values
GRACE = 20
# Left alone it would look at running jobs every ten minutes.
CONFIG = """
[poll]
pending = "2s"
running = "10m"
[limits]
lease = "10s"
"""
# Ends the helper that a requeued job leaves behind, at its first question; everybody else gets Slurm's own.
SQUEUE = """#!/bin/sh
if tr '\\0' ' ' <"/proc/$PPID/cmdline" | grep -q start-now; then
  echo "$PPID" >>"{marks}"
  kill -KILL "$PPID"
  exit 1
fi
exec /usr/bin/squeue "$@"
"""
names = itertools.count(1)


@pytest.fixture(scope="module")
def cluster():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-announced-", dir="/tmp"))
    folder.chmod(0o755)
    with SlurmCluster(folder, nodes=2, cpus=8, cred_expire=120, kill_wait=30, grace_time=GRACE,
                      settings={"SlurmctldParameters": None}) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def site(cluster):
    with Site(BIN, cluster=cluster, env=ENGINE_ENV, config=CONFIG) as site:
        yield site


def submit(site, steps, *options):
    """(job, its output), when it runs and prints."""
    out = site.work / f"{next(names)}.out"
    chosen, argv = counting_job(site, ENGINE, steps)
    words = site.ckpt("submit", "--every", "off", "--keep-after-success", "5", "--output", out, *options, *chosen, "--", *argv).stdout
    job = re.search(r"j-\d+", words).group()
    site.wait_state(job, "running", 60)
    wait_until(lambda: out.exists() and out.read_text(), 30, f"{job} prints", step=0.05)
    return job, out


def journal(site, job, attempt):
    lines = (site.store / f"jobs/{job}/attempts/{attempt}/journal.jsonl").read_text().splitlines()
    return [json.loads(line[line.index("{"):line.rindex("}") + 1]) for line in lines]


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def generations(site, job, trigger):
    return [g for g in site.json("gens", job)["items"] if g["state"] == "sealed" and g["trigger"] == trigger]


def preempt(site, node):
    """A job of the high partition wants the whole node; when that was."""
    site.run("sbatch", "-p", "high", "-c", "8", "-w", node, "-o", "/dev/null", "--wrap", "sleep 1", check=True)
    return time.time()


def test_announced_preemption_is_used(site):
    job, out = submit(site, 400, "-c", "8", "-w", "n1")
    # The daemon has settled by then: what it asks at the start of an attempt is over.
    wait_until(lambda: out.read_text().count("\n") > 150, 60, f"{job} has run for a while")
    announced = preempt(site, "n1")
    ended = site.wait_state(job, ["completed", "failed", "cancelled", "parked"], 150)
    evidence = site.evidence(job)
    assert ended["state"] == "completed" and out.read_text() == expected_output(400), evidence
    attempts = ended["attempts"]
    assert [a["end_reason"] for a in attempts] == ["preempted", "completed"], evidence
    sealed = generations(site, job, "preemption")
    assert len(sealed) == 1, evidence
    assert seconds(sealed[0]["sealed_at"]) < announced + GRACE, "before the kill\n" + evidence
    assert "term_seen" not in [event["kind"] for event in journal(site, job, 1)], "nobody had to tell it\n" + evidence
    assert attempts[1]["started_from"]["generation"] == sealed[0]["id"], evidence


def test_drained_node_gets_one_checkpoint_and_the_job_runs_on(site):
    job, out = submit(site, 450, "-w", "n2")
    site.cluster.run("scontrol", "update", "nodename=n2", "state=drain", "reason=memory errors")
    try:
        wait_until(lambda: generations(site, job, "drain"), 40, "a generation for the drain")
        assert "memory errors" in site.ckpt("events", job).stdout
        assert site.job(job)["state"] == "running"
        ended = site.wait_state(job, ["completed", "failed", "cancelled", "parked"], 120)
    finally:
        site.cluster.run("scontrol", "update", "nodename=n2", "state=resume")
    assert ended["state"] == "completed" and ended["attempts_count"] == 1, site.evidence(job)
    assert out.read_text() == expected_output(450)
    asked = [e for e in journal(site, job, 1) if e["kind"] == "checkpoint_started" and e.get("trigger") == "drain"]
    assert len(asked) == 1, "once, whatever the number of looks"


@pytest.mark.parametrize("by", ["requeue from outside", "our own requeue"])
def test_without_its_helper_the_daemon_takes_the_wait_away(cluster, by):
    with Site(BIN, cluster=cluster, env=ENGINE_ENV, config=CONFIG) as site:
        tools = site.root / "tools"
        tools.mkdir()
        tools.chmod(0o755)
        marks = site.work / "ended-helpers"
        (tools / "squeue").write_text(SQUEUE.format(marks=marks))
        (tools / "squeue").chmod(0o755)
        site.env["PATH"] = f"{tools}:{site.env['PATH']}"
        job, out = submit(site, 200, "-c", "8", "-w", "n1")
        if by == "our own requeue":
            preempt(site, "n1")
        else:
            site.run("scontrol", "requeue", site.job(job)["current_attempt"]["scheduler_job_id"], check=True)
        ended = site.wait_state(job, ["completed", "failed", "cancelled", "parked"], 110)
        evidence = site.evidence(job)
        assert ended["state"] == "completed" and out.read_text() == expected_output(200), evidence
        first, second = ended["attempts"]
        if by == "our own requeue":
            assert "requeue_intent" in [event["kind"] for event in journal(site, job, 1)], evidence
        assert marks.exists(), "the helper was ended"
        waited = seconds(second["started_at"]) - seconds(first["ended_at"])
        assert waited < 40, f"{waited:.0f} s, and cred_expire is 120 s\n{evidence}"
