"""What another ordinary user of the same machine can see, reach, guess or spoil: nothing. As root, who makes both users."""
import base64
import http.client
import json
import os
import pathlib
import subprocess
import urllib.parse

import pytest

from counting import counting_job, expected_output
from engines import engine_fixture_parameters
from stranger import Stranger, exposed
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
SECRET = "hunter2-of-the-environment"

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="a second user: only root can make one")


@pytest.fixture(scope="module")
def stranger():
    with Stranger() as stranger:
        yield stranger


def open_up(site):
    """The folders around ours are open to all: only what ckptd makes itself may keep strangers out."""
    for folder in (site.root, site.root / "home", site.work, site.root / "run"):
        folder.chmod(0o755)


def left_in_tmp(site):
    return [entry.path for entry in os.scandir("/tmp") if owner(entry.path) == site.account.pw_uid]


def owner(path):
    try:
        return os.lstat(path).st_uid
    except FileNotFoundError:  # somebody else's, and gone meanwhile
        return None


def command_lines(site):
    return "\n".join(site.processes().values())


def endpoint(site):
    return json.loads((site.state / "endpoint.json").read_text())


# A person's own umask decides over their own files, never over ours.
@pytest.mark.parametrize("mask", [0o000, 0o077], ids=["umask-000", "umask-077"])
@pytest.mark.parametrize("engine", engine_fixture_parameters())
def test_nothing_is_open_to_others(stranger, engine, mask):
    kind, env = engine
    with Site(BIN, env={**env, "MY_API_TOKEN": SECRET}) as site:
        open_up(site)
        before = set(left_in_tmp(site))  # of an earlier user with the same number
        words, argv = counting_job(site, kind, 3000, pause=0.05)
        submit = ["submit", "-J", "watched", "--every", "3s", "--output", "out.txt", *words, "--", *argv]
        site.ckpt(*submit, umask=mask)
        site.wait_state("watched", "running", 60)
        site.ckpt("checkpoint", "watched", timeout=120, umask=mask)
        site.ckpt("checkpoint", "watched", timeout=120, umask=mask)
        where = endpoint(site)
        token = (site.state / "token").read_text().strip()

        # Modes, everything that was made until now: state, store (images too), socket, temporary folders.
        temporary = set(left_in_tmp(site)) - before
        places = [site.state, site.store, pathlib.Path(where["socket"]).parent, *temporary]
        for place in places:
            assert exposed(place, site.account.pw_uid) == []
        assert (site.work / "out.txt").stat().st_mode & 0o777 == 0o666 & ~mask, "the user's own file has the user's mask"
        assert any(".dmtcp" in str(p) or p.suffix in (".img", ".zst") for p in site.store.rglob("*")) or kind == "app"

        # The stranger knows every name and tries each: sockets, files, folders.
        names = [path for place in places for path in [pathlib.Path(place), *pathlib.Path(place).rglob("*")]]
        assert stranger.what_works(names) == []
        of_processes = [f"/proc/{pid}/{name}" for pid in site.processes()
                        for name in ("environ", "maps", "fd", "cwd", "root", "mem", "task")]
        seen = [found for found in stranger.what_works(of_processes)
                if not found[0].startswith(("look at ", "list ")) or "/task" not in found[0]]
        assert seen == [], "only the number of threads is public"

        # What anybody can see of a process is its command line.
        lines = command_lines(site)
        assert "ckpt-runner" in lines and "ckptd" in lines
        assert token not in lines and SECRET not in lines
        assert token not in json.dumps(site.json("daemon", "status"))

        # TCP on loopback is open to connect; it wants the token, whatever else is right.
        host, port = where["tcp"].split(":")

        def ask(headers, path="/v1/jobs", method="GET"):
            line = http.client.HTTPConnection(host, int(port), timeout=10)
            line.request(method, path, headers=headers)
            answer = line.getresponse()
            return answer.status, answer.read()

        wrong = [{}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {token[:-1]}"}, {"Authorization": f"Bearer {token}0"},
                 {"Authorization": f"Basic {base64.b64encode(f':{token}'.encode()).decode()}"}, {"Authorization": token},
                 {"Cookie": f"token={token}"}]
        for headers in wrong:
            status, body = ask(headers)
            assert status == 401 and token.encode() not in body and b"watched" not in body
        assert ask({}, "/v1/jobs?" + urllib.parse.urlencode({"token": token}))[0] == 401
        assert ask({"Host": "evil.example", "Authorization": f"Bearer {token}"})[0] == 421, "a name that a stranger's DNS points at us"
        status, body = ask({"Authorization": f"Bearer {token}"})
        assert status == 200 and b"watched" in body, "the right one is let in: the refusals above mean something"
        assert SECRET.encode() not in body
        for log in [*site.state.glob("*.log"), *site.store.rglob("*.log")]:
            assert token not in log.read_text(errors="replace")
            assert SECRET not in log.read_text(errors="replace"), log

        site.ckpt("cancel", "watched", umask=mask)
        site.wait_state("watched", "cancelled", 60)
        for place in (site.state, site.store):
            assert exposed(place, site.account.pw_uid) == []
        site.ckpt("daemon", "stop")
        # A cancelled runner cannot know that no attempt follows: the job's own folder stays, closed.
        own = os.readlink(site.store / "jobs" / "j-1" / "tmpdir")
        wait_until(lambda: set(left_in_tmp(site)) - before <= {own}, 20, f"left in /tmp: {set(left_in_tmp(site)) - before}")
        assert exposed(own, site.account.pw_uid) == []
        subprocess.run(["rm", "-rf", "--", own], check=True)


