"""Forks: a new job that goes on from a checkpoint of another one. On this machine, and under real Slurm beside the origin."""
import os
import pathlib
import re
import shutil
import tempfile

import pytest

from counting import counting_job, expected_output
from engines import engine_fixture_parameters
from slurm_cluster import SlurmCluster
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
CONFIG = '[poll]\njournal = "200ms"\n[limits]\nlease = "4s"\n'
LIVE = [p for p in engine_fixture_parameters() if p.values[0][0] != "app"]

# Appends to a file that stays open, and prints the same.
WRITER = """#!/usr/bin/python3
import sys, time
with open(sys.argv[1], "a", buffering=1) as table:
    for step in range(int(sys.argv[2])):
        print(step, flush=True)
        table.write(str(step) + "\\n")
        time.sleep(0.1)
"""

LONG = 3000  # steps; ended by the test
# Has a file mapped that it only reads.
MAPS_TO_READ = """#!/usr/bin/python3
import mmap, sys, time
with open(sys.argv[1], "rb") as table:
    content = mmap.mmap(table.fileno(), 0, access=mmap.ACCESS_READ)
for step in range(3000):
    print(step, len(content), flush=True)
    time.sleep(0.1)
"""


@pytest.fixture(scope="module", params=LIVE)
def place(request):
    engine, env = request.param
    with Site(BIN, env=env, config=CONFIG) as site:
        yield engine, site


def submit(place, name, steps, *options, argv=None):
    engine, site = place
    chosen, counting = counting_job(site, engine, steps)
    words = site.ckpt("submit", "-J", name, "--every", "off", *options, *chosen, "--", *(argv or counting)).stdout
    return re.search(r"j-\d+", words).group()


def lines(site, job):
    path = site.job(job)["stdout_path"]
    path = pathlib.Path(path) if path else None
    return path.read_text().count("\n") if path and path.exists() else 0


def prints(site, job, more=5):
    site.wait_state(job, ["running", "completed"], 60)
    before = lines(site, job)
    wait_until(lambda: lines(site, job) >= before + more, 60, f"{job} prints\n{site.evidence(job)}")


def fork(site, job, *words):
    done = site.ckpt("fork", job, *words)
    return re.search(r"j-\d+", done.stdout).group()


def output(site, job):
    return pathlib.Path(site.job(job)["stdout_path"]).read_text()


def test_two_forks_at_once_beside_the_origin(place):
    """Each ends with the output of a run that nobody disturbed, in a file of its own; so does the origin."""
    _, site = place
    job = submit(place, "trunk", 160)
    prints(site, job)
    generation = site.json("checkpoint", job)["id"]
    prints(site, job)
    forks = [fork(site, job, "--generation", generation, "--keep", "1"), fork(site, job)]
    assert len({job, *forks}) == 3
    for one in forks:
        site.wait_state(one, ["running", "completed"], 60)
    # The copy is the fork's own: the origin's may go, and packing it changes nothing.
    sealed = site.json("checkpoint", job)["id"]
    assert sealed != generation
    own = site.json("checkpoint", forks[0])
    assert own["parent"] is None and own["job"] == forks[0]
    wait_until(lambda: not (site.store / f"jobs/{forks[0]}/origin").exists(), 60, "with --keep 1 the copy goes after the first of its own")
    assert (site.store / f"jobs/{forks[1]}/origin").exists()
    for one in (job, *forks):
        ended = site.wait_state(one, ["completed", "failed", "parked"], 120)
        assert ended["state"] == "completed", site.evidence(one)
    for one in (job, *forks):
        assert output(site, one) == expected_output(160), site.evidence(one)
    paths = {site.job(one)["stdout_path"] for one in (job, *forks)}
    assert len(paths) == 3, paths
    first = site.job(forks[0])["attempts"][0]
    assert first["started_from"] == {"job": job, "generation": generation}
    assert f"{job} {generation}" in site.ckpt("show", forks[0]).stdout
    assert not (site.store / f"jobs/{forks[1]}/origin").exists()


