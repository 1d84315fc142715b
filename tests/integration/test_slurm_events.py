"""What happens to an allocation from outside, under real Slurm with its default cred_expire and KillWait: preemption, requeue, scancel,
hold. Nothing is repeated, nothing waits for two minutes, and what a person cancelled stays cancelled."""
import itertools
import os
import pathlib
import re
import shutil
import tempfile
import time

import pytest

from engines import engine_fixture_parameters
from counting import counting_job, expected_output
from slurm_cluster import SlurmCluster
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
CONFIG = """
[poll]
pending = "2s"
running = "10s"
"""
LONG = 3000  # steps; ended by the test
names = itertools.count(1)


@pytest.fixture(scope="module")
def cluster():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-events-", dir="/tmp"))
    folder.chmod(0o755)
    with SlurmCluster(folder, nodes=3, cpus=8, cred_expire=120, kill_wait=30) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", params=engine_fixture_parameters())
def place(request, cluster):
    """(engine, site): one user and one daemon for all tests with this engine."""
    engine, env = request.param
    with Site(BIN, cluster=cluster, env=env, config=CONFIG) as site:
        yield engine, site


class Job:
    def __init__(self, place, steps, *options, status=0, megabytes=1, pause=0.1):
        engine, self.site = place
        self.steps = steps
        self.out = self.site.work / f"{next(names)}.out"
        chosen, argv = counting_job(self.site, engine, steps, status, megabytes, pause)
        words = self.site.ckpt("submit", "--every", "off", "--output", self.out, *options, *chosen, "--", *argv).stdout
        self.id = re.search(r"j-\d+", words).group()

    def show(self):
        return self.site.job(self.id)

    def slurm_id(self):
        return self.show()["current_attempt"]["scheduler_job_id"]

    def slurm(self, *words):
        """Slurm's own client, as the user types it behind ckptd's back."""
        return self.site.run(*words, check=True).stdout

    def lines(self):
        return self.out.read_text().count("\n") if self.out.exists() else 0

    def runs(self, attempt=1, timeout=40):
        """Waits until that attempt has its program running, printing."""
        def there():
            now = self.site.job(self.id)
            current = now["current_attempt"] or {}
            assert now["state"] in ("queued", "running"), self.site.evidence(self.id)
            return now if now["state"] == "running" and current.get("n", 0) >= attempt else None
        try:
            seen = wait_until(there, timeout, f"attempt {attempt} of {self.id} runs", step=0.2)
            lines = self.lines()
            wait_until(lambda: self.lines() > lines, 20, f"{self.id} prints", step=0.05)
            return seen
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.site.evidence(self.id)}") from None

    def completed(self, timeout=120, status=0):
        ended = self.site.wait_state(self.id, ["completed", "failed", "cancelled", "parked"], timeout)
        evidence = self.site.evidence(self.id)
        assert ended["state"] == ("completed" if status == 0 else "failed"), evidence
        assert ended["exit_code"] == status, evidence
        assert self.out.read_text() == expected_output(self.steps), evidence
        return ended

    def generations(self, state="sealed"):
        return [g for g in self.site.json("gens", self.id)["items"] if g["state"] == state]

    def processes(self):
        return {pid: line for pid, line in self.site.processes().items()
                if f"/{self.id}" in line or self.id in environment(pid)}


