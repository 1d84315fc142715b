"""A job that goes on for ever is worse than one that stops and says why: the time budget, --stop-after, and a program that breaks after each
restart. On this machine, with limits of seconds; the runner holds them alone."""
import datetime
import os
import pathlib
import re

import pytest

from counting import counting_job, expected_output
from engines import engine_parameters
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
ENGINES = [p for p in engine_parameters() if p.id != "app" and not p.marks]
pytestmark = pytest.mark.skipif(not ENGINES, reason="no engine that carries on a program which knows nothing of it")
OVER = ["completed", "failed", "cancelled", "parked"]
DELAY = 2
CONFIG = f'[limits]\nrestart_delay = "{DELAY}s"\n'

# Runs well from its start; a copy of it that was restarted crashes at once (the kernel tells when a process began, and no engine can
# restore that).
CRASHES_AGAIN = """#!/usr/bin/python3
import os, signal, sys, time
def began():
    with open("/proc/self/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[19]
first = began()
step = 0
while True:
    if began() != first:
        os.kill(os.getpid(), int(sys.argv[1]))
    print(step, flush=True)
    step += 1
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def site():
    with Site(BIN, env=ENGINES[0].values[1], config=CONFIG) as site:
        yield site


def submit(site, name, argv, *options):
    out = site.work / f"{name}.out"
    words = site.ckpt("submit", "-J", name, "--every", "off", "--engine", ENGINES[0].values[0], "--output", out, *options, "--", *argv).stdout
    return re.search(r"j-\d+", words).group(), out


def counting(site, steps):
    return counting_job(site, ENGINES[0].values[0], steps)[1]


def sealed(site, job, trigger):
    return [g for g in site.json("gens", job)["items"] if g["state"] == "sealed" and g["trigger"] == trigger]


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_the_time_budget_parks_it_and_says_what_to_type(site):
    job, out = submit(site, "budget", counting(site, 150), "--total-time", "6s")
    site.wait_state(job, "running", 30)
    site.ckpt("daemon", "stop")  # the runner does it alone
    journal = site.store / f"jobs/{job}/attempts/1/journal.jsonl"
    wait_until(lambda: '"kind":"ended"' in journal.read_text(), 60, "its runner ends it\n" + journal.read_text())
    parked = site.wait_state(job, OVER, 30)
    assert parked["state"] == "parked", site.evidence(job)
    assert "the time budget of 6s is used up" in parked["reason"], parked["reason"]
    assert f"`ckpt restart {job} --total-time 12s`" in parked["reason"], parked["reason"]
    assert sealed(site, job, "stop"), "what it had done is kept\n" + site.evidence(job)
    ran = parked["accounting"]["run_seconds"]
    assert 6 <= ran < 20, ran

    refused = site.ckpt("restart", job, check=False)
    assert refused.returncode == 6, refused.stderr
    assert "--total-time" in refused.stderr and "time budget is 6s" in refused.stderr, refused.stderr
    assert site.job(job)["state"] == "parked"

    # All attempts count: a budget that is not larger by much is soon used up again.
    site.ckpt("restart", job, "--total-time", f"{int(ran) + 4}s")
    site.wait_state(job, "running", 30)
    again = site.wait_state(job, OVER, 60)
    assert again["state"] == "parked" and "is used up" in again["reason"], site.evidence(job)
    assert again["accounting"]["run_seconds"] < ran + 15
    site.ckpt("restart", job, "--total-time", "1h")
    assert site.wait_state(job, OVER, 60)["state"] == "completed", site.evidence(job)
    assert out.read_text() == expected_output(150)


def test_stop_after_stops_once(site):
    job, out = submit(site, "once", counting(site, 100), "--stop-after", "4s")
    parked = site.wait_state(job, OVER, 60)
    assert parked["state"] == "parked", site.evidence(job)
    assert "--stop-after" in parked["reason"] and f"`ckpt restart {job}`" in parked["reason"], parked["reason"]
    assert len(sealed(site, job, "stop")) == 1
    site.ckpt("restart", job)
    ended = site.wait_state(job, OVER, 60)
    assert ended["state"] == "completed", site.evidence(job)
    assert out.read_text() == expected_output(100)


def test_it_crashes_after_each_restart(site):
    program = site.program("crashes-again.py", CRASHES_AGAIN)
    job, _ = submit(site, "crashes", [program, 11])
    site.wait_state(job, "running", 30)
    site.ckpt("checkpoint", job)
    site.ckpt("stop", job)
    site.ckpt("restart", job)
    shown = []

    def says_when():
        shown.append(re.sub(r"\s+", " ", site.ckpt("show", job).stdout))
        return re.search(r"broke at once.*tried again at \d{4}-\d\d-\d\dT[\d:.]+Z", shown[-1]) or " parked" in shown[-1]

    wait_until(says_when, 60, "it says when it will be tried again", step=0.2)
    assert "tried again at" in shown[-1], f"{shown[-1]}\n{site.evidence(job)}"
    parked = site.wait_state(job, OVER, 120)
    evidence = site.evidence(job)
    assert parked["state"] == "parked", evidence
    tries = parked["attempts"][1:]
    assert parked["attempts"][0]["end_reason"] == "stopped"
    crashed = [a for a in tries if a["started_at"]]
    assert [a["end_reason"] for a in crashed] == ["interrupted"] * 3, evidence
    assert "signal 11" in crashed[-1]["reason"] and "after its restart from g" in crashed[-1]["reason"], crashed[-1]
    assert "signal 11" in parked["reason"] or "restart" in parked["reason"], parked["reason"]
    waits = [seconds(b["started_at"]) - seconds(a["ended_at"]) for a, b in zip(crashed, crashed[1:])]
    assert waits[0] >= DELAY and waits[1] >= 4 * DELAY, waits

    # A person who restarts it is not told of the loop before it was tried.
    before = len(parked["attempts"])
    site.ckpt("restart", job)
    wait_until(lambda: len([a for a in site.job(job)["attempts"][before:] if a["started_at"]]) == 3, 120, "three tries more\n" + site.evidence(job))
    assert site.wait_state(job, OVER, 60)["state"] == "parked", site.evidence(job)


def test_a_crash_of_its_own_is_its_result(site):
    job, _ = submit(site, "own", ["/bin/sh", "-c", "sleep 0.3; kill -SEGV $$"])
    ended = site.wait_state(job, OVER, 40)
    assert (ended["state"], ended["signal"]) == ("failed", 11), site.evidence(job)
    assert len(ended["attempts"]) == 1
