"""Jobs on this machine where Slurm is there too: two daemons, two stores, one person."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from counting import counting_job, expected_output
from engines import engine_fixture_parameters
from slurm_cluster import SlurmCluster
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
CONFIG = '[poll]\npending = "2s"\nrunning = "10s"\n'
LONG = 3000  # steps; ended by the test
LOCAL = ("--cluster", "local")


@pytest.fixture(scope="module")
def cluster():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-beside-", dir="/tmp"))
    folder.chmod(0o755)
    with SlurmCluster(folder, nodes=1, cpus=4) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", params=engine_fixture_parameters())
def place(request, cluster):
    """(engine, site, id of a job that runs in Slurm all the while)."""
    engine, env = request.param
    with Site(BIN, cluster=cluster, env=env, config=CONFIG) as site:
        chosen, argv = counting_job(site, engine, LONG)
        words = site.ckpt("submit", "-J", "in-slurm", "--every", "off", "-o", "in-slurm.out", *chosen, "--", *argv).stdout
        assert "Slurm job" in words
        site.wait_state("in-slurm", "running", 60)
        yield engine, site
        site.ckpt("cancel", "in-slurm", check=False)
        site.ckpt(*LOCAL, "daemon", "stop", check=False)


def local_job(site, job):
    return site.json("show", job, *LOCAL)


def said(done):
    return " ".join(done.stderr.split())


def test_run_beside_slurm(place):
    engine, site = place
    chosen, argv = counting_job(site, engine, 5, 7)
    done = site.ckpt("run", *chosen, "--", *argv, check=False)
    assert done.returncode == 7, done.stderr
    assert done.stdout == expected_output(5)
    if engine != "app":
        assert site.ckpt("run", "--engine", engine, "--", "sh", "-c", "exit 7", check=False).returncode == 7
    assert site.job("in-slurm")["state"] == "running", "untouched"
    assert site.job("in-slurm")["scheduler"] == "slurm"
    # Both are served: by two daemons, with two stores.
    slurm, local = site.json("daemon", "status"), site.json("daemon", "status", *LOCAL)
    assert (slurm["daemon"]["cluster"], local["daemon"]["cluster"]) == ("throwaway", "local")
    assert (slurm["scheduler"]["kind"], local["scheduler"]["kind"]) == ("slurm", "local")
    assert slurm["daemon"]["pid"] != local["daemon"]["pid"]
    assert slurm["daemon"]["state_dir"] == str(site.state) and local["daemon"]["state_dir"] == f"{site.state}/clusters/local"
    assert slurm["store"]["path"] == str(site.store) and local["store"]["path"] == f"{site.store}/clusters/local"
    assert site.run("squeue", "-h").stdout.count("\n") == 1


def test_submit_to_this_machine(place):
    engine, site = place
    chosen, argv = counting_job(site, engine, LONG)
    submitted = site.ckpt("submit", "--scheduler", "local", "-J", "here", "-o", "here.out", *chosen, "--", *argv)
    job = re.search(r"j-\d+", submitted.stdout).group()
    assert f"`ckpt --cluster local show {job}`" in submitted.stdout, "what is printed can be typed"
    wait_until(lambda: local_job(site, job)["state"] == "running", 30, "it runs here")
    assert local_job(site, job)["scheduler"] == "local"
    # Each list shows its own; the whole of it, and one that is empty, name the other.
    done = site.ckpt("ls")
    assert "in-slurm" in done.stdout and "too:" not in done.stderr
    assert "cluster local has 1 unfinished job too" in said(site.ckpt("ls", "--tag", "nobody=has"))
    done = site.ckpt("ls", "--all")
    assert "in-slurm" in done.stdout and "here" not in done.stdout
    assert "cluster local has 1 unfinished job too: `ckpt --cluster local ls`" in said(done)
    done = site.ckpt(*LOCAL, "ls", "--all")
    assert "here" in done.stdout and "in-slurm" not in done.stdout
    assert "cluster throwaway has 1 unfinished job too: `ckpt --cluster throwaway ls`" in said(done)
    assert "in-slurm" in site.ckpt("--cluster", "throwaway", "ls").stdout
    assert [one["name"] for one in site.json("ls", env={"CKPTD_CLUSTER": "local"})["items"]] == ["here"]
    # Not there, here is what to type.
    refused = site.ckpt("show", "here", check=False)
    assert refused.returncode == 3 and "`ckpt --cluster local show here`" in said(refused), refused.stderr
    stopped = site.ckpt(*LOCAL, "stop", "here")
    assert f"`ckpt --cluster local restart {job}`" in stopped.stdout
    assert site.ckpt("wait", job, *LOCAL, check=False).returncode == 85
    site.ckpt(*LOCAL, "restart", "here")
    wait_until(lambda: local_job(site, job)["state"] == "running", 30, "it goes on")
    site.ckpt(*LOCAL, "cancel", "here")
    assert local_job(site, job)["state"] == "cancelled"
    assert "too:" not in site.ckpt("ls", "--all").stderr
    assert site.job("in-slurm")["state"] == "running"


def test_submit_to_slurm_from_a_shell_that_is_about_local_jobs(place):
    engine, site = place
    chosen, argv = counting_job(site, engine, 1)
    shell = {"CKPTD_CLUSTER": "local"}
    done = site.ckpt("submit", "--scheduler", "slurm", "-J", "over-there", "-o", "over-there.out", *chosen, "--", *argv, env=shell)
    assert "Slurm job" in done.stdout and "`ckpt --cluster throwaway show" in done.stdout, done.stdout
    assert site.ckpt("--cluster", "throwaway", "wait", "over-there", env=shell, timeout=90).returncode == 0
    assert "over-there" in site.ckpt("ls", "--all").stdout and "over-there" not in site.ckpt("ls", "--all", env=shell).stdout


def attached(site, *words):
    """`ckpt run` as a terminal starts it: in a process group of its own, which Ctrl-C goes to."""
    return site.popen("ckpt", "run", *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def ends(process, timeout=60):
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    return process.returncode, out, err


def printed(site, job, lines):
    output = next(iter(site.store.glob(f"clusters/local/jobs/{local_job(site, job)['id']}/stdout")), None)
    return output is not None and output.exists() and output.read_text().count("\n") >= lines


def test_control_c_checkpoints_and_parks(place):
    engine, site = place
    chosen, argv = counting_job(site, engine, 60)
    process = attached(site, "-J", "once", "--every", "off", *chosen, "--", *argv)
    wait_until(lambda: site.ckpt(*LOCAL, "show", "once", check=False).returncode == 0, 30, "the job is there")
    wait_until(lambda: printed(site, "once", 3), 30, "it prints")
    os.killpg(process.pid, signal.SIGINT)
    status, out, err = ends(process)
    assert status == 85, err
    assert "`ckpt --cluster local restart" in " ".join(err.split()), err
    parked = local_job(site, "once")
    assert parked["state"] == "parked" and parked["latest_generation"]["state"] == "sealed"
    assert out and expected_output(60).startswith(out)
    site.ckpt(*LOCAL, "restart", "once")
    assert site.ckpt(*LOCAL, "wait", "once", timeout=60).returncode == 0
    assert site.ckpt(*LOCAL, "logs", "once").stdout == expected_output(60)


def test_a_second_control_c_ends_the_job(place):
    engine, site = place
    # Much to save: the second one comes while the first is being heeded.
    chosen, argv = counting_job(site, engine, LONG, megabytes=100)
    process = attached(site, "-J", "twice", "--every", "off", *chosen, "--", *argv)
    wait_until(lambda: site.ckpt(*LOCAL, "show", "twice", check=False).returncode == 0, 30, "the job is there")
    wait_until(lambda: printed(site, "twice", 3), 30, "it prints")
    os.killpg(process.pid, signal.SIGINT)
    heeded = iter(process.stderr.readline, "")  # two signals at once are one
    assert any("again ends it" in line for line in heeded), "it says what a second one does"
    os.killpg(process.pid, signal.SIGINT)
    status, _, err = ends(process)
    job = local_job(site, "twice")
    assert (status, job["state"]) == (130, "cancelled"), err
    wait_until(lambda: not any(argv[0].name in line and str(argv[-1]) in line and "100" in line.split()
                               for line in site.processes().values()), 20, "no process of it is left")
    assert site.job("in-slurm")["state"] == "running"


def test_what_a_daemon_cannot_do_here(place):
    _, site = place
    done = site.ckpt("--cluster", "huge", "ls", check=False)
    assert done.returncode == 2 and "throwaway" in done.stderr, done.stderr
    done = site.ckpt("run", "--cluster", "throwaway", "--", "/bin/true", check=False)
    assert done.returncode == 2, done.stderr
    done = site.ckpt("submit", "--scheduler", "slurm", *LOCAL, "--", "/bin/true", check=False)
    assert done.returncode == 2 and "Leave --cluster out" in done.stderr, done.stderr
    shown = {one["key"]: one for one in site.json("config", "show", *LOCAL)["items"]}
    assert shown["store.path"] == {"key": "store.path", "value": f"{site.store}/clusters/local", "origin": "CKPTD_STORE"}
    assert shown["cluster"] == {"key": "cluster", "value": "local", "origin": "--cluster"}
    assert shown["poll.pending"]["origin"] == "file" and shown["poll.journal"]["origin"] == "default"


def test_by_default_the_places_are_apart(cluster):
    """Neither state folder nor store is named: one home, one $SCRATCH, two schedulers."""
    with Site(BIN, cluster=cluster, config=CONFIG) as site:
        for name in ("CKPTD_STATE_DIR", "CKPTD_STORE"):
            del site.env[name]
        site.env["SCRATCH"] = str(site.work)
        app = ["--engine", "app", "--ckpt-signal", "USR1", "--ckpt-files", "none*", "--"]
        states = site.root / "home/.local/state/ckptd"
        try:
            site.ckpt("submit", "-J", "there", "-o", "there.out", *app, "/bin/echo", "from Slurm")
            done = site.ckpt("run", "-J", "here", *app, "/bin/echo", "from here")
            assert done.stdout == "from here\n"
            assert site.ckpt("wait", "there", timeout=60).returncode == 0
            assert sorted(folder.name for folder in states.iterdir()) == ["local", "throwaway"]
            owner = json.loads((site.work / "ckptd/owner.json").read_text())
            assert owner["state_dir"] == str(states / "throwaway") and owner["cluster"] == "throwaway"
            assert json.loads((site.work / "ckptd/clusters/local/owner.json").read_text())["cluster"] == "local"
            assert [site.json("ls", "--all")["items"][0]["name"], site.json("ls", "--all", *LOCAL)["items"][0]["name"]] == ["there", "here"]
        finally:
            site.ckpt("daemon", "stop", check=False)
            site.ckpt(*LOCAL, "daemon", "stop", check=False)
