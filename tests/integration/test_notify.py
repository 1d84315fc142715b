"""Who is told what of a job under real Slurm: mails about the job and none about its allocations, the command for every end, and jobs that
wait for each other while Slurm's numbers change."""
import json
import os
import pathlib
import re
import shutil
import tempfile

import pytest

from counting import counting_job
from engines import engine_parameters
from slurm_cluster import SlurmCluster
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
LONG = 3000  # steps; ended by the test
# What the site calls for each mail, whoever sends it: Slurm would do so as its own user.
MAIL_PROGRAM = """#!/bin/sh
{ printf '%s|' "$(id -un)" "$@"; echo; cat; echo '=== end'; } >> "$(dirname "$0")/outbox/mails"
"""
CONFIG = """
[poll]
pending = "2s"
running = "5s"
[notify]
command = "cat >> ~/told; echo $CKPT_JOB $CKPT_STATE >> ~/told.env"
"""


@pytest.fixture(scope="module")
def place():
    """(engine, site, folder of the mails)."""
    there = [p for p in engine_parameters() if not p.marks]
    engine, env = there[0].values if there else pytest.skip("no engine here")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-notify-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "outbox").mkdir()
    (folder / "outbox").chmod(0o777)
    program = folder / "site-mail"
    program.write_text(MAIL_PROGRAM)
    program.chmod(0o755)
    try:
        with SlurmCluster(folder / "slurm", nodes=2, cpus=8, kill_wait=10, settings={"MailProg": str(program)}) as cluster, \
                Site(BIN, cluster=cluster, env=env, config=CONFIG) as site:
            yield engine, site, folder / "outbox"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def submit(place, steps, *options, status=0):
    engine, site, _ = place
    chosen, argv = counting_job(site, engine, steps, status)
    words = site.ckpt("submit", "--every", "off", *options, *chosen, "--", *argv).stdout
    return re.search(r"j-\d+", words).group()


def slurm_id(site, job):
    return site.job(job)["current_attempt"]["scheduler_job_id"]


def mails(place, job):
    """First lines (user | -s | subject | address) of the mails about it."""
    file = place[2] / "mails"
    lines = file.read_text().splitlines() if file.exists() else []
    return [line.split("|")[:4] for line in lines if f"|ckpt {job}:" in line]


def test_mails_are_about_the_job(place):
    _, site, outbox = place
    job = submit(place, 60, "--mail-type=ALL", "--mail-user=ada@example.org")
    site.wait_state(job, "running", 60)
    site.ckpt("requeue", job)  # a second allocation, of which nobody wants to hear
    ended = site.wait_state(job, ["completed", "failed", "parked"], 120)
    assert ended["state"] == "completed", site.evidence(job)
    assert len(ended["attempts"]) >= 2, site.evidence(job)
    wait_until(lambda: len(mails(place, job)) >= 2, 30, f"two mails: {mails(place, job)}")
    began, done = mails(place, job)
    assert began[0] == done[0] == site.user  # and not Slurm
    assert began[1:] == ["-s", f"ckpt {job}: Slurm Job_id={slurm_id(site, job)} Name={ended['name']} Began", "ada@example.org"]
    assert done[2].endswith(" Ended, COMPLETED, ExitCode 0")
    everything = (outbox / "mails").read_text()
    assert everything.count("=== end") == 2, everything
    assert "Exit status  0" in everything
    events = " ".join(site.ckpt("events", job).stdout.split())
    assert events.count("notified by mail: to ada@example.org") == 2, events


def test_the_command_hears_of_every_end_with_the_job_on_its_input(place):
    _, site, _ = place
    job = submit(place, 3, status=7)
    site.wait_state(job, "failed", 60)
    told = site.root / "home/told.env"
    wait_until(lambda: told.exists() and f"{job} failed" in told.read_text(), 30, "the command was run")
    heard = [json.loads(line) for line in (site.root / "home/told").read_text().splitlines()]
    mine = [seen for seen in heard if seen["id"] == job]
    assert [(seen["state"], seen["exit_code"]) for seen in mine] == [("failed", 7)]
    assert mails(place, job) == []


def test_who_waits_for_a_job_waits_for_it_under_its_new_number(place):
    _, site, _ = place
    job = submit(place, LONG, "-J", "first")
    site.wait_state(job, "running", 60)
    old = slurm_id(site, job)
    mark = site.work / "post-ran"
    post = site.run("sbatch", "--parsable", "-J", "post", "-d", f"afterok:{old}", "-o", "/dev/null", "--wrap", f"touch {mark}",
                    check=True).stdout.strip()
    ours = submit(place, 3, "-J", "second", "--dependency=afterok:first")
    waiting = site.run("squeue", "-h", "-o", "%E", "-j", slurm_id(site, ours), check=True).stdout
    assert f"afterok:{old}" in waiting
    site.ckpt("stop", job)
    assert site.wait_state(job, "parked", 60)
    why = wait_until(lambda: (text := site.ckpt("why", job).stdout) and f"Slurm job {post} (post) waits for it" in text and text, 30,
                     "why says who waits")
    assert f"scancel {post}" in why
    site.ckpt("restart", job)
    site.wait_state(job, "running", 60)
    new = slurm_id(site, job)
    assert new != old
    for other in (post, slurm_id(site, ours)):
        wait_until(lambda: f"afterok:{new}" in site.run("squeue", "-h", "-o", "%E", "-j", other).stdout, 60, f"{other} waits for {new}")
    events = " ".join(site.ckpt("events", job).stdout.split())  # lines are as wide as the terminal
    assert f"Slurm job {post} (post) waits for afterok:{new} now" in events
    assert not mark.exists()
    site.ckpt("cancel", job)
    third = submit(place, 3, "--dependency=afterok:first")  # which is cancelled, and may be restarted: it stands in no queue
    site.ckpt("cancel", third, ours)
    site.run("scancel", post, check=True)


def test_it_goes_on_when_what_it_waits_for_has_completed(place):
    _, site, _ = place
    first = submit(place, 20, "-J", "quick")
    second = submit(place, 3, "-J", "behind", "--dependency", f"afterok:{first}")
    assert site.job(second)["state"] == "queued"
    site.wait_state(first, "completed", 60)
    assert site.wait_state(second, ["completed", "failed", "parked"], 60)["state"] == "completed", site.evidence(second)
