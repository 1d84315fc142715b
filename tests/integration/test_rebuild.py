"""The registry is lost or damaged, under real Slurm: what the store holds brings it back, and what runs meanwhile goes on.

One cluster and one person; each kind of damage is a round on the same jobs: one parked, one cancelled, one completed, one that waits, and one
that runs all the while and must end with exactly its output.
"""
import json
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
ENGINE = next((p for p in engine_parameters() if p.id != "app" and not p.marks), engine_parameters()[0])
CONFIG = """
[poll]
pending = "2s"
running = "10s"
"""
LONG = 3000
STEPS = 2400  # of the one that runs through all rounds


@pytest.fixture(scope="module")
def site():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-rebuild-", dir="/tmp"))
    folder.chmod(0o755)
    with SlurmCluster(folder, nodes=2, cpus=8) as cluster, Site(BIN, cluster=cluster, env=ENGINE.values[1], config=CONFIG) as site:
        yield site
    shutil.rmtree(folder, ignore_errors=True)


def submit(site, steps, name, *options):
    chosen, argv = counting_job(site, ENGINE.values[0], steps)
    out = site.work / f"{name}.out"
    words = site.ckpt("submit", "-J", name, "--every", "off", "--output", out, "--tag", f"what={name}", *options, *chosen, "--", *argv).stdout
    return re.search(r"j-\d+", words).group()


@pytest.fixture(scope="module")
def jobs(site):
    jobs = {name: submit(site, LONG, name) for name in ("parked", "cancelled")}
    jobs["completed"] = submit(site, 20, "completed")
    jobs["runs"] = submit(site, STEPS, "runs", "--keep", "3")
    jobs["waiting"] = submit(site, 20, "waiting", "--begin", "now+1hour")
    for name in ("parked", "cancelled", "runs"):
        site.wait_state(jobs[name], "running", 60)
    site.ckpt("checkpoint", jobs["parked"], jobs["cancelled"], jobs["runs"])
    site.ckpt("stop", jobs["parked"])
    site.ckpt("cancel", jobs["cancelled"])
    # Rolled back, and parked again.
    site.ckpt("restart", jobs["parked"], "--generation", "g1", "--keep", "5")
    site.wait_state(jobs["parked"], "running", 60)
    site.ckpt("stop", jobs["parked"])
    site.wait_state(jobs["cancelled"], "cancelled", 30)
    site.wait_state(jobs["completed"], "completed", 60)
    return jobs


def settled(job):
    """What of `ckpt show --json` does not move while the daemon is away."""
    moving = ("accounting", "next_checkpoint_at", "next_checkpoint_trigger", "reason") if job["state"] in ("running", "queued") else ()
    return {key: value for key, value in job.items() if key not in moving}


def look(site, jobs):
    wait_until(lambda: site.job(jobs["waiting"])["current_attempt"]["state"] == "pending", 20, "Slurm has been asked")
    seen = {name: settled(site.job(job)) for name, job in jobs.items()}
    for name, job in jobs.items():
        seen[name + " generations"] = site.json("gens", job)["items"]
    return seen


