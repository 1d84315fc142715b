"""Python inside of a job: checkpoint_here, in every engine that this machine has; without a daemon; and pyDMTCP's flags."""
import json
import os
import pathlib
import re
import signal

import pytest

from engines import engine_fixture_parameters
from pyclient import PYTHON, Python
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])

# Prints what checkpoint_here returned, then steps until the file `go` is there. argv: the client's folder, wait, the file.
ASKS = """#!/usr/bin/python3
import os, sys, time
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import ckptd
patience = 60
{setup}
def say(*words):
    print(*words, flush=True)
say("begin", ckptd.in_job(), os.environ["CKPT_ATTEMPT"])
for turn in (1, 2):
    try:
        told = ckptd.checkpoint_here(wait=sys.argv[2] == "wait", timeout=patience)
        say("told", turn, told.job, told.generation, told.attempt, told.restarted)
    except ckptd.CkptError as error:
        say("error", type(error).__name__, error.code, error.detail)
    while sys.argv[2] == "wait" and not os.path.exists(sys.argv[3] + str(turn)):
        time.sleep(0.05)
say("end")
"""

# The app engine's program saves itself, and begins anew.
SAVES = """
import signal
def save(*_):
    with open("asked.state.new", "w") as out:
        out.write(str(time.monotonic()))
    os.rename("asked.state.new", "asked.state")
signal.signal(signal.SIGUSR1, save)
"""


@pytest.fixture(scope="module", params=engine_fixture_parameters())
def place(request):
    engine, env = request.param
    with Site(BIN, env=env) as site:
        yield engine, site, Python(site)


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def asking(place, name, wait="wait", *options):
    """Submits a program that asks for its own checkpoints."""
    engine, site, py = place
    program = site.program(f"{name}.py", ASKS.format(setup=SAVES if engine == "app" else ""))
    chosen = ["--engine", engine] + (["--ckpt-signal", "USR1", "--ckpt-files", "asked.state"] if engine == "app" else [])
    out = site.work / f"{name}.out"
    said = site.ckpt("submit", "-J", name, "--every", "off", "--keep", "5", "--output", out, *chosen, *options, "--", program, py.folder, wait,
                     site.work / f"{name}.go").stdout
    return re.search(r"j-\d+", said).group(), out


def touch(site, name):
    (site.work / name).write_text("")


def told(site, job, out, count):
    """The lines that checkpoint_here returned with; waits for `count` of them."""
    def there():
        found = [line.split() for line in lines(out) if line.startswith(("told", "error"))]
        return found if len(found) >= count else None
    try:
        return wait_until(there, 60, "checkpoint_here returned")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{lines(out)}\n{site.evidence(job)}") from None


def copy_of(place, name):
    """A job that was restored from the checkpoint that it had asked for: (job, output of the copy, generation)."""
    engine, site, _ = place
    job, out = asking(place, name)
    first = told(site, job, out, 1)[0]
    assert first[:3] == ["told", "1", job] and first[4:] == ["1", "False"], first
    generation = first[3]
    manifest = json.loads((site.store / f"jobs/{job}/generations/{generation}/manifest.json").read_text())
    assert manifest["trigger"] == "program"
    shown = wait_until(lambda: next((g for g in site.json("gens", job)["items"] if g["id"] == generation and g["state"] == "sealed"), None), 20,
                       "the daemon knows it")
    assert shown["trigger"] == "program"
    if engine == "app":
        return job, None, generation  # its program begins anew: no copy of the call
    site.ckpt("stop", job)
    out.rename(out.with_suffix(".before"))
    out.write_text("")
    os.chown(out, site.account.pw_uid, site.account.pw_gid)
    site.ckpt("restart", job, "--generation", generation)

    def back():
        return any(line.startswith(("told", "error")) for line in lines(out)) or site.job(job)["state"] in ("parked", "failed", "completed")
    wait_until(back, 90, f"the copy returned\n{site.evidence(job)}")
    return job, out, generation


