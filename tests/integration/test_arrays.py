"""Job arrays under real Slurm: one submission, each task a job that is checkpointed, restarted and ended by itself."""
import json
import os
import pathlib
import re
import shutil
import tempfile
import time

import pytest

from counting import counting_job, expected_output
from slurm_cluster import SlurmCluster
from usersite import Site, wait_until

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs root: users of its own, and a cluster that serves them")
BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
CONFIG = '[poll]\npending = "2s"\nrunning = "10s"\n'
OVER = ["completed", "failed", "cancelled", "parked"]


@pytest.fixture(scope="module")
def cluster():
    root = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-arrays-", dir="/tmp"))
    root.chmod(0o755)
    with SlurmCluster(root / "cluster", nodes=2, cpus=16) as running:
        yield running
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def site(cluster):
    with Site(BIN, cluster=cluster, config=CONFIG) as place:
        yield place


def tasks_of(site, array):
    return site.json("ls", "--all", "--tag", f"array={array}")["items"]


def submissions(site, name):
    """The numbers that Slurm has given to jobs of that name, tasks of one array counted once. (Users of earlier tests had the same uid.)"""
    return sorted(set(site.run("squeue", "-h", "-t", "all", "-r", f"--name={name}", "-o", "%F").stdout.split()), key=int)


def is_running(site):
    return [line for line in site.run("squeue", "-h", "-r", "-t", "RUNNING", "-u", site.user, "-o", "%i").stdout.split()]


# Waits for its gate in the middle, and shows what it was told of its array.
TOLD = """#!/bin/sh
echo "$SLURM_ARRAY_JOB_ID $SLURM_ARRAY_TASK_ID $SLURM_ARRAY_TASK_COUNT $SLURM_ARRAY_TASK_MIN $SLURM_ARRAY_TASK_MAX $SLURM_ARRAY_TASK_STEP"
while [ ! -e open.$SLURM_ARRAY_TASK_ID ]; do sleep 0.2; done
echo "done $SLURM_ARRAY_TASK_ID"
exit $SLURM_ARRAY_TASK_ID
"""
APP = ["--engine", "app", "--ckpt-signal", "USR1", "--ckpt-files", "none.%a"]


def open_gate(site, index):
    site.run("touch", f"open.{index}", check=True)


def test_tasks_are_told_of_their_array_and_end_each_by_itself(site):
    site.program("told.sh", TOLD)
    made = json.loads(site.ckpt("submit", "--json", "-J", "told", "--array", "1-5:2%2", *APP, "--", "./told.sh").stdout)
    assert [item["array"]["index"] for item in made["items"]] == [1, 3, 5] and made["tag"] == {"array": made["id"]}
    number = made["items"][0]["current_attempt"]["scheduler_job_id"].split("_")[0]
    assert [item["current_attempt"]["scheduler_job_id"] for item in made["items"]] == [f"{number}_{index}" for index in (1, 3, 5)]
    site.wait_state("told_1", "running", 40)
    site.wait_state(f"{number}_3", "running", 40)
    assert len(is_running(site)) == 2
    for name, status in ((number, 2), ("told", 3)):  # several jobs: it says which, and how to name one
        several = site.ckpt("show", name, check=False)
        assert several.returncode == status and f"3 tasks, {made['id']} … {made['items'][-1]['id']}: 1 queued, 2 running" in several.stderr
        assert f"`ckpt ls --all --tag array={made['id']}`" in several.stderr, several.stderr
    for index in (5, 3, 1):
        open_gate(site, index)
    for index in (1, 3, 5):
        ended = site.wait_state(f"told_{index}", OVER, 60)
        assert (ended["state"], ended["exit_code"]) == ("failed", index), site.evidence(f"told_{index}")
        out = site.work / f"slurm-{number}_{index}.out"
        assert ended["stdout_path"] == str(out)
        assert out.read_text() == f"{number} {index} 3 1 5 2\ndone {index}\n"
    assert submissions(site, "told") == [number]