def differences(before, after, where=""):
    """Of a request only the instant at which its checkpoint began comes back."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [line for key in sorted({*before, *after} - {"requested_at"}) for line in differences(before.get(key), after.get(key), f"{where}/{key}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [line for n, pair in enumerate(zip(before, after)) for line in differences(*pair, f"{where}/{n}")]
    return [] if before == after else [f"{where}: {before!r} became {after!r}"]


def same(site, jobs, before):
    """Soon: what Slurm says of those that wait is known after the first question."""
    seen = []
    def no_difference():
        seen[:] = differences(before, look(site, jobs))
        return not seen
    try:
        wait_until(no_difference, 15, "the jobs are as before", step=1)
    except AssertionError as error:
        raise AssertionError(f"{error}\n" + "\n".join(seen)) from None


def log(site):
    """Of daemons that `ckpt` starts, and of others."""
    files = [site.state / "ckptd.start.log", site.state / "ckptd.log"]
    return "\n".join(file.read_text() for file in files if file.exists())


def stop(site, kill=False):
    pid = site.daemon_pid()
    if kill:
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: pid not in site.processes(), 10, "the daemon is dead")
    else:
        site.ckpt("daemon", "stop")
    return site.state / "registry.db"


def overwrite(file, offset, length):
    with open(file, "r+b") as db:
        db.seek(offset)
        db.write(os.urandom(length))


def remove(db):
    for part in ("", "-wal", "-shm"):
        pathlib.Path(f"{db}{part}").unlink(missing_ok=True)


# name → what is done to the file between two daemons
DAMAGE = {
    "deleted": remove,
    "deleted, its log left": lambda db: db.unlink(),
    "emptied": lambda db: os.truncate(db, 0),
    "half a page": lambda db: os.truncate(db, 2048),
    "cut in the middle": lambda db: os.truncate(db, db.stat().st_size // 2 // 4096 * 4096),
    "cut off a page's boundary": lambda db: os.truncate(db, db.stat().st_size - 1000),
    "another file's content": lambda db: db.write_bytes(b"This is no database.\n" * 2000),
    "garbage at its head": lambda db: overwrite(db, 0, 100),
    "garbage in the first page": lambda db: overwrite(db, 100, 3000),
    "garbage in the second page": lambda db: overwrite(db, 4096, 4096),
    "garbage in every page": lambda db: [overwrite(db, at + 512, 2048) for at in range(0, db.stat().st_size - 4096, 4096)],
}


def kept(site):
    return sorted(path.name for path in site.state.glob("registry.db.*"))


def rebuilt(site):
    return [reason for reason in site.json("daemon", "status")["degraded"] if reason["code"] == "registry_rebuilt"]


def numbers(site):
    return site.run("squeue", "-h", "-o", "%i", check=True).stdout.split()


@pytest.mark.parametrize("damage", DAMAGE)
def test_it_is_made_again_from_the_store(site, jobs, damage):
    site.ckpt("daemon", "restart")  # without what the last round has left to tell
    before, in_slurm, aside = look(site, jobs), sorted(numbers(site)), kept(site)
    last = site.json("daemon", "status")["last_event_seq"]
    db = stop(site, kill=damage == "deleted, its log left")
    DAMAGE[damage](db)
    damaged = db.read_bytes() if db.exists() else b""
    site.ckpt("daemon", "start")
    same(site, jobs, before)
    status = site.json("daemon", "status")
    assert status["health"] == "degraded"
    reasons = rebuilt(site)
    assert len(reasons) == 1, status
    assert status["last_event_seq"] > last, "whoever reads events from there on misses none"
    new = [name for name in kept(site) if name not in aside]
    if damaged:
        assert any((site.state / name).read_bytes() == damaged for name in new), new
        assert any(name in reasons[0]["advice"] for name in new), reasons
        assert all(re.fullmatch(r"registry\.db\.damaged-\d{8}T\d{6}Z(-\d+)?(-wal|-shm)?", name) for name in new), new
    assert "made again from the store" in site.ckpt("daemon", "status").stdout
    assert "made again from the store" in log(site)
    assert [e for e in site.json("events")["items"] if e["type"] == "registry_rebuilt"]
    assert sorted(numbers(site)) == in_slurm, "nothing was submitted again"


def test_a_whole_registry_is_left_alone(site, jobs):
    aside = kept(site)
    for kill in (True, False):
        stop(site, kill)
        site.ckpt("daemon", "start")
        assert kept(site) == aside
        assert not rebuilt(site)


def test_asked_for_it_is_put_aside_and_nobody_complains(site, jobs):
    before, aside = look(site, jobs), kept(site)
    stop(site)
    daemon = site.popen("ckptd", "--rebuild", cwd="/")
    try:
        wait_until(lambda: site.daemon_pid() == daemon.pid, 20, "the daemon is there")
        same(site, jobs, before)
        assert not rebuilt(site)
        assert [name for name in kept(site) if name not in aside and name.startswith("registry.db.old-")]
    finally:
        site.ckpt("daemon", "stop")
        daemon.wait(20)
    site.ckpt("daemon", "start")


def replace(db, content):
    new = db.with_name("new")
    new.write_bytes(content)
    os.chown(new, db.stat().st_uid, db.stat().st_gid)
    os.rename(new, db)


RUNTIME = {
    "deleted": remove,
    "replaced by another": lambda db: replace(db, b"x" * 8192),
    "cut short": lambda db: os.truncate(db, 4096),
    "garbage at its head": lambda db: overwrite(db, 0, 512),
    "garbage all over": lambda db: overwrite(db, 0, db.stat().st_size),
}


@pytest.mark.parametrize("damage", RUNTIME)
def test_damaged_while_the_daemon_runs(site, jobs, damage):
    site.ckpt("daemon", "restart")
    before, in_slurm, pid = look(site, jobs), sorted(numbers(site)), site.daemon_pid()
    epoch = site.json("daemon", "status")["daemon"]["epoch"]
    RUNTIME[damage](site.state / "registry.db")
    status = wait_until(lambda: newer(site, epoch), 40, "the daemon has begun again\n" + log(site)[-2000:])
    assert site.daemon_pid() == pid, "without a person, and without systemd"
    same(site, jobs, before)
    assert sorted(numbers(site)) == in_slurm
    assert "the daemon begins again" in log(site)
    assert status["daemon"]["pid"] == pid


def newer(site, epoch):
    done = site.ckpt("daemon", "status", "--json", check=False)
    try:
        status = json.loads(done.stdout)
        return status if status["daemon"]["epoch"] > epoch else None
    except (ValueError, KeyError):
        return None


def test_afterwards_everything_goes_on(site, jobs):
    ended = site.wait_state(jobs["runs"], ["completed", "failed", "parked", "cancelled"], 300)
    assert ended["state"] == "completed", site.evidence(jobs["runs"])
    assert (site.work / "runs.out").read_text() == expected_output(STEPS)
    assert ended["attempts_count"] == 1, "it was adopted, not started again"
    site.ckpt("cancel", jobs["waiting"])
    site.ckpt("restart", jobs["parked"])
    site.wait_state(jobs["parked"], "running", 60)
    lines = (site.work / "parked.out").read_text()
    assert lines == expected_output(lines.count("\n"))
    site.ckpt("cancel", jobs["parked"])
    assert site.job(jobs["cancelled"])["state"] == "cancelled"
