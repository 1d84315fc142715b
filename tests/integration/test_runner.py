"""ckpt-runner alone, without daemon and without Slurm: a job folder made by hand, one attempt after the other as a scheduler would
start them. Every engine that this machine has carries the same program to the same output."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

from engines import engine_parameters
from usersite import wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])

COUNT = """#!/usr/bin/python3
import os, sys, time
open("where", "w").write(os.environ["TMPDIR"])
for i in range(int(sys.argv[1])):
    print(i, flush=True)
    time.sleep(0.1)
sys.exit(7)
"""

# Saves its whole state on USR1, and goes on from it. What it printed between saving and being stopped it would print again (docs/engines.md):
# so it prints nothing for a while.
SAVES_ITSELF = """#!/usr/bin/python3
import os, signal, sys, time
open("where", "w").write(os.environ["TMPDIR"])
start = int(open("state").read()) if os.path.exists("state") else 0
def save(*_):
    with open("state.new", "w") as file:
        file.write(str(i + 1))
    os.rename("state.new", "state")
    time.sleep(0.7)
i = start - 1
signal.signal(signal.SIGUSR1, save)
for i in range(start, int(sys.argv[1])):
    print(i, flush=True)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
    time.sleep(0.1)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
sys.exit(7)
"""


@pytest.fixture(autouse=True)
def nothing_stays_below_tmp(tmp_path):
    """A test that kills the last runner of its job leaves the job's $TMPDIR, whose name its program has written down."""
    yield
    where = tmp_path / "work/where"
    if where.exists():
        shutil.rmtree(where.read_text(), ignore_errors=True)


class Job:
    """A job folder, and the scheduler's part: starting batch scripts with a restart count."""

    def __init__(self, folder, engine, argv, time_limit, env, **policy):
        self.cwd = folder / "work"
        self.folder = folder / "store/jobs/j-1"
        for name in ("attempts", "generations", "submissions"):
            (self.folder / name).mkdir(parents=True)
        self.cwd.mkdir()
        (folder / "state").mkdir()
        spec = {"id": "j-1", "name": "count", "created_at": "2026-01-01T00:00:00.000Z", "argv": argv, "cwd": str(self.cwd),
                "env": {"PATH": "/usr/bin:/bin", "HOME": str(folder), "USER": "somebody"}, "scheduler": "local",
                "engine": engine, "time_limit_seconds": time_limit, "stdout_path": "out"}
        if engine == "app":
            spec["app"] = {"signal": "USR1"}
            policy.setdefault("ckpt_files", ["state"])
        (self.folder / "spec.json").write_text(json.dumps(spec))
        (self.folder / "policy.json").write_text(json.dumps({"revision": 1, **policy}))
        self.env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "CKPT_LOCAL_JOB_ID": "local-1",
                    "CKPT_LOCAL_STATE": str(folder / "state"), "CKPT_LEASE": "4s", "CKPT_LOOK_EVERY": "200ms", **env}

    def start(self, restart_count, token="a1", inside=(), **env):
        return subprocess.Popen([*inside, BIN / "ckpt-runner", "run", "--job", self.folder, "--token", token],
                                env={**self.env, "CKPT_LOCAL_RESTART_COUNT": str(restart_count), **env}, stdin=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)

    def attempt(self, restart_count, timeout=60, **env):
        runner = self.start(restart_count, **env)
        _, complaints = runner.communicate(timeout=timeout)
        return runner.returncode, complaints

    def events(self, attempt):
        journal = self.folder / f"attempts/{attempt}/journal.jsonl"
        return [json.loads(line.split(" ", 3)[3]) for line in journal.read_text().splitlines()]

    def kinds(self, attempt):
        return [event["kind"] for event in self.events(attempt)]

    def output(self):
        return (self.cwd / "out").read_text()


