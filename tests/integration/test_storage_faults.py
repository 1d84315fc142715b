"""Storage that fails: a disk without room, and every write call of daemon and runner answered with an error (tests/support/faultwalk.py).

The calls come from a life that nothing disturbs. CKPT_STORAGE_WALK=each fails each kind of call (program, call, file) once, =all its first and
its last with each error, for an instant and for longer, =ckptd:rename (or another part of a name) what contains it. Without it: some of them.
"""
import concurrent.futures
import errno
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from counting import expected_output
from engines import engine_parameters
from faultwalk import FaultWalk, calls_of
from usersite import Site, runner_megabytes, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
PROGRAMS = pathlib.Path(os.environ.get("CKPT_TEST_PROGRAMS", BIN.parent / "tests"))
WISH = os.environ.get("CKPT_STORAGE_WALK", "")
SIDE_BY_SIDE = int(os.environ.get("CKPT_STORAGE_WALKERS", "8"))
ERRORS = [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.EROFS]
LASTING = [0, 1500, 5000]  # milliseconds: one call; less than the runner's patience; more than it, and than the lease
DEFAULT_CASES = int(os.environ.get("CKPT_STORAGE_CASES", "24"))

# Holds memory that packs well, so that its image takes much more room unpacked than packed.
HOLDS = """#!/usr/bin/python3
import hashlib, sys, time
steps, megabytes, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
ballast = bytearray(megabytes << 20)
for page in range(0, len(ballast), 4096):
    ballast[page] = 1 + page // 4096 % 255
state = b"start"
for step in range(steps):
    state = hashlib.sha256(state).digest()
    print(step, state.hex()[:12], flush=True)
    time.sleep(pause)
"""

CONFIG = """
[poll]
journal = "200ms"
lease = "500ms"
pending = "500ms"
running = "1s"
[limits]
lease = "4s"
act_repeat = "4s"
store_patience = "{patience}"
"""


class SmallStore:
    """A store on a tmpfs of its own, and a file that fills it."""

    def __init__(self, site, megabytes):
        self.site, self.path = site, site.root / "small"
        site._make(self.path)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes + runner_megabytes(BIN)}m,mode=0700,uid={site.account.pw_uid},gid={site.account.pw_gid}",
                        "ckptd-small", str(self.path)], check=True)
        site.env["CKPTD_STORE"] = str(self.path / "store")
        site.store = self.path / "store"

    def free(self):
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_bsize

    def fill(self, leave=0):
        with open(self.path / "filler", "ab") as filler:
            os.posix_fallocate(filler.fileno(), 0, max(os.path.getsize(filler.name) + self.free() - leave, 1))

    def empty(self):
        (self.path / "filler").unlink()

    def close(self):
        subprocess.run(["umount", "--lazy", str(self.path)], check=False)


@pytest.fixture
def engine():
    """(engine, environment): CRIU where it works, else DMTCP; the app engine's images are never packed into less than its files."""
    there = [p for p in engine_parameters() if p.values[0] != "app" and not p.marks]
    return there[0].values if there else pytest.skip("neither CRIU nor DMTCP here")


@pytest.fixture
def small(request, engine):
    if os.getuid() != 0:
        pytest.skip("needs root, to mount a small filesystem")
    patience = getattr(request, "param", "60s")
    site = Site(BIN, env=engine[1], config=CONFIG.format(patience=patience))
    store = SmallStore(site, 118)
    try:
        yield site, store
    finally:
        store.close()
        site.close()


def events(site, job):
    return site.json("events", job)["items"]


def submit_holding(site, engine, steps, megabytes=40):
    program = site.program("holds.py", HOLDS)
    submitted = site.ckpt("submit", "--engine", engine[0], "--every", "off", "--output", "out", "--time", "10m", "--json", "--",
                          program, steps, megabytes, "0.1")
    return json.loads(submitted.stdout)["id"]


def checkpoint_packed(site, job):
    """Takes a checkpoint, and waits until it is packed. Returns the generation's name."""
    site.wait_state(job, "running", 60)
    wait_until(lambda: (site.work / "out").exists() and len((site.work / "out").read_text().splitlines()) > 5, 60, "some output")
    site.ckpt("checkpoint", job)
    def packed():
        for manifest in site.store.glob(f"jobs/{job}/generations/*/manifest.json"):
            if '"zstd"' in manifest.read_text():
                return manifest.parent.name
        return None
    wait_until(packed, 60, "packed")
    return packed()


def stop_from(site, job):
    site.ckpt("stop", job)
    site.wait_state(job, "parked", 60)
    return [g["id"] for g in site.json("gens", job)["items"] if g["state"] == "sealed"]


