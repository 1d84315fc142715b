"""Batch scripts as people have them, under `ckpt sbatch`: with a checkpoint and a restart in the middle each of them leaves behind what
it leaves behind under plain sbatch on the same cluster."""
import json
import os
import pathlib
import re
import shutil
import tempfile

import pytest

from batchscripts import SCRIPTS, Stage
from engines import engine_parameters
from pyclient import Python
from slurm_cluster import SlurmCluster
from usersite import Site, wait_until

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs root: users of its own, and a cluster that serves them")
BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
CONFIG = '[poll]\npending = "2s"\nrunning = "10s"\n'


@pytest.fixture(scope="module")
def cluster():
    root = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-sbatch-", dir="/tmp"))
    root.chmod(0o755)
    with SlurmCluster(root / "cluster", nodes=2, cpus=64) as running:
        yield running
    shutil.rmtree(root, ignore_errors=True)


def reachable_criu(criu, root):
    """A private installation may lie where an ordinary user cannot look."""
    criu = pathlib.Path(criu).resolve()
    if all(folder.stat().st_mode & 0o001 for folder in criu.parents):
        return str(criu)
    shutil.copytree(criu.parents[1], root / "criu", symlinks=True)
    return str(root / "criu" / "bin" / criu.name)


@pytest.fixture(scope="module")
def stages(cluster, request):
    """One stage for each engine that is asked for, with all the scripts of the selected tests."""
    here = [item for item in request.session.items if item.path == request.path and hasattr(item, "callspec")]
    selected = [item.callspec.params for item in here if not item.get_closest_marker("skip")]
    made = {}

    def stage(engine_id, engine, env):
        if engine_id not in made:
            if env.get("CKPT_CRIU"):
                env = {**env, "CKPT_CRIU": reachable_criu(env["CKPT_CRIU"], cluster.dir.parent)}
            site = Site(BIN, cluster=cluster, env=env, config=CONFIG)
            names = [one["name"] for one in selected if one.get("which", [None])[0] == engine_id]
            made[engine_id] = Stage(site, engine, names)
        return made[engine_id]
    yield stage
    for one in made.values():
        one.close()


def cases():
    for p in engine_parameters():
        engine_id, (engine, env) = p.id, p.values
        for name in SCRIPTS if engine != "app" else ():
            yield pytest.param((engine_id, engine, env), name, id=f"{engine_id}-{name}", marks=p.marks)


@pytest.mark.parametrize("which, name", cases())
def test_a_script_leaves_behind_what_it_does_under_sbatch(stages, which, name):
    stage = stages(*which)
    assert name not in stage.trouble, stage.trouble[name]
    plain, ours = stage.plain[name], stage.ours[name]
    site = stage.site
    wait_until(lambda: plain.number not in site.run("squeue", "-h", "-o", "%i").stdout.split(), 60, "plain sbatch's job is over")
    ended = site.wait_state(ours.job, ["completed", "failed", "cancelled", "parked"], 120)
    evidence = site.evidence(ours.job)
    assert (ended["state"], ended["exit_code"]) == ("failed" if ours.script.status else "completed", ours.script.status), evidence
    attempts = ended["attempts"]
    assert len(attempts) == 2 and attempts[1]["started_from"], evidence
    assert attempts[0]["scheduler_job_id"] == ours.number
    told = re.search(r"ExitCode=(\d+):", site.run("scontrol", "show", "job", plain.number).stdout)
    assert int(told.group(1)) == ours.script.status
    left, wanted = ours.result(), plain.result()
    different = {file: (left.get(file), wanted.get(file)) for file in {*left, *wanted} if left.get(file) != wanted.get(file)}
    assert not different, f"(ours, sbatch's): {different}\n{evidence}"


@pytest.fixture(scope="module")
def site(cluster):
    with Site(BIN, cluster=cluster, config=CONFIG) as place:
        yield place


@pytest.mark.parametrize("text, options, status, told", [
    ("#!/bin/bash\n\nsrun --pty bash\n", [], 6, "job.sh:3: srun --pty"),
    ("#!/bin/bash\n#SBATCH -N 2\n./x\n", [], 6, "job.sh:2: "),
    ("#!/bin/bash\n./x\n", ["--nodes=2"], 6, "command line: "),
    ("#!/bin/bash\nif true; then\n  srun --mpi=pmix ./x\nfi\n", [], 6, "job.sh:3: srun --mpi=pmix"),
    ("#!/bin/bash\n#SBATCH -t 10\ndmtcp_launch -i 60 ./sim a\n", [], 6, "ckpt submit -t 10 --every 60s -- ./sim a"),
    ("#!/bin/bash\n#SBATCH -n 1\n#SBATCH hetjob\n#SBATCH -n 2\n./x\n", [], 6, "job.sh:3: heterogeneous"),
    ("echo no shell\n", [], 2, "#!"),
    ("#!/bin/bash\n#SBATCH --nonsense 'x\n", [], 2, "job.sh:2: "),
    ("#!/no/such/shell\n", [], 3, "/no/such/shell"),
    ("#!/bin/bash\n./x\n", ["-p", "nowhere"], 7, "invalid partition"),
])
def test_what_cannot_work_is_refused_before_anything_is_submitted(site, text, options, status, told):
    site.program("job.sh", text)
    done = site.ckpt("sbatch", *options, "job.sh", check=False)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert told in done.stderr
    assert site.run("squeue", "-h", "--me").stdout == ""


def test_a_script_that_is_not_there(site):
    done = site.ckpt("sbatch", "nosuch.sh", check=False)
    assert done.returncode == 3 and "nosuch.sh" in done.stderr


