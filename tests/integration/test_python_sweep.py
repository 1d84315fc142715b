"""The example of a parameter sweep, and the snippets of docs/python.md, as somebody would run them."""
import csv
import os
import pathlib
import re
import signal

import pytest

from pyclient import PYTHON, Python
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
ROOT = pathlib.Path(__file__).resolve().parents[2]
CRIU = os.environ.get("CKPT_CRIU", "")

POINT = """#!/usr/bin/python3
import sys, time
rate, seed = float(sys.argv[1]), int(sys.argv[2])
value = 1.0
for step in range(40):
    value *= 1 - rate / seed
    print(step, round(value, 6), flush=True)
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def site():
    if not CRIU:
        pytest.skip("criu: none that works on this machine")
    with Site(BIN, env={"CKPT_CRIU": CRIU}, config='[limits]\nlease = "8s"\n') as made:
        yield made


def result(rate, seed):
    value = 1.0
    for _ in range(40):
        value *= 1 - rate / seed
    return str(round(value, 6))


def test_a_sweep_survives_its_own_death_and_that_of_its_points(site):
    py = Python(site)
    site.program("point.py", POINT)
    words = [PYTHON, py.folder / "examples/sweep.py", "--name", "decay", "--engine", "criu", "--every", "2s", "--", "./point.py", "{rate}", "{seed}",
             "rate=0.1,0.2", "seed=1,2"]
    first = site.popen(*words, env=py.env, stdout=-1)
    try:
        assert first.stdout.readline() == "4 points, 0 of them found\n"
        jobs = {job["name"]: job for job in site.json("ls", "--tag", "sweep=decay")["items"]}
        assert len(jobs) == 4
        # One point is killed behind its checkpoint, as a lost node would; one is parked by hand; and the sweep itself dies.
        lost, parked = jobs["decay-rate0.1-seed1"]["id"], jobs["decay-rate0.2-seed2"]["id"]
        site.wait_state(parked, "running", 60)
        site.ckpt("stop", parked)
    finally:
        first.kill()
        first.communicate()
    wait_until(lambda: any(g["state"] == "sealed" for g in site.json("gens", lost)["items"]) or site.job(lost)["state"] == "completed", 60, "a checkpoint")
    for process in site.json("ps", lost)["items"]:
        if process["role"] == "runner":
            os.kill(process["pid"], signal.SIGKILL)
    done = site.run(*words, env=py.env, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr + site.evidence(lost)
    assert done.stdout.startswith("4 points, 4 of them found\n")
    table = list(csv.DictReader((site.work / "decay.csv").open()))
    assert [(row["rate"], row["seed"], row["state"]) for row in table] == [
        (rate, seed, "completed") for rate in ("0.1", "0.2") for seed in ("1", "2")]
    for row in table:
        assert row["last_line"] == "39 " + result(float(row["rate"]), int(row["seed"])), row
    assert next(row for row in table if row["job"] == parked)["restarts"] == "1"
    assert len(site.json("ls", "--all", "--tag", "sweep=decay")["items"]) == 4, "none twice"


def snippets():
    """Each ```python block of docs/python.md, in order."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text(), re.DOTALL)


def test_the_snippets_of_the_reference_run_as_they_are_written(site):
    """One after the other, in one Python: as somebody would who types them in."""
    py = Python(site)
    site.program("simulate.py", POINT.replace("float(sys.argv[1]), int(sys.argv[2])", "0.1, 1").replace("range(40)", "range(100)"))
    blocks = snippets()
    assert len(blocks) >= 6
    program = ["import ckptd"]
    for number, code in enumerate(blocks):
        program.append(f'exec(compile({code!r}, "docs/python.md, snippet {number + 1}", "exec"), globals())')
    done = site.run(PYTHON, "-c", "\n".join(program), env=py.env, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
