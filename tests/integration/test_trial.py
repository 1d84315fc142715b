"""`ckpt trial`: whether a program can be checkpointed here, by which engine, and why not. Real engines, no Slurm."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import threading

import pytest

from counting import COUNT
from engines import engine_parameters
from usersite import Site

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])

# Connected to a listener, to which it sends and from which it reads, all the time.
CONNECTED = """#!/usr/bin/python3
import socket, sys, time
other = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for step in range(1000):
    other.sendall(b"x")
    other.recv(1)
    print(step, flush=True)
    time.sleep(0.1)
"""


def machine():
    """The environment that leads to every engine of this machine, and their names."""
    env, engines = {}, []
    for parameter in engine_parameters():
        engine, more = parameter.values
        if engine != "app" and not parameter.marks and engine not in engines:
            env.update(more)
            engines.append(engine)
    return env, engines


ENV, ENGINES = machine()
pytestmark = pytest.mark.skipif(not ENGINES, reason="no engine on this machine")


@pytest.fixture(scope="module")
def site():
    with Site(BIN, env=ENV) as place:
        yield place


def trial(site, *words, time="6s"):
    done = site.ckpt("trial", "--json", "--time", time, "--", *words, check=False, timeout=300)
    answer = json.loads(done.stdout)
    return done.returncode, answer, {one["engine"]: one for one in answer.get("engines", [])}


def nothing_is_left(site):
    assert not [path for path in pathlib.Path("/tmp").glob("ckpt-trial-*") if path.stat().st_uid == site.account.pw_uid], "folders of trials"
    if site.made_user:
        assert not site.processes()
    assert not site.state.exists() or not list(site.state.glob("registry.db")), "the person's own registry"


def test_an_ordinary_program_is_carried_by_every_engine(site):
    status, answer, engines = trial(site, site.program("count.py", COUNT), 100000, 0, 1, 0.05)
    assert status == 0, answer
    assert set(engines) == {"dmtcp", "criu"}
    for engine in ENGINES:
        one = engines[engine]
        assert one["carried"], answer
        assert one["output"]["same"] and one["output"]["compared_bytes"] > 100 and one["output"]["behind_restart"], answer
        assert one["bytes"] > 1 << 20 and one["blocked_seconds"] > 0
    assert answer["command"].startswith(f"ckpt submit --engine {answer['carried_by']} -- ")
    nothing_is_left(site)


def test_a_program_that_ends_by_itself_keeps_its_status(site):
    status, answer, engines = trial(site, site.program("count.py", COUNT), 200, 7, 1, 0.05, time="60s")
    assert status == 0, answer
    assert answer["undisturbed"]["ended"] and answer["undisturbed"]["exit_code"] == 7
    assert all(engines[engine]["exit_code"] == 7 for engine in ENGINES), answer


def test_one_that_ends_too_fast_is_told_so(site):
    status, answer, engines = trial(site, "/bin/true")
    assert (status, answer["too_fast"], engines) == (6, True, {})
    text = site.ckpt("trial", "--time", "5s", "--", "/bin/false", check=False)
    assert text.returncode == 6 and "with exit status 1" in text.stdout and "too soon" in text.stdout
    nothing_is_left(site)


def test_what_it_said_at_last_is_shown(site):
    site.program("needs.sh", "#!/bin/sh\necho started\necho 'cannot open input.dat' >&2\nexit 2\n")
    status, answer, _ = trial(site, "./needs.sh")
    assert status == 6 and answer["undisturbed"]["last_lines"] == ["cannot open input.dat"], answer
    text = site.ckpt("trial", "--time", "5s", "--", "./needs.sh", check=False)
    assert "with exit status 2" in text.stdout and "  | cannot open input.dat\n" in text.stdout, text.stdout
    # Fails from the second time on: what it said under an engine stands there.
    site.program("once.sh", "#!/bin/sh\nif [ -e been ]; then echo 'been here before'; exit 3; fi\ntouch been\nexec sleep 100\n")
    status, answer, engines = trial(site, "./once.sh", time="4s")
    assert status == 6, answer
    for engine in ENGINES:
        assert engines[engine]["last_lines"] == ["been here before"] and "exit status 3" in engines[engine]["reason"], answer
    nothing_is_left(site)


@pytest.mark.skipif(not shutil.which("gcc"), reason="no compiler for a static program")
def test_a_static_program_is_nothing_for_dmtcp(site, tmp_path):
    source = tmp_path / "static.c"
    source.write_text('#include <stdio.h>\n#include <unistd.h>\nint main(void) {\n  for (int i = 0; i < 100000; i++) {\n'
                      '    printf("%d\\n", i);\n    fflush(stdout);\n    usleep(50000);\n  }\n}\n')
    binary = site.work / "static"
    subprocess.run(["gcc", "-static", "-O1", "-o", binary, source], check=True)
    os.chmod(binary, 0o755)
    status, answer, engines = trial(site, binary)
    if "dmtcp" in ENGINES:
        assert not engines["dmtcp"]["carried"] and engines["dmtcp"]["step"] == "start", answer
        assert "static" in engines["dmtcp"]["reason"] and "criu" in engines["dmtcp"]["advice"], answer
    if "criu" in ENGINES:
        assert status == 0 and answer["carried_by"] == "criu", answer
    else:
        assert status == 6


def test_a_connection_to_outside_is_named(site):
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                other, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(other,), daemon=True).start()

    def echo(other):
        try:
            while other.recv(1):
                other.sendall(b"y")
        except OSError:
            pass

    threading.Thread(target=serve, daemon=True).start()
    status, answer, engines = trial(site, site.program("connected.py", CONNECTED), listener.getsockname()[1], time="10s")
    listener.close()
    if "criu" in ENGINES:
        assert not engines["criu"]["carried"], answer
        assert any(w["code"] == "node_sockets" for w in engines["criu"]["warnings"]), answer
    if "dmtcp" in ENGINES:
        # Carried or not: a dead connection is what such a program has to live with, and that is said.
        assert engines["dmtcp"]["carried"] is False or any(w["code"] == "node_sockets" for w in engines["dmtcp"]["warnings"]), answer
    assert status in (0, 6)
    nothing_is_left(site)


def test_what_cannot_be_tried_is_a_usage_error(site):
    for words in (["--engine", "app", "--", "/bin/true"], ["--time", "1s", "--", "/bin/true"], ["--time", "30", "--", "/bin/true"]):
        assert site.ckpt("trial", *words, check=False).returncode == 2
    done = site.ckpt("trial", "--", "/no/such/program", check=False)
    assert done.returncode in (2, 3) and "no/such/program" in done.stderr