def write_program(folder, engine):
    path = folder / "program.py"
    path.write_text(SAVES_ITSELF if engine == "app" else COUNT)
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("engine,env", engine_parameters())
def test_a_job_outlives_its_allocations(tmp_path, engine, env):
    job = Job(tmp_path, engine, [write_program(tmp_path, engine), "150"], 8, env, every_seconds=3)
    for restart_count in range(8):
        status, complaints = job.attempt(restart_count)
        if status != 85:
            break
    assert status == 7, complaints + str(job.events(restart_count + 1))
    assert restart_count >= 2, "it was to need several allocations"
    assert job.output() == "".join(f"{i}\n" for i in range(150))
    for attempt in range(1, restart_count + 1):
        triggers = [event["trigger"] for event in job.events(attempt) if event["kind"] == "checkpoint_sealed"]
        assert triggers[-1] == "before_walltime"
        assert job.events(attempt)[-2]["end_reason"] == "walltime"
    assert job.events(1)[-1]["kind"] == "requeue_failed"  # the record of a local allocation is the daemon's
    assert "proof" in [event.get("trigger") for event in job.events(1)]


@pytest.mark.parametrize("engine,env", engine_parameters())
def test_a_killed_runner_loses_only_what_came_after_the_last_generation(tmp_path, engine, env):
    job = Job(tmp_path, engine, [write_program(tmp_path, engine), "60"], 600, env, every_seconds=2)
    runner = job.start(0)
    wait_until(lambda: (job.folder / "generations/g1/manifest.json").exists(), 60, "a sealed generation")
    runner.kill()
    runner.communicate()
    status, complaints = job.attempt(1)
    assert status == 7, complaints
    assert job.output() == "".join(f"{i}\n" for i in range(60))
    assert "ended" not in job.kinds(1)
    assert "program_restarted" in job.kinds(2)


def test_a_policy_that_comes_during_the_start_waits_for_its_end(tmp_path):
    """What decides on a start belongs to another thread until the program runs, and so does what may be deleted meanwhile."""
    job = Job(tmp_path, "app", [write_program(tmp_path, "app"), "60"], 600, {}, every_seconds=2)
    runner = job.start(0)
    wait_until(lambda: (job.folder / "generations/g1/manifest.json").exists(), 60, "a sealed generation")
    runner.kill()
    runner.communicate()
    claim = job.folder / "attempts/1.claim" # on another host nobody could look whether it is dead
    claim.write_text(json.dumps({**json.loads(claim.read_text()), "host": "elsewhere"}))
    runner = job.start(1)
    journal = job.folder / "attempts/2/journal.jsonl"
    wait_until(lambda: journal.exists() and "waiting" in journal.read_text(), 30, "it waits for its predecessor's lease")
    policy = json.loads((job.folder / "policy.json").read_text())
    (job.folder / "policy.json").write_text(json.dumps({**policy, "revision": 2, "keep": 1}))
    order = {"number": 1, "epoch": 1, "expires_at": "2126-01-01T00:00:00.000Z", "kind": "reload_policy", "trigger": "manual"}
    (job.folder / "attempts/2/orders").mkdir(exist_ok=True)
    (job.folder / "attempts/2/orders/.new").write_text(json.dumps(order))
    (job.folder / "attempts/2/orders/.new").rename(job.folder / "attempts/2/orders/1.json")
    _, complaints = runner.communicate(timeout=60)
    assert runner.returncode == 7, complaints
    kinds = job.kinds(2)
    assert kinds.index("program_restarted") < kinds.index("policy_applied") < kinds.index("order_done"), kinds
    assert [event["revision"] for event in job.events(2) if event["kind"] == "policy_applied"] == [2]


def tree(pid):
    """A process and all below it."""
    below = []
    for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):  # each thread has its own
        try:
            below += [int(child) for child in children.read_text().split()]
        except OSError:
            continue
    return [pid] + [process for child in below for process in tree(child)]


