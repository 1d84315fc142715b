"""Which generation an attempt starts from when seals, numbers and starts cross each other."""
import json
import os
import pathlib
import signal

import pytest

from engines import engine_parameters
from test_runner import Job, nothing_stays_below_tmp, write_program  # the second by pytest, for each test
from usersite import wait_until

APPENDS_LATE = """#!/usr/bin/python3
import os, time
while not os.path.exists("go"):
    time.sleep(0.05)
for i in range(60):
    with open("late.log", "a") as log:
        log.write(f"{i}\\n")
    print(i, flush=True)
    time.sleep(0.1)
raise SystemExit(7)
"""


def test_a_generation_whose_seal_arrives_while_the_next_attempt_starts_is_the_one_it_starts_from(tmp_path):
    """As from a node that was cut off: its write hung, and is there after the successor has made its choice."""
    job = Job(tmp_path, "app", [write_program(tmp_path, "app"), "60"], 600, {}, every_seconds=2)
    runner = job.start(0)
    late = job.folder / "generations/g2/manifest.json"
    wait_until(late.exists, 60, "two sealed generations")
    runner.kill()
    runner.communicate()
    late.rename(tmp_path / "on its way")
    runner = job.start(1, CKPT_STOP_AT="start.superseded", CKPT_LEASE="8s")
    try:
        wait_until(lambda: pathlib.Path(f"/proc/{runner.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T", 60, "it has chosen")
        (tmp_path / "on its way").rename(late)
        def goes_on():  # it stops again when it marks again
            if pathlib.Path(f"/proc/{runner.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T":
                os.kill(runner.pid, signal.SIGCONT)
            return "program_restarted" in job.kinds(2)
        wait_until(goes_on, 60, "the program runs")
    finally:
        os.kill(runner.pid, signal.SIGCONT)
        _, complaints = runner.communicate(timeout=60)
    assert runner.returncode == 7, complaints
    marks = [event["generation"] for event in job.events(2) if event["kind"] == "starting"]
    assert marks == ["g1", "g2"]
    assert [event["generation"] for event in job.events(2) if event["kind"] == "program_restarted"] == ["g2"]
    assert job.output() == "".join(f"{i}\n" for i in range(60))


def test_a_number_that_was_given_before_another_generation_was_sealed_is_not_taken_for_older_work(tmp_path):
    """The daemon takes the number of an order when it is asked; the runner may seal one of its own before it reads the order."""
    job = Job(tmp_path, "app", [write_program(tmp_path, "app"), "80"], 600, {}, every_seconds=1.5, keep=2)
    (job.folder / "generations/g1").mkdir()
    runner = job.start(0)
    own = job.folder / "generations/g2/manifest.json"
    wait_until(own.exists, 60, "a generation of the runner's own")
    order = {"number": 1, "epoch": 1, "expires_at": "2100-01-01T00:00:00.000Z", "kind": "checkpoint", "trigger": "manual", "generation": "g1"}
    whole = job.folder / "attempts/1/orders/.new"
    whole.write_text(json.dumps(order))
    whole.rename(job.folder / "attempts/1/orders/1.json")
    answer, = wait_until(lambda: [event for event in job.events(1) if event["kind"] == "order_done"], 60, "the order is done")
    runner.kill()
    runner.communicate()
    assert int(answer["generation"][1:]) > 2
    assert not (job.folder / "generations/g1/manifest.json").exists()
    newest = [event["generation"] for event in job.events(1) if event["kind"] == "checkpoint_sealed"][-1]
    status, complaints = job.attempt(1)
    assert status == 7, complaints
    assert [event["generation"] for event in job.events(2) if event["kind"] == "program_restarted"] == [newest]
    assert job.output() == "".join(f"{i}\n" for i in range(80))


@pytest.mark.parametrize("engine,env", [p for p in engine_parameters() if p.values[0] != "app"])
def test_a_file_that_the_program_made_after_the_checkpoint_is_not_there_again(tmp_path, engine, env):
    """What it appends to did not exist at the freeze: what it wrote there since has not happened."""
    program = tmp_path / "late.py"
    program.write_text(APPENDS_LATE)
    program.chmod(0o755)
    job = Job(tmp_path, engine, [str(program)], 600, env, every_seconds=3, append_files=["late.log"])
    (job.cwd / "other.log").write_text("mine\n")
    runner = job.start(0)
    wait_until((job.folder / "generations/g1/manifest.json").exists, 60, "a sealed generation")
    os.kill(runner.pid, signal.SIGSTOP)  # the next checkpoint would know the file
    (job.cwd / "go").touch()
    log = job.cwd / "late.log"
    wait_until(lambda: log.exists() and log.read_text().count("\n") > 5, 60, "it appends")
    runner.kill()
    runner.communicate()
    # What a person has named since says nothing of the files that were there then.
    policy = json.loads((job.folder / "policy.json").read_text())
    (job.folder / "policy.json").write_text(json.dumps({**policy, "append_files": ["late.log", "other.log"]}))
    status, complaints = job.attempt(1, timeout=90)
    assert status == 7, complaints
    assert [event["generation"] for event in job.events(2) if event["kind"] == "program_restarted"] == ["g1"]
    expected = "".join(f"{i}\n" for i in range(60))
    assert log.read_text() == expected
    assert job.output() == expected
    assert (job.cwd / "other.log").read_text() == "mine\n"
