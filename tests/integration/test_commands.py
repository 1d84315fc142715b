"""What a person types, on this machine without Slurm: each command, its exit status, and what it leaves behind."""
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from counting import counting_job, expected_output
from engines import engine_fixture_parameters
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
LONG = 3000  # steps; ended by the test


@pytest.fixture(scope="module", params=engine_fixture_parameters())
def place(request):
    engine, env = request.param
    with Site(BIN, env=env) as site:
        yield engine, site


def submit(place, steps, *options, status=0, name):
    engine, site = place
    chosen, argv = counting_job(site, engine, steps, status)
    out = site.work / f"{name}.out"
    words = site.ckpt("submit", "-J", name, "--every", "off", "--output", out, *options, *chosen, "--", *argv).stdout
    return re.search(r"j-\d+", words).group(), out


def runs(site, job, out, more=3):
    """Waits until the program has printed some more lines."""
    site.wait_state(job, "running", 30)
    lines = count(out)
    wait_until(lambda: count(out) >= lines + more, 30, f"{job} prints\n{site.evidence(job)}")


def count(out):
    return out.read_text().count("\n") if out.exists() else 0


def one_value(text):
    """Exactly one JSON value, or this raises."""
    return json.loads(text)


def test_checkpoint_returns_when_it_is_sealed_and_rollback_goes_back(place):
    _, site = place
    job, out = submit(place, 90, "--keep", "5", name="rollback")
    runs(site, job, out)
    made = site.json("checkpoint", job)
    first = made[0] if isinstance(made, list) else made.get("items", [made])[0]
    assert first["state"] == "sealed"
    manifest = site.store / f"jobs/{job}/generations/{first['id']}/manifest.json"
    assert json.loads(manifest.read_text())["trigger"] == "manual"  # sealed, now, not soon
    runs(site, job, out)
    lines = count(out)
    assert site.ckpt("stop", job).returncode == 0
    parked = site.job(job)
    assert parked["state"] == "parked" and parked["latest_generation"]["trigger"] == "stop"
    assert count(out) >= lines
    assert site.ckpt("wait", job, check=False).returncode == 85
    # Newest first, then back to g1, and again from the newest of that.
    assert site.ckpt("restart", "--generation", "g99", job, check=False).returncode == 3
    site.ckpt("restart", job, "--generation", first["id"])
    runs(site, job, out, 1)
    attempts = site.job(job)["attempts"]
    assert attempts[-1]["started_from"]["generation"] == first["id"], site.evidence(job)
    site.ckpt("stop", job)
    site.ckpt("restart", job)
    ended = site.wait_state(job, ["completed", "failed", "parked"], 60)
    assert ended["state"] == "completed", site.evidence(job)
    assert out.read_text() == expected_output(90)
    # The newest of the branch that was gone on with, not the highest before the rollback.
    branch = ended["attempts"][1]["latest_sealed"] if "latest_sealed" in ended["attempts"][1] else None
    assert ended["attempts"][2]["started_from"]["generation"] not in (first["id"], parked["latest_generation"]["id"]), branch
    assert site.ckpt("wait", job).returncode == 0
    assert site.ckpt("restart", job, check=False).returncode == 4


def test_cancel_leaves_nothing_behind(place):
    engine, site = place
    job, out = submit(place, LONG, name="cancelled")
    runs(site, job, out)
    site.ckpt("checkpoint", job)
    if engine == "dmtcp":
        coordinators = site.json("coordinators")["items"]
        assert [c["job"] for c in coordinators] == [job]
        assert coordinators[0]["port"] > 0
    assert site.ckpt("cancel", job).returncode == 0
    assert site.job(job)["state"] == "cancelled"
    daemon = site.daemon_pid()
    wait_until(lambda: set(site.processes()) <= {daemon}, 20, f"only the daemon is left of {site.processes()}")
    assert site.json("coordinators")["items"] == []
    kept = site.json("gens", job)["items"]
    assert {g["state"] for g in kept} == {"sealed"} and "manual" in [g["trigger"] for g in kept], "generations are kept"
    assert "signal" not in [g["trigger"] for g in kept], "no checkpoint for one that is thrown away"
    assert site.job(job)["attempts"][-1]["end_reason"] == "cancelled", site.evidence(job)
    assert site.ckpt("cancel", job).returncode == 0, "safe to repeat"
    assert site.ckpt("wait", job, check=False).returncode != 0


@pytest.mark.parametrize("status", [0, 7])
def test_run_is_attached(place, status):
    engine, site = place
    chosen, argv = counting_job(site, engine, 10, status)
    done = site.ckpt("run", *chosen, "--", *argv, check=False)
    assert done.returncode == status, done.stderr
    assert done.stdout == expected_output(10)


