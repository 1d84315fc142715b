"""What all of it is for, on real parts: unmodified programs that need more than two allocations of a minute end as if they had had one,
with every engine that this machine has, under Slurm with two nodes, as an ordinary user.

    CKPT_BIN_DIR, CKPT_CRIU, CKPT_DMTCP_ROOTS   the programs and engines under test
    CKPT_TEST_STATE_MB (64)                     state of the C++ program
    CKPT_TEST_SEED (20)                         instants at which the daemon is killed
"""
import datetime
import itertools
import os
import pathlib

import pytest

from engines import engine_parameters
from mainjobs import OVER, PATIENCE, SECONDS, Stage
from usersite import wait_until

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs root: users of its own, and a cluster that serves them")
TRANSPARENT = ["python", "threads", "pipeline", "count", "date"]


def parameters(purpose, transparent, app):
    """Each engine with each of the jobs that it is to carry."""
    found = []
    for parameter in engine_parameters():
        engine, env = parameter.values
        for name in app if engine == "app" else transparent:
            found.append(pytest.param((parameter.id, engine, env, purpose, name), id=f"{parameter.id}-{name}", marks=parameter.marks))
    return found


@pytest.fixture(scope="module")
def stage(request):
    """All jobs of the tests that were selected, submitted before the first of them is looked at."""
    selected = [item for item in request.session.items if item.path == request.path]
    wanted = [item.callspec.params["which"] for item in selected if not item.get_closest_marker("skip")]
    stage = Stage(pathlib.Path(os.environ["CKPT_BIN_DIR"]), wanted).start()
    yield stage
    stage.stop()


def finished(stage, which):
    """The job, once it is over, after the checks that hold for every job."""
    engine_id, _, _, purpose, name = which
    job = stage.jobs[engine_id, purpose, name]
    seen = job.site.wait_state(name, OVER, PATIENCE)
    evidence = job.site.evidence(name)
    assert (seen["state"], seen["exit_code"]) == ("completed" if job.status == 0 else "failed", job.status), evidence
    reasons = [attempt["end_reason"] for attempt in seen["attempts"]]
    assert len(reasons) >= 3 and set(reasons[:-1]) == {"walltime"}, evidence
    assert {attempt["node"] for attempt in seen["attempts"]} == {"n1", "n2"}, evidence
    for attempt in seen["attempts"][1:]:
        assert attempt["started_from"], f"attempt {attempt['n']} began at the beginning\n{evidence}"
    return job, seen


def difference(ours, expected):
    """Nothing, or where it begins."""
    if ours == expected:
        return None
    pairs = list(itertools.zip_longest(ours.splitlines(True), expected.splitlines(True)))
    at = next(index for index, pair in enumerate(pairs) if pair[0] != pair[1])
    return "\n".join([f"different from line {at + 1} on"] + [f"  is {is_}, was to be {was}" for is_, was in pairs[at:at + 3]])


def check_output(stage, which):
    job, seen = finished(stage, which)
    reference = stage.root / f"reference-{which[0]}-{which[3]}-{which[4]}"
    expected = {"out": job.reference(reference), **{name: (reference / name).read_bytes() for name in job.files}}
    found = {name: difference((job.folder / name).read_bytes(), content) for name, content in expected.items()}
    told = [f"{name}: {text}" for name, text in found.items() if text]
    assert not told, "\n".join([*told, job.site.evidence(job.name)])
    return job, seen


@pytest.mark.parametrize("which", parameters("main", [n for n in TRANSPARENT if n != "date"], ["app", "app-zero"]))
def test_output_and_status_are_those_of_an_uninterrupted_run(stage, which):
    check_output(stage, which)


@pytest.mark.parametrize("which", parameters("main", ["date"], []))
def test_a_file_opened_for_each_line_has_every_line_once(stage, which):
    job, _ = finished(stage, which)
    lines = [line.split() for line in (job.folder / "dates.txt").read_text().splitlines()]
    assert [int(number) for number, _ in lines] == list(range(SECONDS)), job.site.evidence(job.name)
    times = [datetime.datetime.fromisoformat(date) for _, date in lines]
    assert times == sorted(times)
    assert (job.folder / "out").read_bytes() == b""


@pytest.mark.parametrize("which", parameters("alone", ["python"], ["app"]))
def test_jobs_end_as_well_without_the_daemon(stage, which):
    site = stage.sites[which[0], "alone"]
    wait_until(lambda: not stage.squeue(site), PATIENCE, "Slurm has no more of it", step=1)
    assert site.ckpt("daemon", "status", check=False).returncode == 5
    site.ckpt("daemon", "start")
    check_output(stage, which)


@pytest.mark.parametrize("which", parameters("killed", ["python", "count"], ["app"]))
def test_a_daemon_killed_again_and_again_changes_nothing(stage, which):
    killer = stage.killers[which[0]]
    killer.join(PATIENCE)
    assert not killer.is_alive(), "the jobs are not over"
    assert not killer.trouble, killer.site.evidence(which[4])
    assert killer.kills >= 5
    check_output(stage, which)