def test_it_returns_sealed_and_again_in_the_copy(place):
    engine, site, _ = place
    # DMTCP 4.2.0 dies now and then (SEGV, of about ten images one) before it has restored the program at all: not what is tested here.
    for name in ("here", "here-again", "here-at-last"):
        job, out, generation = copy_of(place, name)
        if engine != "dmtcp" or "killed by signal 11" not in site.job(job)["reason"]:
            break
    if engine == "app":
        site.ckpt("cancel", job)
        return
    again = told(site, job, out, 1)[-1]
    assert again == ["told", "1", job, generation, "2", "True"], site.evidence(job)
    # And the next call is one of the new attempt, whatever the environment of the copy says.
    touch(site, f"{name}.go1")
    second = told(site, job, out, 2)[-1]
    assert second[1:3] == ["2", job] and second[3] != generation and second[4:] == ["2", "False"], site.evidence(job)
    touch(site, f"{name}.go2")
    assert site.wait_state(job, ["completed", "failed", "parked"], 60)["state"] == "completed"
    assert lines(out)[-1] == "end"


def test_it_needs_no_daemon_and_does_not_disturb_one(place):
    _, site, py = place
    job, out = asking(place, "alone")
    told(site, job, out, 1)
    # An order of the daemon: the next one of the program must not be older in the runner's eyes.
    assert site.json("checkpoint", job)
    os.kill(site.daemon_pid(), signal.SIGKILL)
    touch(site, "alone.go1")
    second = told(site, job, out, 2)[-1]
    assert second[0] == "told" and second[5] == "False", second
    # Nor may the orders of the next daemon be older than the program's.
    made = site.json("checkpoint", job)
    made = made[0] if isinstance(made, list) else made.get("items", [made])[0]
    assert made["state"] == "sealed", site.evidence(job)
    touch(site, "alone.go2")
    assert site.wait_state(job, ["completed", "failed", "parked"], 60)["state"] == "completed"
    sealed = {g["id"]: g["trigger"] for g in site.json("gens", job)["items"] if g["state"] in ("sealed", "pruned")}
    assert sealed.get(second[3], "program") == "program"


CONNECTED = """
import socket
listening = socket.create_server(("127.0.0.1", 0))
out = socket.create_connection(listening.getsockname())
into = listening.accept()
"""


def test_a_checkpoint_that_cannot_be_taken_is_an_error_and_the_program_goes_on(place):
    engine, site, py = place
    if engine == "dmtcp":
        pytest.skip("it takes what the others refuse")
    # criu cannot carry a connection and says so; the app engine waits for a file that never comes.
    setup = CONNECTED if engine == "criu" else "import signal\nsignal.signal(signal.SIGUSR1, lambda *_: None)\npatience = 1.5"
    program = site.program("refused.py", ASKS.format(setup=setup))
    out = site.work / "refused.out"
    chosen = ["--engine", engine] + (["--ckpt-signal", "USR1", "--ckpt-files", "never.state"] if engine == "app" else [])
    site.ckpt("submit", "-J", "refused", "--every", "off", "--output", out, *chosen, "--", program, py.folder, "wait", site.work / "refused.go")
    first = told(site, "refused", out, 1)[0]
    assert first[:3] == (["error", "Failed", "checkpoint_failed"] if engine == "criu" else ["error", "TimedOut", "wait_timed_out"]), first
    touch(site, "refused.go1")
    assert told(site, "refused", out, 2)[1][0] == "error", "it goes on"
    site.ckpt("cancel", "refused")


def test_not_waiting(place):
    _, site, _ = place
    job, out = asking(place, "hurry", "no")
    first = told(site, job, out, 1)[0]
    assert first == ["told", "1", job, "None", "1", "False"]
    site.wait_state(job, ["completed", "failed", "parked"], 60)


