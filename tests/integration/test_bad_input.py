"""What people get wrong, and what breaks under them: each is told clearly (text and exit status), and nothing is lost."""
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import tempfile

import pytest

from counting import counting_job, expected_output
from engines import engine_fixture_parameters
from slurm_cluster import SlurmCluster
from usersite import Site, runner_megabytes, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])


@pytest.fixture(scope="module")
def site():
    with Site(BIN) as site:
        yield site


def refused(site, status, text, *words, **more):
    """The command ends with that status and says so; nothing of it becomes a job."""
    before = len(site.json("ls", "--all")["items"])
    done = site.ckpt(*words, check=False, **more)
    assert done.returncode == status, done.stdout + done.stderr
    said = " ".join(done.stderr.split())
    assert re.search(text, said), said
    assert "Traceback" not in said and "terminate called" not in said
    assert len(site.json("ls", "--all")["items"]) == before
    return said


def test_a_program_that_cannot_run(site):
    refused(site, 3, "no-such-program", "submit", "--", "./no-such-program")
    refused(site, 3, "no-such-program", "run", "--", "no-such-program")
    site.program("data.txt", "no program\n", mode=0o644)
    refused(site, 2, "not executable.*chmod", "submit", "--", "./data.txt")
    refused(site, 2, "no program to run", "submit", "--")
    refused(site, 3, "no folder", "submit", "--chdir", "/no/such/folder", "--", "/bin/true")


def test_options(site):
    refused(site, 2, '"30" has no unit.*30m', "submit", "--every", "30", "--", "/bin/true")
    refused(site, 2, '"30" has no unit.*30m', "submit", "--total-time", "30", "--", "/bin/true")
    refused(site, 2, "soon.*30:00", "submit", "--time", "soon", "--", "/bin/true")
    refused(site, 2, "--evry.*--every", "submit", "--evry", "30m", "--", "/bin/true")
    refused(site, 2, "subimt.*submit", "subimt", "--", "/bin/true")
    refused(site, 2, "--keep", "submit", "--keep", "0", "--", "/bin/true")
    refused(site, 2, "engine.*nonsense.*dmtcp", "submit", "--engine", "nonsense", "--", "/bin/true")
    refused(site, 2, "--ckpt-signal", "submit", "--engine", "app", "--", "/bin/true")
    refused(site, 3, "j-999", "show", "j-999")
    refused(site, 3, "nobody", "cancel", "nobody")
    with_json = site.ckpt("show", "j-999", "--json", check=False)
    assert with_json.returncode == 3 and '"code"' in with_json.stdout


def test_a_static_program_under_dmtcp(site):
    source = site.work / "static.c"
    source.write_text("int main(void) { return 0; }\n")
    subprocess.run(["cc", "-static", "-o", site.work / "static", source], check=True)
    refused(site, 6, "static.*--engine criu", "submit", "--engine", "dmtcp", "--", "./static")


def test_a_second_daemon(site):
    site.ckpt("daemon", "start")
    pid = site.daemon_pid()
    second = site.run("ckptd", "--foreground", timeout=30)
    assert second.returncode == 4, second.stderr
    assert str(pid) in second.stderr
    assert site.daemon_pid() == pid and site.ckpt("daemon", "status").returncode == 0
    assert "runs already" in site.ckpt("daemon", "start").stderr


def test_a_store_of_another(site):
    site.ckpt("daemon", "start")
    try:
        other = site.root / "home" / "other-state"
        # While its daemon lives, and when it is only away.
        for stop, advice in ((False, "its daemon runs"), (True, "--adopt-store")):
            if stop:
                site.ckpt("daemon", "stop")
            done = site.run("ckptd", "--foreground", env={"CKPTD_STATE_DIR": str(other)}, timeout=30)
            assert done.returncode == 4, done.stderr
            assert str(site.state) in done.stderr and str(site.store) in done.stderr and advice in done.stderr, done.stderr
        done = site.ckpt("ls", check=False, env={"CKPTD_STATE_DIR": str(other)})
        assert done.returncode == 5 and str(site.state) in done.stderr.replace("\n  ", " "), done.stderr
    finally:
        site.ckpt("daemon", "start")