def test_the_same_script_twice_and_its_kept_copy(site):
    script = site.program("twice.sh", "#!/bin/sh\n#SBATCH -J twice -H\n# kept\ntrue\n")
    told = [site.ckpt("sbatch", "--json", "twice.sh") for _ in range(2)]
    first, second = (json.loads(one.stdout) for one in told)
    assert first["id"] != second["id"] and first["name"] == second["name"] == "twice"
    assert "the name 'twice'" not in told[0].stderr and f"{first['id']} has the name 'twice' too: use the ids" in told[1].stderr
    either = site.ckpt("show", "twice", check=False)
    assert either.returncode == 2 and f"{first['id']} (queued), {second['id']} (queued)" in either.stderr, either.stderr
    text = script.read_text()
    script.unlink()
    kept = pathlib.Path(site.job(first["id"])["script_path"])
    assert kept.read_text() == text and kept == site.store / "jobs" / first["id"] / "script"
    assert str(kept) in site.ckpt("show", first["id"]).stdout
    for job in (first, second):
        site.ckpt("cancel", job["id"])


def test_wait_returns_the_status_of_the_script(site):
    site.program("seven.sh", "#!/bin/sh\nexit 7\n")
    done = site.ckpt("sbatch", "-W", "seven.sh", check=False)
    assert done.returncode == 7 and done.stdout.startswith("Submitted batch job ")


def test_variables_count_below_options_and_above_the_script(site):
    site.program("vars.sh", "#!/bin/sh\n#SBATCH -J script -p high -H --comment=script\n")
    done = site.ckpt("sbatch", "--parsable", "-J", "typed", "vars.sh",
                     env={"SBATCH_JOB_NAME": "variable", "SBATCH_PARTITION": "debug", "SBATCH_TIMELIMIT": "7"})
    shown = site.run("scontrol", "show", "job", done.stdout.strip()).stdout
    for part in ("JobName=typed\n", "Partition=debug", "TimeLimit=00:07:00", "Comment=script "):
        assert part in shown, shown
    site.ckpt("cancel", "last")


def test_a_job_by_slurms_number_and_its_output_where_sbatch_puts_it(site):
    job = json.loads(site.ckpt("submit", "--json", "--wrap", "echo put; exit 3").stdout)
    number = job["current_attempt"]["scheduler_job_id"]
    done = site.ckpt("wait", number, check=False)
    assert done.returncode == 3, done.stderr
    assert site.job(number)["id"] == site.job("last")["id"] == job["id"]
    assert (site.work / f"slurm-{number}.out").read_text() == "put\n" == site.ckpt("logs", number).stdout


def test_restart_takes_other_options_for_sbatch(site):
    held = site.ckpt("submit", "-J", "elsewhere", "-H", "-t", "20", "--wrap", "true").stdout
    job = re.search(r"j-\d+", held).group()
    site.ckpt("cancel", job)
    refused = site.ckpt("restart", job, "-t", "soon", check=False)
    assert refused.returncode == 2 and "soon" in refused.stderr
    site.ckpt("restart", job, "-t", "7", "-p", "high", "--comment", "again")
    number = wait_until(lambda: (site.job(job)["current_attempt"] or {}).get("scheduler_job_id"), 60, "its new number")
    shown = wait_until(lambda: (lambda text: text if "Partition=high" in text else None)(
        site.run("scontrol", "show", "job", site.job(job)["current_attempt"]["scheduler_job_id"]).stdout), 60, f"{number} is in the other partition")
    assert "TimeLimit=00:07:00" in shown and "Comment=again" in shown, shown
    site.ckpt("cancel", job, check=False)


def test_submit_goes_by_the_same_variables(site):
    variables = {"SBATCH_JOB_NAME": "variable", "SBATCH_PARTITION": "high", "SBATCH_TIMELIMIT": "7", "SBATCH_OUTPUT": "of-%x.txt",
                 "SBATCH_EXPORT": "ALL,EXTRA=1"}
    job = json.loads(site.ckpt("submit", "--json", "-p", "debug", "--", "/bin/sh", "-c", "echo $EXTRA", env=variables).stdout)
    shown = site.run("scontrol", "show", "job", job["current_attempt"]["scheduler_job_id"]).stdout
    for part in ("JobName=variable\n", "Partition=debug", "TimeLimit=00:07:00"):
        assert part in shown, shown
    ended = site.wait_state(job["id"], ["completed", "failed", "parked"], 120)
    assert ended["state"] == "completed", site.evidence(job["id"])
    assert (site.work / "of-variable.txt").read_text() == "1\n"
    done = site.ckpt("submit", "-J", "seven", "--", "/bin/sh", "-c", "exit 7", env={"SBATCH_WAIT": "1"}, check=False)
    assert done.returncode == 7, done.stderr
    done = site.ckpt("submit", "--", "true", env={"SBATCH_INPUT": "input.txt"}, check=False)
    assert done.returncode == 6 and "SBATCH_INPUT: --input is not supported" in done.stderr
    done = site.ckpt("submit", "--", "true", env={"SBATCH_TIMELIMIT": "soon"}, check=False)
    assert done.returncode == 2 and "SBATCH_TIMELIMIT: " in done.stderr


def test_a_script_from_python(site):
    site.program("py.sh", "#!/bin/sh\n#SBATCH -J script -p high -H --comment=script -t 9\ntrue\n")
    told = Python(site).run("""
job = Client().submit(script="py.sh", name="keyword", sbatch_args=["-p", "debug"])
tell([job.id, job.name, job.current_attempt.scheduler_job_id])
""")
    assert told[1] == "keyword"
    shown = site.run("scontrol", "show", "job", told[2]).stdout
    for part in ("JobName=keyword\n", "Partition=debug", "TimeLimit=00:09:00", "Comment=script "):
        assert part in shown, shown
    site.ckpt("cancel", told[0])