@pytest.mark.parametrize("kind", ["folder", "link", "file"])
def test_a_stranger_sits_on_the_socket_folders_name(stranger, kind):
    # Without $XDG_RUNTIME_DIR the folder has a name in /tmp that anybody can work out.
    with Site(BIN, env={"XDG_RUNTIME_DIR": ""}) as site:
        site.ckpt("daemon", "start")
        folder = pathlib.Path(endpoint(site)["socket"]).parent
        assert folder.parent == pathlib.Path("/tmp")
        site.ckpt("daemon", "stop")
        subprocess.run(["rm", "-rf", folder], check=True)
        stranger.make(folder, kind)
        try:
            site.ckpt("daemon", "start")
            other = pathlib.Path(endpoint(site)["socket"]).parent
            assert other != folder and other.lstat().st_uid == site.account.pw_uid
            assert site.ckpt("ls").returncode == 0
            assert not list(pathlib.Path(str(folder) + ".trap").glob("*")) and (kind != "folder" or not list(folder.iterdir()))
        finally:
            site.ckpt("daemon", "stop", check=False)
            stranger.unmake(folder)
            subprocess.run(["rm", "-rf", other], check=True)


def test_a_runtime_folder_that_others_can_write_is_not_used(stranger):
    with Site(BIN) as site:
        (site.root / "run").chmod(0o777)
        site.ckpt("daemon", "start")
        folder = pathlib.Path(endpoint(site)["socket"]).parent
        assert folder.parent == pathlib.Path("/tmp"), "a stranger could rename ours and put up another"
        site.ckpt("daemon", "stop")


def test_the_client_does_not_speak_to_a_strangers_socket(stranger):
    with Site(BIN, env={"XDG_RUNTIME_DIR": ""}) as site:
        site.ckpt("daemon", "start")
        folder = pathlib.Path(endpoint(site)["socket"]).parent
        subprocess.run(["rm", "-rf", folder], check=True)
        stranger.make(folder, "folder")
        try:
            done = site.ckpt("ls", check=False)
            assert done.returncode != 0 and str(folder) in done.stderr, done.stderr
        finally:
            site.ckpt("daemon", "stop", check=False)
            stranger.unmake(folder)


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_stranger_sits_on_the_jobs_temporary_folder(stranger, kind):
    with Site(BIN) as site:
        words, argv = counting_job(site, "app", 60, pause=0.2)
        site.ckpt("submit", "-J", "moved", "--output", "out.txt", *words, "--", *argv)
        site.wait_state("moved", "running", 60)
        job = site.store / "jobs" / site.job("moved")["id"]
        folder = pathlib.Path(os.readlink(wait_until(lambda: (job / "tmpdir").is_symlink() and job / "tmpdir", 20, "it is made")))
        assert folder.is_dir() and folder.lstat().st_mode & 0o777 == 0o700
        site.ckpt("stop", "moved")
        site.wait_state("moved", "parked", 60)
        # The name was there to be seen for the whole first attempt.
        subprocess.run(["rm", "-rf", folder], check=True)
        stranger.make(folder, kind)
        site.ckpt("restart", "moved")
        parked = site.wait_state("moved", "parked", 60)
        assert str(folder) in parked["reason"] and "not ours" in parked["reason"], parked["reason"]
        assert not list(folder.iterdir()), "nothing was written there"
        stranger.unmake(folder)
        site.ckpt("restart", "moved")
        assert site.wait_state("moved", "completed", 60)["exit_code"] == 0
        assert (site.work / "out.txt").read_text() == expected_output(60)
        assert not folder.exists()