def test_a_fork_goes_on_when_its_origin_is_gone_and_after_a_stop(place):
    _, site = place
    job = submit(place, "gone", 150)
    prints(site, job)
    site.ckpt("checkpoint", job)
    site.ckpt("stop", job)
    branch = fork(site, job, "-J", "branch")
    assert "branch" in site.ckpt("ls").stdout
    prints(site, branch)
    site.ckpt("cancel", job)
    refused = site.ckpt("rm", job, check=False)
    assert refused.returncode == 4 and branch in refused.stderr, refused.stderr
    generations = site.store / f"jobs/{job}/generations"
    assert generations.exists()
    site.ckpt("stop", branch)
    site.ckpt("restart", branch)
    ended = site.wait_state(branch, ["completed", "failed", "parked"], 120)
    assert ended["state"] == "completed", site.evidence(branch)
    assert output(site, branch) == expected_output(150)
    assert [a["started_from"]["job"] for a in ended["attempts"]] == [job, branch]
    wait_until(lambda: site.ckpt("rm", job, check=False).returncode == 0, 60, "the origin may go when the fork is over")


def test_a_fork_that_dies_before_its_first_checkpoint_starts_from_the_origin_again(place):
    _, site = place
    job = submit(place, "dies", 130)
    prints(site, job)
    site.ckpt("stop", job)
    branch = fork(site, job)
    prints(site, branch, 8)
    attempt = site.job(branch)["current_attempt"]
    for process in site.json("ps", branch)["items"]:
        if process["role"] == "program":
            os.kill(process["pid"], 9)
    wait_until(lambda: site.job(branch)["current_attempt"]["n"] > attempt["n"], 60, f"another attempt\n{site.evidence(branch)}")
    ended = site.wait_state(branch, ["completed", "failed", "parked"], 120)
    if ended["state"] == "completed":
        assert output(site, branch) == expected_output(130), site.evidence(branch)
        assert {a["started_from"]["job"] for a in ended["attempts"] if a["started_at"]} == {job}
    site.ckpt("cancel", job)


def test_a_fork_takes_a_proof_of_its_own(place):
    """What its origin could does not show that it can, and that one is announced: it is to come, too."""
    _, site = place
    job = submit(place, "proven", 600)
    prints(site, job)
    site.ckpt("checkpoint", job)
    branch = fork(site, job, "--time", "40s")
    site.wait_state(branch, ["running", "completed"], 60)
    wait_until(lambda: [g["trigger"] for g in site.json("gens", branch)["items"] if g["state"] == "sealed"] == ["proof"], 20,
               f"a proof after 2 s\n{site.evidence(branch)}")
    assert site.job(branch)["next_checkpoint_trigger"] != "proof"
    for one in (branch, job):
        site.ckpt("cancel", one)


def test_files_that_the_origin_writes_are_not_touched_unless_that_is_said(place):
    engine, site = place
    program = site.program("writer.py", WRITER)
    table = site.work / f"{engine}-table"
    job = submit(place, "writes", 120, argv=[program, table, 120])
    prints(site, job)
    site.ckpt("checkpoint", job)
    prints(site, job)
    refused = site.ckpt("fork", job, check=False)
    assert refused.returncode == 4 and str(table) in refused.stderr and "--share-files" in refused.stderr, refused.stderr
    ended = site.wait_state(job, ["completed", "failed", "parked"], 60)
    assert ended["state"] == "completed"
    assert table.read_text() == "".join(f"{n}\n" for n in range(120))  # untouched

    again = submit(place, "writes2", 120, "--keep-after-success", "1", argv=[program, site.work / f"{engine}-table2", 120])
    prints(site, again)
    site.ckpt("checkpoint", again)
    site.ckpt("cancel", again)
    assert site.ckpt("fork", again, check=False).returncode == 4  # also of one that is over
    branch = fork(site, again, "--share-files")
    ended = site.wait_state(branch, ["completed", "failed", "parked"], 60)
    assert ended["state"] == "completed", site.evidence(branch)
    assert any(w["code"] == "fork_shares_files" for w in ended["warnings"]), ended["warnings"]
    assert (site.work / f"{engine}-table2").read_text() == "".join(f"{n}\n" for n in range(120))


