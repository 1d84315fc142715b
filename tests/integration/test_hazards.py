"""What will break a restart is told while the program runs: in `ckpt show` and in the API, with what to do; and no longer once it is gone."""
import os
import pathlib
import shutil
import subprocess

import pytest

from engines import engine_fixture_parameters, engine_parameters
from test_runner import Job
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
PROGRAMS = pathlib.Path(os.environ.get("CKPT_TEST_PROGRAMS", BIN.parent / "tests"))

CHANGES_A_FILE = """#!/usr/bin/python3
import os, time
file = open("matrix", "w+b")
file.write(b"x" * 4096)
file.flush()
while not os.path.exists("close"):
    time.sleep(0.1)
file.close()
while not os.path.exists("end"):
    time.sleep(0.1)
"""


@pytest.fixture(params=[parameter for parameter in engine_fixture_parameters() if parameter.id != "app"])
def site(request):
    engine, env = request.param
    site = Site(BIN, env=env)
    criu = env.get("CKPT_CRIU")
    if criu and site.made_user:  # it may lie where an ordinary user cannot look
        shutil.copytree(pathlib.Path(criu).resolve().parents[1], site.root / "criu", symlinks=True)
        site.env["CKPT_CRIU"] = str(site.root / "criu/bin" / pathlib.Path(criu).name)
    site.engine = engine
    yield site
    site.close()