@pytest.mark.parametrize("which", ["state", "store", "jobs"])
def test_a_folder_of_anothers_is_not_used(stranger, which):
    """Who owns a folder can rename what lies in it: a database, a runner, a batch script of their own."""
    with Site(BIN) as site:
        (site.root / "home").chmod(0o777)
        path = {"state": site.state, "store": site.store, "jobs": site.store / "jobs"}[which]
        if which == "jobs":
            site._make(site.store)
            site.store.chmod(0o777)
        stranger.make(path, "folder")
        done = site.ckpt("daemon", "start", check=False)
        assert done.returncode == 5 and "belongs to another user" in " ".join(done.stderr.split()), done.stderr
        assert not (path / "token").exists() and not (path / "registry.db").exists()


def test_folders_that_were_open_are_closed(stranger):
    with Site(BIN) as site:
        open_up(site)
        for folder in (site.state, site.store, site.store / "jobs"):
            site._make(folder)
            folder.chmod(0o777)
        site.ckpt("daemon", "start")
        for folder in (site.state, site.store):
            assert exposed(folder, site.account.pw_uid) == []


@pytest.mark.parametrize("engine", [p for p in engine_fixture_parameters() if p.id not in ("app", "criu")])
def test_a_stranger_at_dmtcps_coordinator(stranger, engine):
    """It asks nobody who they are: what a stranger's `-k` would do is end the program, with exit status 0."""
    kind, env = engine
    with Site(BIN, env=env) as site:
        words, argv = counting_job(site, kind, 150, pause=0.1)
        site.ckpt("submit", "-J", "guarded", "--every", "off", "--output", "out.txt", *words, "--", *argv)
        site.wait_state("guarded", "running", 60)
        note = site.store / "jobs/j-1/attempts/1/coordinator.json"
        wait_until(note.exists, 30, "the coordinator is known")
        port = json.loads(note.read_text())["port"]
        command = pathlib.Path(env["CKPT_DMTCP_ROOT"]) / "bin/dmtcp_command"
        for wish in (["-s"], ["-l"], ["-i", "5"], ["-c"], ["-bc"], ["-kc"], ["-k"], ["-q"]):
            done = stranger.run("timeout", 10, command, "-h", "127.0.0.1", "-p", port, *wish, env={"DMTCP_TMPDIR": "/dev/shm"})
            assert "NUM_PEERS" not in done.stdout and "count.py" not in done.stdout and "python" not in done.stdout, done.stdout
        # One that only holds the line, and one that has gone before anybody can look whose it was.
        stranger.python("""
import socket, sys, time
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(5)]
for line in held:
    try:
        line.sendall(b"x" * 18)
    except OSError:
        pass
for _ in range(50):
    gone = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    gone.close()
time.sleep(1)
""", str(port))
        site.ckpt("checkpoint", "guarded", timeout=120)
        generations = site.json("gens", "guarded")["items"]
        assert [g["trigger"] for g in generations if g["state"] == "sealed"][-1] == "manual"
        assert len(list((note.parent / "images").glob("ckpt_*"))) == len(generations), "no checkpoint that nobody of ours asked for"
        wait_until(lambda: "turned away" in json.dumps(site.json("events", "guarded")), 30, "it is told")
        job = site.wait_state("guarded", "completed", 120)
        assert job["exit_code"] == 0 and job["attempts_count"] == 1
        assert (site.work / "out.txt").read_text() == expected_output(150)