def test_a_lost_state_folder():
    with Site(BIN) as site:
        app = ["--engine", "app", "--ckpt-signal", "USR1", "--ckpt-files", "none*", "--"]
        site.ckpt("run", "-J", "kept", *app, "/bin/echo", "kept")
        site.ckpt("daemon", "stop")
        shutil.rmtree(site.state)
        # What a daemon of somewhere else may just be making is not ours to remove.
        stray = site.store / "jobs/j-2"
        shutil.copytree(site.store / "jobs/j-1", stray, symlinks=True)
        (stray / "job.jsonl").unlink()
        shutil.rmtree(stray / "attempts")
        (stray / "attempts").mkdir()
        spec = json.loads((stray / "spec.json").read_text())
        (stray / "spec.json").write_text(json.dumps({**spec, "id": "j-2"}))
        for path in [stray, *stray.rglob("*")]:
            os.chown(path, site.account.pw_uid, site.account.pw_gid, follow_symlinks=False)
        assert [job["name"] for job in site.json("ls", "--all")["items"]] == ["kept"], "made again from the store, by itself"
        assert stray.is_dir() and (stray / "spec.json").exists()
        site.ckpt("run", "-J", "next", *app, "/bin/echo", "next")
        assert sorted(job["id"] for job in site.json("ls", "--all")["items"]) == ["j-1", "j-3"]


def test_a_broken_configuration():
    with Site(BIN, config='[poll]\npendign = "2s"\n') as site:
        done = site.ckpt("ls", check=False)
        assert done.returncode == 5, done.stderr
        assert "config.toml:2" in done.stderr and "'poll.pendign'" in done.stderr and "'poll.pending'" in done.stderr
        config = site.root / "home/.config/ckptd/config.toml"
        for text, expected in (("[poll\n", r"config\.toml:1"), ('[limits]\nlease = "60"\n', "60.*no unit.*60s"),
                               ('[scheduler]\nkind = "pbs"\n', "auto, slurm, local")):
            config.write_text(text)
            done = site.run("ckptd", "--foreground", timeout=30)
            assert done.returncode == 2, done.stderr
            assert re.search(expected, " ".join(done.stderr.split())), done.stderr
        config.write_text("")
        assert site.ckpt("ls").returncode == 0, "put right, it works"


def test_a_database_of_a_newer_version():
    with Site(BIN) as site:
        done = site.ckpt("run", "--engine", "app", "--ckpt-signal", "USR1", "--ckpt-files", "none*", "--", "/bin/echo", "kept", check=False)
        assert done.stdout == "kept\n", done.stderr
        site.ckpt("daemon", "stop")
        registry = site.state / "registry.db"
        database = sqlite3.connect(registry)
        database.execute("PRAGMA user_version = 9999")
        database.commit()
        database.close()
        before = registry.read_bytes()
        done = site.ckpt("ls", check=False)
        assert done.returncode == 5, done.stderr
        said = " ".join(done.stderr.split())
        assert "newer" in said and "9999" in said and "--rebuild" in said, said
        assert registry.read_bytes() == before, "left as it was"
        # What the message says, works: nothing is lost.
        daemon = site.popen("ckptd", "--foreground", "--rebuild", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: site.ckpt("daemon", "status", check=False).returncode == 0, 20, "the rebuilt daemon answers")
            assert [job["state"] for job in site.json("ls", "--all")["items"]] == ["completed"]
        finally:
            site.ckpt("daemon", "stop", check=False)
            daemon.wait(timeout=20)
        assert any(site.state.glob("registry.db.old*")), "put aside, not deleted"


def test_an_unwritable_store():
    with Site(BIN) as site:
        site.env["CKPTD_STORE"] = "/proc/no-store"
        done = site.ckpt("ls", check=False)
        assert done.returncode == 5, done.stderr
        assert "/proc/no-store" in done.stderr
        site.store.mkdir()
        site.env["CKPTD_STORE"] = str(site.store)  # belongs to somebody else
        if os.getuid() == 0:
            done = site.ckpt("submit", "--", "/bin/true", check=False)
            assert done.returncode in (5, 6), done.stderr
            assert str(site.store) in done.stderr.replace("\n  ", " "), done.stderr