@pytest.mark.skipif(not os.environ.get("CKPT_CRIU"), reason="CKPT_CRIU names none that works on this machine")
def test_walltimes_requeues_and_the_limit(site):
    """Programs that need more than their walltime, two at once: each is requeued by its own number and writes what it would have."""
    steps = 75
    words, argv = counting_job(site, "criu", steps, pause=1)
    text = site.ckpt("submit", "-J", "count", "-a", "1-3%2", "-t", "1:00", "--lead", "15s", *words, "--", *argv).stdout
    array = re.search(r"array=(j-\d+)", text).group(1)
    number = re.search(r"Slurm job (\d+)", text).group(1)
    assert text.startswith("3 tasks submitted as "), text
    most = 0
    end = time.monotonic() + 420
    while time.monotonic() < end:
        most = max(most, len(is_running(site)))
        tasks = tasks_of(site, array)
        if all(task["state"] in OVER for task in tasks):
            break
        time.sleep(0.5)
    assert most == 2
    for index, task in enumerate(tasks_of(site, array), 1):
        evidence = site.evidence(task["id"])
        assert task["state"] == "completed", evidence
        ids = {attempt["scheduler_job_id"] for attempt in site.job(task["id"])["attempts"]}
        assert ids == {f"{number}_{index}"} and task["attempts_count"] >= 2, evidence
        assert (site.work / f"slurm-{number}_{index}.out").read_text() == expected_output(steps), evidence
    assert submissions(site, "count") == [number]


def test_a_batch_script_with_array_lines(site):
    site.program("job.sh", "#!/bin/bash\n#SBATCH --array=0-2\n#SBATCH -J sweep\n#SBATCH -o sweep-%A-%2a.txt\n"
                           'echo "task $SLURM_ARRAY_TASK_ID of $SLURM_ARRAY_TASK_COUNT in $SLURM_JOB_NAME"\n')
    done = site.ckpt("sbatch", *APP, "job.sh")
    assert re.fullmatch(r"Submitted batch job \d+\n", done.stdout), done.stdout
    number = done.stdout.split()[-1]
    array = re.search(r"array=(j-\d+)", done.stderr).group(1)
    for index in range(3):
        ended = site.wait_state(f"{number}_{index}", OVER, 60)
        assert ended["state"] == "completed" and ended["name"] == f"sweep_{index}", site.evidence(ended["id"])
        assert (site.work / f"sweep-{number}-0{index}.txt").read_text() == f"task {index} of 3 in sweep\n"
        temporary = os.readlink(site.store / "jobs" / ended["id"] / "tmpdir")
        wait_until(lambda: not os.path.exists(temporary), 30, f"{temporary} is left")
    assert site.ckpt("wait", "--state", "completed", "--tag", f"array={array}", check=False).returncode == 0
    assert site.ckpt("wait", "--tag", f"array={array}", check=False).returncode == 0  # all are over
    # sbatch's own forms: the variable, and the bare number; more than one job is one value with --json.
    done = site.ckpt("sbatch", "--parsable", "--wait", env={"SBATCH_ARRAY_INX": "4,6"}, check=False, *[*APP, "job.sh"])
    assert re.fullmatch(r"\d+\n", done.stdout) and done.returncode == 0, done.stdout + done.stderr
    assert (site.work / f"sweep-{done.stdout.strip()}-06.txt").read_text() == "task 6 of 2 in sweep\n"
    both = json.loads(site.ckpt("sbatch", "--json", "-a", "1-2", *APP, "job.sh").stdout)
    assert [item["array"]["index"] for item in both["items"]] == [1, 2]
    # When the jobs are gone so is what they shared.
    for made in (array, both["id"]):
        for task in tasks_of(site, made):
            site.wait_state(task["id"], OVER, 60)
        site.ckpt("rm", "--state", "completed", "--tag", f"array={made}")
    assert len(list((site.store / "arrays").iterdir())) == 1


def test_one_is_cancelled_or_restarted_without_the_others(site):
    site.program("told.sh", TOLD)
    made = json.loads(site.ckpt("submit", "--json", "-J", "three", "--array", "1-3", *APP, "--", "./told.sh").stdout)
    number = made["items"][0]["current_attempt"]["scheduler_job_id"].split("_")[0]
    for index in (1, 2, 3):
        site.wait_state(f"three_{index}", "running", 60)
    site.ckpt("cancel", f"{number}_3")  # the last one: its raw number is the whole array's
    assert site.job("three_1")["state"] == site.job("three_2")["state"] == "running"
    assert sorted(is_running(site)) == [f"{number}_1", f"{number}_2"]
    site.run("scancel", f"{number}_2", check=True)
    site.wait_state("three_2", "cancelled", 60)
    assert site.job("three_1")["state"] == "running"
    # Started again it is a submission by itself, which says so, and is told of its array all the same.
    site.ckpt("restart", made["items"][2]["id"], check=False)
    again = made["items"][1]["id"]
    if site.ckpt("restart", again, check=False).returncode == 0:
        open_gate(site, 2)
        ended = site.wait_state(again, OVER, 60)
        assert ended["exit_code"] == 2, site.evidence(again)
        assert (site.work / f"slurm-{number}_2.out").read_text().endswith(f"{number} 2 3 1 3 1\ndone 2\n")
        assert "_" not in ended["attempts"][-1]["scheduler_job_id"]
    site.ckpt("cancel", "--tag", f"array={made['id']}", "--state", "running")
    assert site.wait_state(made["items"][0]["id"], OVER, 60)["state"] == "cancelled"
    wait_until(lambda: not is_running(site), 60, "nothing of it runs")