def test_by_the_daemon_where_the_folder_cannot_be_seen(place):
    engine, site, py = place
    hidden = "from ckptd import here\nhere.JobFolder.of = classmethod(lambda cls, env: None)\n"
    program = site.program("contained.py", ASKS.format(setup=hidden + (SAVES if engine == "app" else "")))
    out = site.work / "contained.out"
    chosen = ["--engine", engine] + (["--ckpt-signal", "USR1", "--ckpt-files", "asked.state"] if engine == "app" else [])
    site.ckpt("submit", "-J", "contained", "--every", "off", "--output", out, *chosen, "--", program, py.folder, "wait", site.work / "contained.go")
    job = site.job("contained")["id"]
    first = told(site, job, out, 1)[0]
    assert first[0] == "told" and first[2] == job and first[4:] == ["1", "False"], first
    sealed = {g["id"]: g["trigger"] for g in site.json("gens", job)["items"] if g["state"] == "sealed"}
    assert sealed[first[3]] in ("program", "manual")  # manual: a daemon that does not know who asks
    site.ckpt("cancel", job)


def test_pydmtcp_start_stop_restart(place):
    engine, site, py = place
    if engine == "app":
        pytest.skip("pyDMTCP has no flags for a program that saves itself")
    site.program(f"steps-{engine}.py", "#!/usr/bin/python3\nimport sys, time\nfor i in range(int(sys.argv[1])):\n    print(i, flush=True)\n    time.sleep(0.1)\n")
    env = {"PATH": site.env["PATH"]}
    said = py.module("ckptd.pydmtcp", "--start", f"steps-{engine}.py 60", "--compress", "True", "--overwrite", "True", "--rollback", "1",
                     "--interval", "300", env=env).stdout
    job = re.fullmatch(r"Starting job: (j-\d+)\n", said)[1]
    shown = site.job(job)
    assert [shown["policy"][key] for key in ("compress", "keep", "every_seconds")] == ["zstd", 1, 300]
    assert shown["argv"] == [f"./steps-{engine}.py", "60"]
    site.wait_state(job, "running", 30)
    out = pathlib.Path(os.readlink(wait_until(lambda: next(iter(site.store.glob(f"jobs/{job}/stdout")), None), 20, "output")))
    wait_until(lambda: len(lines(out)) > 3, 30, "it prints")
    assert py.module("ckptd.pydmtcp", "--stop", job).stdout == f"Stopping job: {job}\n"
    assert site.job(job)["state"] == "parked"
    assert py.module("ckptd.pydmtcp", "--restart", job, "--compress", "False").stdout == f"Restarting job: {job}\n"
    done = site.wait_state(job, ["completed", "failed", "parked"], 60)
    assert done["state"] == "completed" and done["policy"]["compress"] == "none"
    assert out.read_text() == "".join(f"{i}\n" for i in range(60))


def test_pydmtcp_test_restart_and_errors(place):
    engine, site, py = place
    if engine != "criu":
        pytest.skip("one engine will do")
    said = py.module("ckptd.pydmtcp", "--test_restart", "sleep", "--", "300").stdout.splitlines()
    job = said[0].split()[-1]
    assert said[:3] == [f"Starting job: {job}", f"Stopping job: {job}", f"Restarting job: {job}"]
    assert re.fullmatch(r"Restarted from: g\d+", said[3])
    site.ckpt("cancel", job)
    for words, status in ((["--stop", "j-999"], 3), (["--restart", job, "--nodes", "0"], 2), (["--start", "x", "--move", "n1"], 2), ([], 2),
                          (["--start", "x", "--compress", "maybe"], 2), (["--stop", "1", "--restart", "1"], 2)):
        done = py.module("ckptd.pydmtcp", *words, check=False)
        assert done.returncode == status and done.stderr and "Traceback" not in done.stderr, (words, done.stderr)


def test_outside_of_a_job(place):
    _, _, py = place
    assert py.run("tell([ckptd.in_job(), error_of(ckptd.checkpoint_here)])") == [False, ["Usage", "not_in_a_job", 0]]
    out_of_reach = {"CKPT_JOB": "j-1", "CKPT_RUN": "/nowhere/jobs/j-1#1"}
    answer = py.run("tell([ckptd.in_job(), error_of(ckptd.checkpoint_here)])", env=out_of_reach)
    assert answer == [True, ["NoDaemon", "job_out_of_reach", 0]]