def anybody_holds(site, name):
    def links(pid):
        try:
            return [os.readlink(link) for link in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:  # it ended just now
            return []
    return any(link.endswith("/" + name) for pid in site.processes() for link in links(pid))


def warnings(site, job):
    return {warning["code"]: warning for warning in site.json("show", job)["warnings"]}


def test_a_warning_comes_with_the_hazard_and_goes_with_it(site):
    program = site.program("changes.py", CHANGES_A_FILE)
    site.ckpt("submit", "-J", "changes", "--scheduler", "local", "--engine", site.engine, "--every", "off", "--", program)
    wait_until(lambda: "uncovered_files" in warnings(site, "changes"), 60, "the warning")
    warning = warnings(site, "changes")["uncovered_files"]
    assert "matrix" in warning["message"] and "--ckpt-files" in warning["advice"]
    assert warning["first_seen"].endswith("Z")
    shown = " ".join(site.ckpt("show", "changes").stdout.split())  # lines are as wide as the terminal
    assert warning["message"] in shown and warning["advice"] in shown
    site.program("close", "")
    wait_until(lambda: not anybody_holds(site, "matrix"), 30, "the program has closed it")
    site.ckpt("checkpoint", "changes")  # a look goes before it
    wait_until(lambda: not warnings(site, "changes"), 30, "the warning is gone")
    site.program("end", "")
    assert site.ckpt("wait", "changes").returncode == 0


HOLDS_A_FILE = """#!/usr/bin/python3
import os, sys, time
file = open(sys.argv[1])
open("holds", "w").close()
while not os.path.exists("end"):
    time.sleep(0.1)
sys.exit(7 if file.read() == "old" else 8)
"""


def holding(site, path):
    """A job that has a file open, which holds "old"."""
    program = site.program("holds.py", HOLDS_A_FILE)
    site.ckpt("submit", "-J", "holds", "--scheduler", "local", "--engine", site.engine, "--every", "off", "--", program, path)
    wait_until(lambda: (site.work / "holds").exists(), 60, "the program has it open")


def to_the_end(site):
    site.program("end", "")
    ended = site.wait_state("holds", ["completed", "failed", "parked"], 60)
    assert (ended["state"], ended["exit_code"]) == ("failed", 7), site.evidence("holds")


@pytest.mark.parametrize("then", ["edited", None], ids=["replaced", "deleted"])
def test_a_file_that_is_replaced_below_the_program_is_as_it_was_for_it_and_stays_for_its_owner(site, then):
    """As an editor does that saves a script while it runs."""
    script = pathlib.Path(site.program("script", "old"))
    holding(site, script)
    script.unlink()
    if then:
        site.program("script", then)
    for _ in range(2):
        site.ckpt("stop", "holds")
        site.ckpt("restart", "holds")
        site.wait_state("holds", "running", 60)
        wait_until(lambda: site.json("show", "holds")["attempts"][-1]["state"] == "running", 60, "it runs")
        assert script.read_text() == then if then else not script.exists()
    to_the_end(site)
    assert script.read_text() == then if then else not script.exists()
    assert not list(site.work.glob(".ckpt*"))


@pytest.mark.skipif(os.getuid() != 0, reason="needs root: a file of another user")
def test_a_checkpoint_that_could_not_be_restored_for_a_deleted_file_is_refused(site):
    """As an update of software does to running programs: what they have open is replaced by another file."""
    foreign = site.root / "foreign"  # a folder of root's
    foreign.write_text("old")
    foreign.chmod(0o644)
    holding(site, foreign)
    foreign.unlink()
    done = site.ckpt("checkpoint", "holds", check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "deleted" in done.stderr
    assert [g["state"] for g in site.json("gens", "holds")["items"]] == ["failed"]
    to_the_end(site)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root: a file of another user")
def test_a_deleted_file_of_another_user_in_a_folder_of_ours(site):
    foreign = pathlib.Path(site.program("foreign", "old"))
    os.chown(foreign, 0, 0)
    holding(site, foreign)
    foreign.unlink()
    done = site.ckpt("checkpoint", "holds", check=False)
    if site.engine == "criu":  # no number of his in the namespace
        assert done.returncode == 1 and "deleted" in done.stderr and "DMTCP" in done.stderr, done.stdout + done.stderr
    else:
        assert done.returncode == 0, done.stderr
        site.ckpt("stop", "holds")
        site.ckpt("restart", "holds")
    to_the_end(site)


SERVER = "import socket; s = socket.create_server(('10.77.0.2', 7077)); print('ready', flush=True); kept = []\nwhile True: kept.append(s.accept())"


@pytest.fixture
def two_hosts():
    """Two network namespaces with a cable between them; a server listens in the second one, at 10.77.0.2:7077."""
    if os.getuid() != 0 or not shutil.which("ip"):
        pytest.skip("needs root and iproute2: network namespaces")
    names = [f"ckpt-{os.getpid()}-{end}" for end in "ab"]

    def ip(*words):
        subprocess.run(["ip", *words], check=True)
    server = None
    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", names[0], "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", names[1])
        for number, name in enumerate(names, 1):
            ip("-n", name, "address", "add", f"10.77.0.{number}/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
        server = subprocess.Popen(["ip", "netns", "exec", names[1], "/usr/bin/python3", "-c", SERVER], stdout=subprocess.PIPE, text=True)
        assert server.stdout.readline() == "ready\n"
        yield names[0]
    finally:
        if server:
            server.kill()
            server.communicate()
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


@pytest.mark.parametrize("engine,env", [p for p in engine_parameters() if p.values[0] != "app"])
def test_a_connection_to_another_host_is_seen_seconds_after_the_start(tmp_path, two_hosts, engine, env):
    job = Job(tmp_path, engine, [str(PROGRAMS / "hazards"), "60", "tcp:10.77.0.2:7077"], 600, env, every_seconds="off")
    runner = job.start(0, inside=["ip", "netns", "exec", two_hosts])
    try:
        def told():
            journal = job.folder / "attempts/1/journal.jsonl"
            return journal.exists() and [event for event in job.events(1) if event["kind"] == "warning"]
        warning, = wait_until(told, 60, "a warning")
        assert warning["code"] == "outside_sockets" and "10.77.0.2:7077" in warning["reason"] and warning["advice"]
    finally:
        runner.terminate()
        runner.communicate(timeout=90)