def test_tasks_that_are_cancelled_outside_before_they_begin(site):
    """Slurm keeps no record of them: nothing may take them for lost and submit them again."""
    site.program("told.sh", TOLD)
    made = json.loads(site.ckpt("submit", "--json", "-J", "early", "--array", "1-3%1", *APP, "--", "./told.sh").stdout)
    number = made["items"][0]["current_attempt"]["scheduler_job_id"].split("_")[0]
    site.wait_state("early_1", "running", 60)
    site.run("scancel", f"{number}_3", check=True)
    ended = site.wait_state("early_3", OVER, 90)
    assert ended["state"] == "cancelled" and "before it began" in ended["reason"], site.evidence(ended["id"])
    assert site.job("early_2")["state"] == "queued"
    site.run("scancel", f"{number}_2", check=True)  # the last one that waits
    assert site.wait_state("early_2", OVER, 90)["state"] == "cancelled"
    assert site.job("early_1")["state"] == "running" and len(submissions(site, "early")) == 1
    site.ckpt("cancel", "early_1")
    wait_until(lambda: not is_running(site), 60, "nothing of it runs")


@pytest.mark.parametrize("point", ["array.linked:3", "array.tasks", "array.accepted", "array.intended", "submit.asked", "submit.answered"])
def test_the_daemon_dies_while_it_makes_an_array(site, point):
    name = re.sub("[^a-z]", "", point)
    site.program("told.sh", TOLD)
    site.ckpt("daemon", "start", env={"CKPT_KILL_AT": point, "CKPT_KILL_PROGRAM": "ckptd", "CKPT_KILL_ONCE": str(site.root / "run" / "died")})
    dead = site.daemon_pid()
    site.ckpt("submit", "-J", name, "--array", "1-4%3", *APP, "--", "./told.sh", check=False)
    wait_until(lambda: not os.path.exists(f"/proc/{dead}") or "Z" in open(f"/proc/{dead}/stat").read().split()[2], 30, "it died")
    if not site.json("ls", "--all")["items"]:
        assert point in ("array.linked:3", "array.tasks")  # nobody was told of it, and nothing is left
        assert not list((site.store / "arrays").iterdir()) and not list((site.store / "jobs").glob("*/spec.json"))
        return
    for index in (1, 2, 3, 4):
        open_gate(site, index)
    for index in (1, 2, 3, 4):
        ended = site.wait_state(f"{name}_{index}", OVER, 180)
        assert ended["exit_code"] == index and ended["attempts_count"] == 1, site.evidence(ended["id"])
    assert len(submissions(site, name)) == 1 and len(site.json("ls", "--all")["items"]) == 4


@pytest.mark.parametrize("words, told", [
    (["--array", "3-1"], "3-1"),
    (["--array", "1-100000"], "more than"),
    (["--array", "1-3", "-o", "out.txt"], "%a"),
    (["--array", "1-3", "--append-files", "log"], "%a"),
    (["--array", "1-3", "--tag", "array=x"], "tag"),
    (["--array", "1-3", "--resume", "-J", "x"], "--resume"),
])
def test_what_is_refused(site, words, told):
    done = site.ckpt("submit", *words, *APP, "--", "/bin/true", check=False)
    assert done.returncode == 2 and told in done.stderr, done.stdout + done.stderr
    assert site.json("ls", "--all")["items"] == [] and submissions(site, "true") == []


def test_how_long_it_takes_to_make_many(site):
    began = time.monotonic()
    made = json.loads(site.ckpt("submit", "--json", "-J", "many", "--array", "1-200%1", *APP, "--", "/bin/true", timeout=300).stdout)
    took = time.monotonic() - began
    print(f"200 tasks: {took:.1f} s")
    assert len(made["items"]) == 200 and len(submissions(site, "many")) == 1
    site.ckpt("cancel", "--tag", f"array={made['id']}", "--no-wait", timeout=300)
    assert took < 90