@pytest.mark.parametrize("engine,env", engine_parameters())
def test_term_to_everything_yields_a_generation_and_nothing_is_repeated(tmp_path, engine, env):
    """What Slurm does at a preemption, a requeue and the end of the time: the same TERM to runner, engine and program."""
    job = Job(tmp_path, engine, [write_program(tmp_path, engine), "60"], 600, env, every_seconds="off")
    runner = job.start(0)
    wait_until(lambda: (job.cwd / "out").exists() and len(job.output()) > 20, 60, "some output")
    for pid in reversed(tree(runner.pid)):
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass  # one of the runner's short questions to the engine
    _, complaints = runner.communicate(timeout=60)
    assert runner.returncode == 85, complaints
    assert "term_seen" in job.kinds(1)
    sealed = [event for event in job.events(1) if event["kind"] == "checkpoint_sealed"]
    assert [event["trigger"] for event in sealed] == ["signal"]
    assert job.events(1)[-1]["end_reason"] == "interrupted"
    before = job.output()
    status, complaints = job.attempt(1)
    assert status == 7, complaints
    assert job.output() == "".join(f"{i}\n" for i in range(60))
    assert job.output().startswith(before[:len(before) // 2])


def damage(path, how):
    """A flipped byte in the middle, half of the file, or none of it."""
    data = path.read_bytes()
    if how == "flipped":
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:])
    elif how == "truncated":
        path.write_bytes(data[:len(data) // 2])
    else:
        path.unlink()


@pytest.mark.parametrize("how", ["flipped", "truncated", "missing"])
@pytest.mark.parametrize("engine,env", engine_parameters())
def test_a_damaged_generation_is_found_before_the_restart_and_the_one_before_it_is_taken(tmp_path, engine, env, how):
    job = Job(tmp_path, engine, [write_program(tmp_path, engine), "60"], 600, env, every_seconds=2)
    runner = job.start(0)
    wait_until(lambda: (job.folder / "generations/g2/manifest.json").exists(), 60, "two sealed generations")
    runner.kill()
    runner.communicate()
    for newer in (job.folder / "generations").glob("g[3-9]*"):  # begun before it was dead: the next attempt could seal it
        shutil.rmtree(newer)
    images = json.loads((job.folder / "generations/g2/manifest.json").read_text())["images"]
    largest = max(images, key=lambda image: image["raw_bytes"])
    # Killed while it packed, it may have left both forms: what the manifest says counts.
    damage(job.folder / (largest["path"] + (".zst" if largest["form"] == "zstd" else "")), how)
    status, complaints = job.attempt(1)
    assert status == 7, complaints
    assert job.output() == "".join(f"{i}\n" for i in range(60))
    events = job.events(2)
    assert [event["generation"] for event in events if event["kind"] == "corrupt"] == ["g2"]
    assert [event["generation"] for event in events if event["kind"] == "program_restarted"] == ["g1"]


@pytest.mark.parametrize("kept", [0, 1])
def test_after_success_only_the_generations_that_were_asked_for_are_left(tmp_path, kept):
    program = pathlib.Path(write_program(tmp_path, "app"))
    program.write_text(program.read_text().replace("sys.exit(7)", "sys.exit(0)"))
    job = Job(tmp_path, "app", [str(program), "60"], 600, {}, every_seconds=2, keep_after_success=kept)
    assert job.attempt(0)[0] == 0
    sealed = [event for event in job.events(1) if event["kind"] == "checkpoint_sealed"]
    assert len(sealed) >= 2
    left = [path for path in job.folder.glob("generations/*/manifest.json")]
    images = [path for path in job.folder.glob("attempts/1/images/**/*") if path.is_file()]
    assert len(left) == kept
    assert bool(images) == bool(kept)


def test_a_finished_program_is_not_started_again(tmp_path):
    job = Job(tmp_path, "app", [write_program(tmp_path, "app"), "20"], 600, {})
    assert job.attempt(0)[0] == 7
    assert job.attempt(1)[0] == 7  # a requeue that came too late
    assert job.output() == "".join(f"{i}\n" for i in range(20))
    assert "starting" not in job.kinds(2)
    assert job.events(2)[-1]["exit_code"] == 7


def test_a_second_runner_with_the_same_claim_leaves(tmp_path):
    job = Job(tmp_path, "app", [write_program(tmp_path, "app"), "20"], 600, {})
    status, _ = job.attempt(0)
    assert status == 7
    status, complaints = job.attempt(0)
    assert status == 85
    assert complaints
    assert not (job.folder / "attempts/2").exists()


def test_a_result_that_did_not_reach_the_journal_is_the_jobs_result(tmp_path):
    job = Job(tmp_path, "app", [write_program(tmp_path, "app"), "20"], 600, {})
    assert job.attempt(0, CKPT_KILL_AT="end.decided")[0] == 137
    assert "ended" not in job.kinds(1)
    assert job.attempt(1)[0] == 7
    assert "starting" not in job.kinds(2)
    assert job.events(2)[-1]["exit_code"] == 7
    assert job.output() == "".join(f"{i}\n" for i in range(20))


def test_a_result_that_comes_after_a_newer_attempts_mark_does_not_count(tmp_path):
    job = Job(tmp_path, "app", [write_program(tmp_path, "app"), "20"], 600, {})
    runner = job.start(0)
    wait_until(lambda: (job.cwd / "out").exists() and job.output(), 60, "some output")
    # What a newer attempt on another node writes when this one seems dead.
    (job.folder / "attempts/1.fate").write_text(json.dumps({"kind": "superseded", "by": 2, "at": "2026-01-01T00:00:00.000Z"}))
    runner.communicate(timeout=60)
    assert runner.returncode == 85
    assert job.events(1)[-1]["end_reason"] == "fenced"
    assert "exit_code" not in job.events(1)[-1]
    assert job.attempt(1)[0] == 7
    assert "program_started" in job.kinds(2)
    assert job.output() == "".join(f"{i}\n" for i in range(20))


@pytest.mark.parametrize("engine,env", engine_parameters())
def test_a_complete_set_without_its_seal_is_sealed_by_the_next_attempt(tmp_path, engine, env):
    job = Job(tmp_path, engine, [write_program(tmp_path, engine), "60"], 600, env, every_seconds=2)
    assert job.attempt(0, CKPT_KILL_AT="seal.drafted")[0] == 137
    assert "checkpoint_sealed" not in job.kinds(1)
    assert not list(job.folder.glob("generations/*/manifest.json"))
    status, complaints = job.attempt(1)
    assert status == 7, complaints
    assert job.output() == "".join(f"{i}\n" for i in range(60))
    events = job.events(2)
    sealed = [event for event in events if event["kind"] == "checkpoint_sealed"][0]
    assert (sealed["generation"], sealed["code"]) == ("g1", "left_over")
    assert "attempt 1" in sealed["reason"]
    assert [event["generation"] for event in events if event["kind"] == "program_restarted"] == ["g1"]


@pytest.mark.parametrize("engine,env", engine_parameters())
def test_a_set_that_may_be_torn_is_not_sealed_and_its_images_go(tmp_path, engine, env):
    """Killed once before the proof of completeness was written, and once after it, but then an image lost its last byte."""
    job = Job(tmp_path, engine, [write_program(tmp_path, engine), "60"], 600, env, every_seconds=2, compress="none")
    assert job.attempt(0, CKPT_KILL_AT="seal.draft")[0] == 137
    assert job.attempt(1, CKPT_KILL_AT="seal.drafted")[0] == 137
    assert "checkpoint_sealed" not in job.kinds(2)
    wait_until(lambda: not list(job.folder.glob("attempts/1/images/*")), 1, "the first attempt's images are gone")
    largest = max((path for path in job.folder.glob("attempts/2/images/**/*") if path.is_file()), key=lambda path: path.stat().st_size)
    os.truncate(largest, largest.stat().st_size - 1)
    status, complaints = job.attempt(2)
    assert status == 7, complaints
    if engine != "app":  # from the beginning, a program that saves itself finds its newest file and goes on from there
        assert job.output() == "".join(f"{i}\n" for i in range(60))
    assert "program_started" in job.kinds(3)
    failed = [event for event in job.events(3) if event["kind"] == "checkpoint_failed"]
    assert (failed[0]["generation"], failed[0]["code"]) == ("g2", "image_changed")  # later ones may meet the program's end
    assert not list(job.folder.glob("attempts/2/images/*"))


@pytest.mark.parametrize("fault,told", [("done_timed_out", "requeue_done"), ("timed_out", "requeue_failed")])
def test_a_requeue_that_got_no_answer_is_told_as_what_it_was(tmp_path, fault, told):
    """Under a scripted Slurm: the client of the requeue fails; whether Slurm heard it shows in its count."""
    fake = tmp_path / "slurm"
    fake.mkdir()
    allocation = {"JobArrayID": "7", "State": "RUNNING", "EndTime": str(int(time.time()) + 16), "TimeLimit": "1:00:00"}
    (fake / "state.json").write_text(json.dumps({"kill_wait": 5, "jobs": [allocation], "faults": {"scontrol requeue": fault}}))
    job = Job(tmp_path, "app", [write_program(tmp_path, "app"), "600"], 3600, {}, lead_seconds=10)
    del job.env["CKPT_LOCAL_JOB_ID"]
    clients = pathlib.Path(__file__).resolve().parent.parent / "fakes/slurm-bin"
    status, complaints = job.attempt(0, SLURM_JOB_ID="7", PATH=f"{clients}:/usr/bin:/bin", FAKE_SLURM_DIR=str(fake))
    assert status == 85, complaints
    assert [kind for kind in job.kinds(1) if kind in ("requeue_done", "requeue_failed")] == [told], job.events(1)
    assert job.events(1)[-2]["end_reason"] == "walltime"


@pytest.mark.parametrize("end", ["result", "term"])
def test_the_jobs_tmpdir_goes_with_its_end_and_not_before(tmp_path, end):
    job = Job(tmp_path, "app", ["/bin/sh", "-c", "echo $TMPDIR > tmp; touch $TMPDIR/x; sleep 1; test $0 = result || exec sleep 60; exit 7", end],
              600, {})
    runner = job.start(0)
    wait_until(lambda: (job.cwd / "tmp").exists() and (job.cwd / "tmp").read_text().endswith("\n"), 60, "the program has told its TMPDIR")
    tmpdir = pathlib.Path((job.cwd / "tmp").read_text().strip())
    if end == "term":
        runner.terminate()
    runner.communicate(timeout=60)
    assert runner.returncode == (7 if end == "result" else 85)
    assert tmpdir.exists() == (end == "term"), "another attempt may follow, and finds it"
    shutil.rmtree(tmpdir, ignore_errors=True)


@pytest.mark.parametrize("engine,env", [parameter for parameter in engine_parameters() if parameter.values[0] != "app"])
def test_a_program_stands_still_when_the_store_hangs_while_it_starts(tmp_path, engine, env):
    """The runner's main thread waits for the store (here: an order that is a pipe) and does not know yet that the program runs."""
    job = Job(tmp_path, engine, [write_program(tmp_path, engine), "60"], 600, env, every_seconds="off")
    runner = job.start(0, CKPT_LOOK_EVERY="10ms")
    attempt = job.folder / "attempts/1"
    journal, order, lease = attempt / "journal.jsonl", attempt / "orders/1.json", attempt / "lease"
    wait_until(lambda: journal.exists() and '"starting"' in journal.read_text(), 60, "the start is marked", step=0.001)
    os.mkfifo(order)
    wait_until(lambda: (job.cwd / "out").exists() and len(job.output()) > 3, 60, "some output")
    if "program_started" in job.kinds(1):
        runner.kill()
        runner.communicate()
        pytest.skip("the program was known before the store could hang")

    def blocked():  # a renewal may come between
        lease.unlink()
        try:
            (lease / "in the way").mkdir(parents=True)
        except (FileExistsError, NotADirectoryError):
            return False
        return True

    wait_until(blocked, 10, "the lease cannot be renewed")

    def state():
        program = [pid for pid in tree(runner.pid) if "program.py" in pathlib.Path(f"/proc/{pid}/cmdline").read_text()]
        return {pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] for pid in program}

    try:
        wait_until(lambda: state() == {"T"}, 10, "the program is frozen")
    except AssertionError:
        runner.kill()
        raise
    shutil.rmtree(lease)
    answer = os.open(order, os.O_WRONLY)
    order.unlink()
    os.close(answer)
    _, complaints = runner.communicate(timeout=60)
    assert runner.returncode == 7, complaints
    assert job.output() == "".join(f"{i}\n" for i in range(60))