def test_a_restart_waits_for_room_and_goes_on_from_the_same_generation(small, engine):
    site, store = small
    job = submit_holding(site, engine, 60)
    packed = checkpoint_packed(site, job)
    stop_from(site, job)
    store.fill(leave=1_000_000)
    site.ckpt("restart", job, "--generation", packed)
    def waits():
        return [event for event in events(site, job) if event["type"] == "attempt_waiting" and "no room" in event["message"]]
    wait_until(waits, 60, f"it says what it waits for {site.evidence(job)}")
    assert "free space" in waits()[0]["message"]
    assert site.job(job)["state"] in ("queued", "running")
    store.empty()
    done = site.wait_state(job, ["completed", "failed", "parked"], 90)
    assert (done["state"], done["exit_code"]) == ("completed", 0), site.evidence(job)
    assert (site.work / "out").read_text() == expected_output(60)
    restarted = [event for event in events(site, job) if event["type"] == "attempt_program_restarted"]
    assert restarted[-1]["generation"] == packed
    assert not [event for event in events(site, job) if event["type"] == "attempt_restart_failed"]


@pytest.mark.parametrize("small", ["2s"], indirect=True)
def test_without_room_for_long_it_is_parked_with_what_to_do_and_nothing_is_lost(small, engine):
    site, store = small
    job = submit_holding(site, engine, 60)
    packed = checkpoint_packed(site, job)
    sealed = stop_from(site, job)
    store.fill(leave=1_000_000)
    site.ckpt("restart", job, "--generation", packed)
    parked = wait_until(lambda: site.job(job)["state"] == "parked" and site.job(job), 120, "parked")
    assert "free space" in parked["reason"], site.evidence(job)
    ended = [event["message"] for event in events(site, job) if event["type"] == "attempt_ended"]
    assert sum("was interrupted" in message and "no room" in message for message in ended) == 3, ended
    assert [g["id"] for g in site.json("gens", job)["items"] if g["state"] == "sealed"] == sealed
    store.empty()
    site.ckpt("restart", job)
    done = site.wait_state(job, ["completed", "failed", "parked"], 90)
    assert (done["state"], done["exit_code"]) == ("completed", 0), site.evidence(job)
    assert (site.work / "out").read_text() == expected_output(60)


@pytest.mark.parametrize("small", ["10m"], indirect=True)
def test_a_stop_ends_the_waiting_for_room(small, engine):
    site, store = small
    job = submit_holding(site, engine, 60)
    packed = checkpoint_packed(site, job)
    stop_from(site, job)
    store.fill(leave=1_000_000)
    site.ckpt("restart", job, "--generation", packed)
    wait_until(lambda: [e for e in events(site, job) if e["type"] == "attempt_waiting"], 60, "it waits")
    site.ckpt("stop", job, "--no-wait")
    site.wait_state(job, "parked", 30)


def test_a_checkpoint_without_room_is_refused_and_the_program_runs_on(small, engine):
    site, store = small
    job = submit_holding(site, engine, 80)
    checkpoint_packed(site, job)  # packing gives room back
    store.fill(leave=10_000_000)
    refused = site.ckpt("checkpoint", job, check=False)
    assert refused.returncode != 0 and "free" in refused.stderr, refused.stderr
    refusals = [event for event in events(site, job) if event["type"] == "checkpoint_refused"]
    assert refusals and "beside what is there" in refusals[-1]["message"], site.evidence(job)
    generations = site.json("gens", job)["items"]
    assert "beside what is there" in generations[-1]["reason"]
    states = [g["state"] for g in generations]
    assert states.count("sealed") == 1 and states.count("failed") == 1
    lines = len((site.work / "out").read_text().splitlines())
    wait_until(lambda: len((site.work / "out").read_text().splitlines()) > lines, 10, "the program runs on")
    store.empty()
    site.ckpt("checkpoint", job)
    done = site.wait_state(job, ["completed", "failed", "parked"], 90)
    assert (done["state"], done["exit_code"]) == ("completed", 0), site.evidence(job)
    assert (site.work / "out").read_text() == expected_output(80)
    assert len([event for event in events(site, job) if event["type"] == "attempt_claimed"]) == 1


def test_a_program_is_not_frozen_because_the_disk_is_full(small, engine):
    """The lease goes on being renewed: its bytes are there already."""
    site, store = small
    job = submit_holding(site, engine, 120, megabytes=4)
    site.wait_state(job, "running", 60)
    wait_until(lambda: (site.work / "out").exists() and (site.work / "out").read_text(), 60, "some output")
    store.fill()
    assert store.free() == 0
    lines = len((site.work / "out").read_text().splitlines())
    # Three times the lease is 12 s: 120 steps of 0.1 s.
    wait_until(lambda: len((site.work / "out").read_text().splitlines()) >= 119, 40, f"it goes on (from {lines})")
    store.empty()
    done = site.wait_state(job, ["completed", "failed", "parked"], 60)
    assert (done["state"], done["exit_code"]) == ("completed", 0), site.evidence(job)
    assert "attempt_lease_renewed" not in [event["type"] for event in events(site, job)]