def environment(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/environ").read_bytes().replace(b"\0", b"\n").decode(errors="replace")
    except OSError:
        return ""


def started_late(attempts):
    """Seconds between the end of each attempt and the program's start in the next."""
    def seconds(text):
        import datetime
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    return [seconds(later["started_at"]) - seconds(earlier["ended_at"]) for earlier, later in zip(attempts, attempts[1:])]


def test_preemption_without_grace_repeats_nothing(place):
    job = Job(place, 150, "-c", "8", "-w", "n1", megabytes=64)
    job.runs()
    high = job.slurm("sbatch", "--parsable", "-p", "high", "-c", "8", "-w", "n1", "-o", "/dev/null", "--wrap", "sleep 1").strip()
    ended = job.completed()
    evidence = job.site.evidence(job.id)
    attempts = ended["attempts"]
    assert [a["end_reason"] for a in attempts] == ["preempted", "completed"], evidence
    sealed = [g for g in job.site.json("gens", job.id)["items"] if g["trigger"] == "preemption"]
    assert sealed, evidence
    assert attempts[1]["started_from"]["generation"] == sealed[-1]["id"], evidence
    assert high


def test_what_comes_from_outside(place):
    """Requeue, requeue to be held, hold of a waiting job, and scancel (with and without a stop that was asked for before): several jobs
    side by side."""
    requeued = Job(place, 150, status=7)
    held = Job(place, 100)
    cancelled = Job(place, LONG)
    stopping = Job(place, LONG)
    waiting = Job(place, 20, "--begin", "now+1hour")
    shut = Job(place, 20, "--hold")
    site = requeued.site
    for job in (requeued, held, cancelled, stopping):
        job.runs()
    for job in (cancelled, stopping):
        site.ckpt("checkpoint", job.id)
        assert len(job.generations()) == 1
    requeued.slurm("scontrol", "requeue", requeued.slurm_id())
    held.slurm("scontrol", "requeuehold", held.slurm_id())
    waiting.slurm("scontrol", "hold", waiting.slurm_id())
    site.ckpt("stop", "--no-wait", stopping.id)
    numbers = [job.slurm_id() for job in (cancelled, stopping)]
    cancelled.slurm("scancel", *numbers)

    # A hold: shown with its reason; released, it goes on.
    parked = site.wait_state(held.id, "parked", 40)
    assert "held" in parked["reason"], site.evidence(held.id)
    wait_until(lambda: "JobHeldUser" in waiting.show()["reason"], 20, "the reason of the hold\n" + site.evidence(waiting.id))
    held.slurm("scontrol", "release", held.slurm_id())
    site.ckpt("cancel", waiting.id)
    assert waiting.show()["state"] == "cancelled"
    # One that was submitted held begins with a release of ours, and nothing of that parks it.
    site.ckpt("release", shut.id)
    shut.completed()
    assert "held outside" not in site.ckpt("events", shut.id).stdout, site.evidence(shut.id)

    # scancel is final, and nothing of it is left.
    assert site.wait_state(cancelled.id, ["cancelled", "completed", "failed", "parked"], 40)["state"] == "cancelled"
    assert site.wait_state(stopping.id, ["cancelled", "parked"], 40)["state"] in ("cancelled", "parked")
    for job in (cancelled, stopping):
        wait_until(lambda: not job.processes(), 20, f"no process of {job.id} is left: {job.processes()}")
        assert job.generations(), "generations are kept"
    for job in (cancelled, waiting):
        assert site.ckpt("checkpoint", job.id, check=False).returncode == 4

    # A requeue: nothing is repeated, nothing waits for cred_expire.
    ended = requeued.completed(status=7)
    attempts = ended["attempts"]
    assert [a["end_reason"] for a in attempts] == ["requeued", "failed"], site.evidence(requeued.id)
    newest = [g for g in site.json("gens", requeued.id)["items"]][-1]["id"]
    assert attempts[1]["started_from"]["generation"] == newest
    assert max(started_late(attempts)) < 12, site.evidence(requeued.id)
    assert [a["end_reason"] for a in held.completed()["attempts"]] == ["requeued", "completed"], site.evidence(held.id)
    queue = site.run("squeue", "-h", "-o", "%i", check=True).stdout.split()
    assert not set(numbers) & set(queue), "nothing of it waits or runs"
    assert len(cancelled.show()["attempts"]) == 1, "never started again"
    assert cancelled.show()["state"] == "cancelled"


def test_twelve_requeues_in_a_row_wait_for_nothing(place):
    """One job stays on the same node. Half of them with the daemon stopped: the runner does it alone."""
    anywhere, same_node = Job(place, LONG), Job(place, LONG, "-w", "n3")
    site = anywhere.site
    jobs = (anywhere, same_node)
    numbers = {}

    def program_runs(job, attempt):
        """Told by the job folder alone."""
        journal = site.store / f"jobs/{job.id}/attempts/{attempt}/journal.jsonl"
        text = journal.read_text() if journal.exists() else ""
        return '"program_restarted"' in text

    for job in jobs:
        job.runs()
        numbers[job.id] = job.slurm_id()
    slowest = 0
    try:
        for round in range(1, 13):
            if round == 7:
                site.ckpt("daemon", "stop")
            started = time.monotonic()
            for job in jobs:
                job.slurm("scontrol", "requeue", numbers[job.id])
            for job in jobs:
                wait_until(lambda: program_runs(job, round + 1), 40, f"requeue {round} of {job.id}\n{'' if round > 6 else site.evidence(job.id)}")
            slowest = max(slowest, time.monotonic() - started)
    finally:
        site.ckpt("daemon", "start")
    assert slowest < 20, f"the slowest requeue took {slowest:.0f} s\n{site.evidence(anywhere.id)}"
    for job in jobs:
        seen = wait_until(lambda: (now := job.show())["attempts_count"] == 13 and now, 20, "the daemon has caught up")
        attempts = seen["attempts"]
        assert [a["end_reason"] for a in attempts[:-1]] == ["requeued"] * 12, site.evidence(job.id)
        assert max(started_late(attempts)) < 12, started_late(attempts)
        site.ckpt("cancel", job.id)
        lines = job.out.read_text()
        assert expected_output(lines.count("\n")) == lines, "nothing is repeated, nothing is missing"
        wait_until(lambda: not job.processes(), 20, f"`ckpt cancel` leaves no process of {job.id}: {job.processes()}")
    queue = site.run("squeue", "-h", "-o", "%i", check=True).stdout.split()
    assert not set(numbers.values()) & set(queue), "`ckpt cancel` leaves no Slurm job"
    assert {a["node"] for a in same_node.show()["attempts"]} == {"n3"}


def test_the_runners_own_requeue_is_told_as_what_it_was(place):
    """The requeue ends the job with everything in it, the client that asked for it included: that is no failure of the requeue."""
    engine, site = place
    if engine == "app":
        pytest.skip("nothing of this engine can break")
    job = Job(place, LONG)
    job.runs()
    number = job.slurm_id()
    rounds = 6
    for attempt in range(1, rounds + 1):
        job.runs(attempt)
        site.ckpt("checkpoint", job.id)
        helper = "--ns-init" if engine == "criu" else "--port-file"  # DMTCP overwrites its coordinator's name
        pids = [pid for pid, line in site.processes().items() if helper in line]
        assert pids, "\n".join(site.processes().values())
        site.run("kill", "-9", *[str(pid) for pid in pids], check=True)
        wait_until(lambda: job.show()["attempts_count"] > attempt, 60, "the next attempt\n" + site.evidence(job.id))
    job.runs(rounds + 1)
    for attempt in range(1, rounds + 1):
        journal = (site.store / f"jobs/{job.id}/attempts/{attempt}/journal.jsonl").read_text()
        assert '"requeue_done"' in journal and '"requeue_failed"' not in journal, journal
    assert {a["scheduler_job_id"] for a in job.show()["attempts"]} == {number}, "requeued, not submitted again"
    events = site.json("events", job.id)["items"]
    assert not [event for event in events if "requeue_failed" in event["type"]], events
    site.ckpt("cancel", job.id)


def test_a_hold_of_what_runs(place):
    """`ckpt hold` while it runs: not even a requeue at once begins another attempt, until `ckpt release`."""
    job = Job(place, 100, status=7)
    site = job.site
    job.runs()
    site.ckpt("hold", job.id)
    assert "no further attempt" in site.ckpt("why", job.id).stdout
    wait_until(lambda: job.slurm("squeue", "-h", "-j", job.slurm_id(), "-o", "%T %r").split() == ["RUNNING", "JobHeldUser"], 20,
               "Slurm knows of it\n" + site.evidence(job.id))
    site.ckpt("requeue", job.id)
    wait_until(lambda: job.slurm("squeue", "-h", "-j", job.slurm_id(), "-o", "%T %r").split() == ["PENDING", "JobHeldUser"], 60,
               "it waits, held\n" + site.evidence(job.id))
    wait_until(lambda: job.show()["reason"].startswith("held by the user"), 60, "and says so\n" + site.evidence(job.id))
    begun = [a for a in job.show()["attempts"] if a["started_at"]]
    assert job.show()["state"] == "queued" and len(begun) == 1, site.evidence(job.id)
    site.ckpt("release", job.id)
    ended = job.completed(status=7)
    assert [a["end_reason"] for a in ended["attempts"]] == ["requeued", "failed"], site.evidence(job.id)
    assert "held outside" not in site.ckpt("events", job.id).stdout, site.evidence(job.id)