@pytest.fixture(params=engine_fixture_parameters())
def small_store(request):
    """A site whose store has room for journals, but not for an image."""
    engine, env = request.param
    with Site(BIN, env=env) as site:
        site.store.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={108 + runner_megabytes(BIN)}m,mode=0700,uid={site.account.pw_uid}", "tmpfs", site.store],
                                 capture_output=True)
        if mounted.returncode != 0:
            pytest.skip("a small file system cannot be mounted here")
        try:
            yield engine, site
        finally:
            site.ckpt("daemon", "stop", check=False)
            subprocess.run(["umount", "-l", site.store], check=True)


def sealed(site, job):
    return {generation["id"] for generation in site.json("gens", job)["items"] if generation["state"] == "sealed"}


def test_a_full_disk(small_store):
    engine, site = small_store
    chosen, argv = counting_job(site, engine, 100, 7, megabytes=200)
    out = site.work / "full.out"
    site.ckpt("submit", "-J", "full", "--every", "2s", "--output", out, *chosen, "--", *argv)
    site.wait_state("full", "running", 30)
    wait_until(lambda: out.exists() and out.read_text().count("\n") > 2, 20, "it prints")
    early = sealed(site, "full")  # on a slow machine the schedule is quicker than the program takes its memory
    done = site.ckpt("checkpoint", "full", check=False)
    assert done.returncode in (1, 6), done.stdout + done.stderr + site.evidence("full")
    assert re.search("space|room|full|free", done.stderr), done.stderr
    ended = site.wait_state("full", ["completed", "failed", "parked", "cancelled"], 60)
    assert ended["state"] == "failed" and ended["exit_code"] == 7, site.evidence("full")
    assert ended["attempts_count"] == 1, "it ran on all the time\n" + site.evidence("full")
    assert out.read_text() == expected_output(100)
    assert sealed(site, "full") <= early


def test_the_store_becomes_unwritable(site):
    chosen, argv = counting_job(site, "app", 60)
    out = site.work / "unwritable.out"
    site.ckpt("submit", "-J", "unwritable", "--every", "off", "--output", out, *chosen, "--", *argv)
    job = site.wait_state("unwritable", "running", 30)["id"]
    wait_until(lambda: out.exists() and out.read_text().count("\n") > 2, 20, "it prints")
    generations = site.store / f"jobs/{job}/generations"
    generations.chmod(0o500)
    try:
        done = site.ckpt("checkpoint", job, check=False)
        assert done.returncode == 6 and "generations" in done.stderr, done.stderr
        ended = site.wait_state(job, ["completed", "failed", "parked"], 60)
    finally:
        generations.chmod(0o700)
    assert ended["state"] == "completed", site.evidence(job)
    assert out.read_text() == expected_output(60)


def test_what_slurm_refuses(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refusals")
    for parent in [folder, *folder.parents]:
        if parent.is_relative_to(tempfile.gettempdir()) and parent.stat().st_uid == os.getuid():
            parent.chmod(parent.stat().st_mode | 0o011)
    with SlurmCluster(folder / "cluster", nodes=1) as cluster, Site(BIN, cluster=cluster) as site:
        done = site.ckpt("submit", "-p", "no-such-partition", "--", "/bin/true", check=False)
        assert done.returncode == 7, done.stdout + done.stderr
        assert "partition" in done.stderr.lower(), done.stderr
        job = site.json("ls", "--all")["items"][0]
        assert job["state"] == "failed" and "partition" in job["reason"].lower()
        assert site.run("squeue", "-h").stdout == ""
        refused(site, 2, "array", "submit", "--array", "3-1", "--", "/bin/true")
        refused(site, 6, "export-file is not supported", "submit", "--sbatch-arg=--export-file=names", "--", "/bin/true")
        # The environment: the user's of the submission, with today's allocation in it.
        site.program("env.sh", '#!/bin/sh\necho "$MINE|$SLURM_JOB_ID|$SLURM_RESTART_COUNT|$HOME"\n')
        site.ckpt("submit", "-J", "env", "-o", "env.out", "--engine", "app", "--ckpt-signal", "USR1", "--ckpt-files", "none*", "--",
                  "./env.sh", env={"MINE": "as submitted", "SLURM_JOB_ID": "4711"})
        ended = site.wait_state("env", ["completed", "failed", "parked"], 40)
        number = ended["attempts"][0]["scheduler_job_id"]
        assert (site.work / "env.out").read_text() == f"as submitted|{number}||{site.env['HOME']}\n", site.evidence("env")