def test_run_tells_the_signal(place):
    engine, site = place
    program = site.program("kills-itself.py", "#!/usr/bin/python3\nimport os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    more = ["--ckpt-signal", "USR1", "--ckpt-files", "none*"] if engine == "app" else []
    done = site.ckpt("run", "--json", "--engine", engine, *more, "--", program, check=False)
    assert done.returncode == 128 + signal.SIGSEGV, done.stdout + done.stderr
    assert one_value(done.stdout)


def test_a_program_that_is_killed_again_and_again_is_parked_with_the_evidence(place):
    engine, site = place
    more = ["--ckpt-signal", "USR1", "--ckpt-files", "none*"] if engine == "app" else []
    program = site.program("is-killed.py", "#!/usr/bin/python3\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    done = site.ckpt("run", "--engine", engine, *more, "--", program, check=False)
    assert done.returncode == 85, done.stdout + done.stderr
    job = site.job("is-killed.py")
    assert job["state"] == "parked" and "killed by signal 9" in job["reason"], job["reason"]
    assert [attempt["end_reason"] for attempt in site.json("show", job["id"])["attempts"]][:3] == ["interrupted"] * 3


def test_run_interrupted_once_parks(place):
    engine, site = place
    chosen, argv = counting_job(site, engine, 80)
    attached = site.popen("ckpt", "run", "-J", "attached", "--every", "off", *chosen, "--", *argv, stdout=-1, stderr=-1)
    try:
        wait_until(lambda: site.ckpt("show", "attached", "--json", check=False).returncode == 0, 20, "the job is there")
        out = pathlib.Path(os.readlink(wait_until(lambda: next(iter(site.store.glob(f"jobs/{site.job('attached')['id']}/stdout")), None),
                                                  20, "its output is there")))
        runs(site, "attached", out)
        attached.send_signal(signal.SIGINT)
        stdout, stderr = attached.communicate(timeout=60)
    finally:
        if attached.poll() is None:
            attached.kill()
            attached.communicate()
    assert attached.returncode == 85, stderr
    assert site.job("attached")["state"] == "parked"
    assert expected_output(80).startswith(stdout) and stdout
    # It goes on, and `logs -f` follows it to the end.
    site.ckpt("restart", "attached")
    followed = site.ckpt("logs", "-f", "attached", timeout=60)
    assert out.read_text() == expected_output(80)
    if "went back" in followed.stderr:  # it had read on before the file was cut back to the checkpoint
        assert followed.stdout.endswith(expected_output(80)[-200:])
    else:
        assert followed.stdout == expected_output(80)
    assert site.ckpt("wait", "attached").returncode == 0


def test_looking(place):
    engine, site = place
    job, out = submit(place, LONG, "--tag", "kind=looked-at", name="looked-at")
    runs(site, job, out)
    listed = one_value(site.ckpt("ls", "--json").stdout)
    assert job in [item["id"] for item in listed["items"]]
    assert job in site.ckpt("ls", "--tag", "kind=looked-at").stdout
    assert job not in site.ckpt("ls", "--state", "completed").stdout
    processes = one_value(site.ckpt("ps", job, "--json").stdout)["items"]
    assert any(str(out.stem) in str(p) or ".py" in str(p) for p in processes), processes
    for verb in (["show", job], ["gens", job], ["coordinators"], ["events", job], ["daemon", "status"], ["version"], ["doctor"],
                 ["checkpoint", job], ["ls", "--all"]):
        done = site.ckpt(*verb, "--json", check=False)
        assert done.returncode == 0, (verb, done.stderr)
        one_value(done.stdout)
    assert site.ckpt("wait", job, "--timeout", "1s", check=False).returncode == 8
    # The daemon may come and go: the job goes on.
    before = site.daemon_pid()
    assert one_value(site.ckpt("daemon", "restart", "--json").stdout)["health"]
    assert site.daemon_pid() not in (None, before)
    assert site.ckpt("daemon", "stop").returncode == 0
    assert site.ckpt("daemon", "status", check=False).returncode == 5
    lines = count(out)
    wait_until(lambda: count(out) > lines, 20, "it prints on without a daemon")
    assert site.ckpt("daemon", "start").returncode == 0
    assert site.ckpt("daemon", "status").returncode == 0
    runs(site, job, out)
    done = one_value(site.ckpt("cancel", job, "--json").stdout)
    assert done
    assert site.ckpt("show", "j-999", check=False).returncode == 3


def test_many_starts_at_once_make_one_daemon_and_all_find_it():
    with Site(BIN) as site:
        asked = [site.popen("ckpt", *words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                 for words in [["daemon", "start"], ["ls"], ["daemon", "start"], ["ls", "--json"]] * 3]
        for one in asked:
            said, _ = one.communicate(timeout=60)
            assert one.returncode == 0, said
        daemons = [line for line in site.processes().values() if line.split()[0].endswith("ckptd")]
        assert len(daemons) == 1, daemons