def test_a_file_that_the_origin_only_reads_by_a_mapping_is_no_obstacle(place):
    """numpy's mmap_mode="r", glibc's gconv cache: DMTCP has such a file open for writing while it is frozen."""
    engine, site = place
    table = site.work / f"{engine}-read"
    table.write_text("x" * 100_000)
    os.chown(table, site.account.pw_uid, site.account.pw_gid)
    program = site.program("reader.py", MAPS_TO_READ)
    job = submit(place, "reads", LONG, argv=[program, table])
    prints(site, job)
    site.ckpt("checkpoint", job)
    branch = fork(site, job)
    prints(site, branch)
    site.ckpt("stop", branch)
    site.ckpt("cancel", fork(site, branch))  # as well from what was restored from an image
    site.ckpt("cancel", job)
    site.ckpt("cancel", branch)
    assert table.read_text() == "x" * 100_000


@pytest.mark.skipif(os.getuid() != 0, reason="a cluster of two nodes needs root")
@pytest.mark.parametrize("engine, env", [p.values[0] for p in LIVE if not p.marks], ids=[p.id for p in LIVE if not p.marks])
def test_a_fork_under_slurm_on_another_node(engine, env):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-fork-", dir="/tmp"))
    folder.chmod(0o755)
    with SlurmCluster(folder, nodes=2, cpus=8, kill_wait=5) as cluster, Site(BIN, cluster=cluster, env=env, config=CONFIG) as site:
        place = (engine, site)
        job = submit(place, "trunk", 200, "-w", "n1", "--time", "5:00")
        prints(site, job)
        site.ckpt("checkpoint", job)
        branch = fork(site, job, "-w", "n2", "--time", "4:00")
        for one in (branch, job):
            ended = site.wait_state(one, ["completed", "failed", "parked"], 180)
            assert ended["state"] == "completed", site.evidence(one)
            assert output(site, one) == expected_output(200), site.evidence(one)
        attempt = site.job(branch)["attempts"][0]
        assert attempt["node"] == "n2" and attempt["started_from"]["job"] == job
        assert re.fullmatch(r"slurm-\d+\.out", pathlib.Path(site.job(branch)["stdout_path"]).name)
    shutil.rmtree(folder, ignore_errors=True)


def test_submit_resume_starts_goes_on_and_tells_that_it_is_done(place):
    engine, site = place
    chosen, argv = counting_job(site, engine, 60)
    words = ["submit", "--resume", "-J", "resumed", "--every", "off", *chosen, "--", *argv]
    job = re.search(r"j-\d+", site.ckpt(*words).stdout).group()
    prints(site, job)
    again = site.ckpt(*words)
    assert job in again.stdout and "is on its way" in again.stdout
    site.ckpt("stop", job)
    assert f"{job} goes on" in site.ckpt(*words).stdout
    ended = site.wait_state(job, ["completed", "failed", "parked"], 60)
    assert ended["state"] == "completed", site.evidence(job)
    assert f"{job} is done" in site.ckpt(*words).stdout and output(site, job) == expected_output(60)
    assert site.ckpt("submit", "--resume", "--", "/bin/true", check=False).returncode == 2
    site.ckpt("rm", job)
    other = re.search(r"j-\d+", site.ckpt(*words).stdout).group()
    assert other != job
    site.wait_state(other, "running", 60)
    site.ckpt("cancel", other)
    refused = site.ckpt(*words, check=False)
    assert refused.returncode == 4 and f"ckpt restart {other}" in refused.stderr