def test_a_stored_generation_that_changes_is_found_and_not_restarted_from(engine):
    site = Site(BIN, env=engine[1], config=CONFIG.format(patience="5s") + '[verify]\nevery = "7s"\nrate = "200MB"\n')
    try:
        job = submit_holding(site, engine, 60, megabytes=4)
        checkpoint_packed(site, job)
        sealed = stop_from(site, job)
        newest = sealed[-1]
        folder = site.store / "jobs" / job
        # The last one is not packed any more: its runner has gone.
        image = max((folder / file["path"] for file in json.loads((folder / f"generations/{newest}/manifest.json").read_text())["images"]
                     if (folder / file["path"]).exists()), key=lambda path: path.stat().st_size)
        with open(image, "r+b") as file:
            file.seek(image.stat().st_size // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))
        def found():
            return [event for event in events(site, job) if event["type"] == "generation_corrupt"]
        wait_until(found, 60, f"it is found {site.evidence(job)}")
        assert newest in found()[0]["message"] and "not what was sealed" in found()[0]["message"]
        assert {g["id"]: g["state"] for g in site.json("gens", job)["items"]}[newest] == "corrupt"
        assert (folder / f"generations/{newest}/corrupt").exists()
        assert job in site.ckpt("daemon", "status", check=False).stdout, "the daemon's status says so"
        site.ckpt("restart", job)
        done = site.wait_state(job, ["completed", "failed", "parked"], 90)
        assert (done["state"], done["exit_code"]) == ("completed", 0), site.evidence(job)
        assert (site.work / "out").read_text() == expected_output(60)
        restarted = [event for event in events(site, job) if event["type"] == "attempt_program_restarted"]
        assert restarted[-1]["generation"] == sealed[-2]
        assert not [event for event in events(site, job) if event["type"] == "attempt_restart_failed"]
    finally:
        site.close()


# --- every write call

def chosen(calls):
    """Faults, as (name of the call, which of them, error, for how long)."""
    names = sorted(calls)
    if WISH == "all":
        return [(name, nth, error, LASTING[(i + j) % len(LASTING)]) for i, name in enumerate(names) for nth in sorted({1, calls[name]})
                for j, error in enumerate(ERRORS)]
    faults = [(name, 1 if i % 2 else max(1, calls[name] // 2), ERRORS[i % len(ERRORS)], LASTING[i // 2 % len(LASTING)])
              for i, name in enumerate(names)]
    if WISH == "each":
        return faults
    if WISH:
        return [(name, 1, error, LASTING[j % len(LASTING)]) for name in names if WISH.replace(":", " ") in name for j, error in enumerate(ERRORS)]
    return faults[::max(1, len(faults) // DEFAULT_CASES)]


def fail_once(walk, fault):
    """One case; returns what went wrong, or "not reached", or nothing."""
    name, nth, error, lasting = fault
    case = walk.case(f"{name}:{nth}:{errno.errorcode[error]}:{lasting}"[-150:])
    try:
        case.control.arm(name, nth, error, lasting)
        case.check(case.live_through())
        reached = case.control.failed() > 0
        shutil.rmtree(case.folder, ignore_errors=True)
        return None if reached else "not reached"
    except Exception as problem:  # all are told at the end
        return f"{problem}"
    finally:
        case.close()


def test_every_write_may_fail(engine):
    walk = FaultWalk(BIN, *engine, PROGRAMS / "fault_shim.so")
    try:
        case = walk.case("undisturbed")
        try:
            case.control.log()
            case.check(case.live_through())
            calls = calls_of(case)
        finally:
            case.close()
        for program in ("ckptd", "ckpt-runner"):
            for call in ("create", "write", "fsync", "rename", "link", "mkdir", "close"):
                assert any(name.startswith(f"{program} {call} ") for name in calls), f"{program} never calls {call}: {sorted(calls)}"
        faults = chosen(calls)
        with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            results = list(pool.map(lambda fault: (fault, fail_once(walk, fault)), faults))
    finally:
        walk.close()
    wrong = [f"=== {fault}: {result}" for fault, result in results if result and result != "not reached"]
    missed = [fault for fault, result in results if result == "not reached"]
    assert not wrong, f"{len(wrong)} of {len(results)} faults were not survived\n" + "\n\n".join(wrong)
    assert len(missed) < max(2, len(results) // 3), f"too many were not reached: {missed}"
    print(f"{len(calls)} kinds of calls, {sum(calls.values())} calls; {len(results) - len(missed)} faults survived, not reached: {missed}")
