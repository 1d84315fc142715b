"""Files on the node only: what a program has open, mapped or lying in its $TMPDIR is saved with the generation and is there again on a
node that has none of it, as it was at the checkpoint; and nothing of it stays behind on the node that the job has left."""
import json
import os
import pathlib
import shutil
import tempfile

import pytest

from engines import engine_parameters
from slurm_cluster import SlurmCluster
from test_runner import Job, nothing_stays_below_tmp  # the second by pytest, for each test
from usersite import Site, wait_until

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "support/programs/node_files.py"
STEPS = 60

def transparent():
    return [parameter for parameter in engine_parameters() if parameter.values[0] != "app"]


@pytest.fixture
def make_job(tmp_path):
    """A job whose program works on the node's disk and memory."""
    shared = pathlib.Path(f"/dev/shm/ckpt-test-{os.getpid()}")

    def make(engine, env, **policy):
        program = tmp_path / "program.py"
        program.write_text(PROGRAM.read_text())
        program.chmod(0o755)
        make.job = Job(tmp_path, engine, [str(program), str(STEPS), "0.1", str(shared)], 600, env, **policy)
        make.job.shared = shared
        return make.job
    yield make
    shared.unlink(missing_ok=True)


def forget_node(job):
    """As if the next attempt were elsewhere."""
    tmpdir = pathlib.Path((job.cwd / "where").read_text())
    shutil.rmtree(tmpdir, ignore_errors=True)
    job.shared.unlink(missing_ok=True)
    return tmpdir


def lines(job):
    out = job.cwd / "out"
    return out.read_text().count("\n") if out.exists() else 0


@pytest.mark.parametrize("elsewhere", [True, False], ids=["elsewhere", "here"])
@pytest.mark.parametrize("engine,env", transparent())
def test_local_files_are_as_they_were_at_the_checkpoint(make_job, engine, env, elsewhere):
    job = make_job(engine, env, every_seconds=2)
    runner = job.start(0)
    sealed = job.folder / "generations/g1/manifest.json"
    wait_until(sealed.exists, 60, "a sealed generation")
    seen = lines(job)
    wait_until(lambda: lines(job) > seen + 3, 60, "the program is well beyond it")
    runner.kill()
    runner.communicate()
    saved = {file["original"] for file in json.loads(sealed.read_text())["saved"]}
    tmpdir = pathlib.Path((job.cwd / "where").read_text())
    assert {str(tmpdir / name) for name in ("deep/place", "mapped", "closed")} | {str(job.shared)} <= saved
    if elsewhere:
        wait_until(lambda: not alive(job), 20, "the program is gone with its runner")
        forget_node(job)
    status, complaints = job.attempt(1)
    assert status == 7, complaints + job.output() + (job.cwd / "out").read_text()
    assert job.output() == "".join(f"{i}\n" for i in range(STEPS))
    assert "program_restarted" in job.kinds(2)
    assert not tmpdir.exists(), "the job is over"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root: users of its own, and a cluster that serves them")
@pytest.mark.parametrize("engine,env", transparent())
def test_a_job_moves_to_a_node_with_a_tmp_of_its_own(engine, env):
    root = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-local-", dir="/tmp"))
    root.chmod(0o755)
    cluster = SlurmCluster(root / "cluster", nodes=2, private_tmp=True, keep=[str(root)], cred_expire=5)
    site = None
    try:
        cluster.start()
        site = Site(pathlib.Path(os.environ["CKPT_BIN_DIR"]), cluster=cluster, folder=root / "site", env=with_reachable_criu(env, root))
        program = site.program("node_files.py", PROGRAM.read_text())
        site.ckpt("submit", "-t", "5", "-w", "n1", "-o", "out", "-J", "moves", "--engine", engine, "--", program, "150", "0.1")
        out = site.work / "out"
        wait_until(lambda: out.exists() and out.read_text().count("\n") > 20, 90, site.evidence("moves"))
        assert folders_of_jobs(cluster, "n1")
        site.ckpt("stop", "moves")
        site.wait_state("moves", "parked", 90)
        assert not folders_of_jobs(cluster, "n1"), "it is saved, and the job may go elsewhere"
        site.ckpt("restart", "moves", "-w", "n2")
        seen = site.wait_state("moves", ["completed", "failed", "parked"], 120)
        assert (seen["state"], seen["exit_code"]) == ("failed", 7), site.evidence("moves")
        assert [attempt["node"] for attempt in seen["attempts"]] == ["n1", "n2"]
        assert seen["attempts"][1]["started_from"]
        assert out.read_text() == "".join(f"{i}\n" for i in range(150))
        assert not folders_of_jobs(cluster, "n1") and not folders_of_jobs(cluster, "n2")
    finally:
        if site:
            site.close()
        cluster.stop()
        shutil.rmtree(root, ignore_errors=True)


def with_reachable_criu(env, root):
    """A private installation may lie where an ordinary user cannot look."""
    if not env.get("CKPT_CRIU"):
        return env
    shutil.copytree(pathlib.Path(env["CKPT_CRIU"]).resolve().parents[1], root / "criu", symlinks=True)
    return {**env, "CKPT_CRIU": str(root / "criu/bin" / pathlib.Path(env["CKPT_CRIU"]).name)}


def folders_of_jobs(cluster, node):
    return [path.name for path in (cluster.dir / "tmp" / node).iterdir() if path.name.startswith("ckpt-") and "-j-" in path.name]


def alive(job):
    mark = f"CKPT_RUN={job.folder}#".encode()
    for environ in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in environ.read_bytes():
                return True
        except OSError:
            continue
    return False


@pytest.mark.parametrize("engine,env", transparent())
def test_an_allocation_that_ends_leaves_nothing_on_its_node(make_job, engine, env):
    job = make_job(engine, env, every_seconds="off")
    runner = job.start(0)
    wait_until(lambda: lines(job) > 10, 60, "some output")
    runner.terminate()
    _, complaints = runner.communicate(timeout=60)
    assert runner.returncode == 85, complaints
    tmpdir = pathlib.Path((job.cwd / "where").read_text())
    assert not tmpdir.exists()
    forget_node(job)
    status, complaints = job.attempt(1)
    assert status == 7, complaints + job.output()
    assert job.output() == "".join(f"{i}\n" for i in range(STEPS))
    assert not tmpdir.exists()


@pytest.mark.parametrize("engine,env", transparent()[:1])
def test_what_is_not_to_be_saved_stays_where_it_is(make_job, engine, env):
    job = make_job(engine, env, every_seconds="off", local_files="warn")
    runner = job.start(0)
    wait_until(lambda: lines(job) > 10, 60, "some output")
    runner.terminate()
    _, complaints = runner.communicate(timeout=60)
    assert runner.returncode == 85, complaints
    manifest = json.loads((job.folder / "generations/g1/manifest.json").read_text())
    assert not manifest["saved"] and not manifest["folders"]
    assert pathlib.Path((job.cwd / "where").read_text()).exists(), "nothing else has it"
