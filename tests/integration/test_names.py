"""Names, arguments, variables and paths that nobody should use, and somebody will: each reaches the program byte for byte, none a
shell, and nothing appears outside of where it belongs. Random, from a seed that is printed; CKPT_TEST_SEED=N repeats a run."""
import base64
import http.client
import json
import os
import pathlib
import random
import shlex
import shutil
import socket
import subprocess
import tempfile

import pytest

from counting import counting_job, expected_output
from engines import engine_fixture_parameters
from slurm_cluster import SlurmCluster
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
SEED = int(os.environ.get("CKPT_TEST_SEED") or random.SystemRandom().randrange(1 << 31))

# What a shell, a path, a format, JSON, sbatch or a terminal could take for its own.
NASTY = ["$(touch {trap})", "`touch {trap}`", "; touch {trap} #", "' ; touch {trap} '", '" ; touch {trap} "', "\n#SBATCH --wrap=touch\n",
         "\ntouch {trap}\n", "| touch {trap}", "&& touch {trap}", "${{IFS}}", "$HOME", "~root", "../../..", "/../", "%j%x%u%N%%", "\\", "\\n", "-",
         "--wrap=touch {trap}", "--", "*", "?[a-z]", "{{a,b}}", "!!", "é世界", "\t \r", "=", "a=b", "'", '"', "\u202e", "\x1b]0;x\x07", "#"]

# Writes down what it was given, as bytes; holds nothing that would have to be quoted.
WITNESS = r"""#!/usr/bin/python3
import json, os, sys
b = lambda value: value.hex()
got = {"argv": [b(os.fsencode(word)) for word in sys.argv[1:]], "cwd": b(os.getcwdb()),
       "env": {b(k): b(v) for k, v in os.environb.items() if k.startswith(b"ODD_")}}
with open(os.environ["WITNESS_FILE"] + ".new", "w") as out:
    json.dump(got, out)
os.rename(os.environ["WITNESS_FILE"] + ".new", os.environ["WITNESS_FILE"])
"""


class Odd:
    """Odd values from one seed."""

    def __init__(self, seed, trap):
        self.random = random.Random(seed)
        self.trap = str(trap)

    def text(self):
        parts = [self.random.choice(NASTY).format(trap=self.trap) for _ in range(self.random.randint(1, 3))]
        return "".join(parts)

    def bytes(self):
        if self.random.random() < 0.5:
            return self.text().encode()
        return bytes(self.random.randint(1, 255) for _ in range(self.random.randint(0, 40)))

    def name_in_folder(self):
        name = self.bytes().replace(b"/", b"_").replace(b"\0", b"_")[:60]
        return name if name not in (b"", b".", b"..") else b"_"


def as_json(value):
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def ask(site, method, path, body=None):
    """One request over the daemon's socket."""
    line = http.client.HTTPConnection("localhost", timeout=60)
    line.sock = socket.socket(socket.AF_UNIX)
    line.sock.settimeout(60)
    line.sock.connect(json.loads((site.state / "endpoint.json").read_text())["socket"])
    line.request(method, path, body=None if body is None else json.dumps(body), headers={"Content-Type": "application/json"})
    answer = line.getresponse()
    return answer.status, json.loads(answer.read())


def outside(site):
    """Every name that a job could have made where it should not: beside the work folder and in the store's own folders."""
    return sorted(str(path) for folder in (site.root, site.root / "home", site.store, site.store / "jobs") for path in folder.iterdir()
                  if path.name not in ("work", "run"))


def submit_odd(site, odd, number, witness, **more):
    """Submits one job with odd everything; returns (job id, what the witness must have seen, its file)."""
    folder = os.fsencode(site.work) + b"/" + odd.name_in_folder() + str(number).encode()
    os.mkdir(folder, 0o700)
    os.chown(folder, site.account.pw_uid, site.account.pw_gid)
    file = site.work / f"witness.{number}"
    argv = [odd.bytes() for _ in range(odd.random.randint(0, 4))]
    env = {f"ODD_{i}": odd.bytes() for i in range(3)}
    body = {"argv": [str(witness), *map(as_json, argv)], "cwd": as_json(folder), "name": f"{odd.text()}{number}",
            "env": {"PATH": "/usr/bin:/bin", "WITNESS_FILE": str(file), **{k: as_json(v) for k, v in env.items()}},
            "engine": "app", "app": {"signal": "USR1"}, # Literally: %x would put the job's name there, slashes and all.
            "stdout_path": as_json(odd.name_in_folder().replace(b"%", b"%%") + b".out"),
            "policy": {"ckpt_files": [as_json(odd.bytes() or b"x")], "append_files": [as_json(odd.bytes() or b"y")],
                       "tags": {odd.text(): odd.text()}}, **more}
    status, job = ask(site, "POST", "/v1/jobs", body)
    expected = {"argv": [word.hex() for word in argv], "cwd": folder.hex(), "env": {k.encode().hex(): v.hex() for k, v in env.items()}}
    return status, job, expected, file, body


def check_all(site, odd, rounds, timeout, **more):
    witness = site.program("witness.py", WITNESS)
    site.ckpt("daemon", "start")
    running = []
    for number in range(rounds):
        status, job, expected, file, body = submit_odd(site, odd, number, witness, **more)
        if status >= 400:  # what cannot be kept is refused, not changed
            assert status in (400, 409, 422) and job["code"], (job, body)
            continue
        running.append((job["id"], expected, file, body))
    assert len(running) > rounds // 2, "most of it is unusual, not wrong"
    for job, expected, file, body in running:
        site.wait_state(job, ("completed",), timeout)
        assert json.loads(file.read_text()) == expected, (SEED, body)
        view = ask(site, "GET", f"/v1/jobs/{job}")[1]
        assert view["name"] == body["name"] and view["tags"] == body["policy"]["tags"]
        shown = site.ckpt("show", job).stdout + site.ckpt("ls", "--all").stdout
        assert "\x1b" not in shown and "\u202e" not in shown, "a name does not speak to the terminal"
    return running


def test_odd_values_on_this_machine(capsys):
    with capsys.disabled():
        print(f"\nCKPT_TEST_SEED={SEED}")
    # The folders of the site too: their paths stand in scripts and command lines.
    with Site(BIN, env={}) as site:
        trap = site.root / "home" / "trap"
        odd = Odd(SEED, trap)
        site.env["CKPTD_STORE"] = str(site.root / "home" / "a 'store' \"$(touch trap)\" `x`;\n#SBATCH -N 9\n%j é")
        site.store = pathlib.Path(site.env["CKPTD_STORE"])
        check_all(site, odd, 25, 120)
        assert not trap.exists() and not list(site.root.rglob("trap")), SEED
        names = {path.name for path in (site.store / "jobs").iterdir()}
        assert all(name.startswith("j-") and name[2:].isdigit() for name in names), names


def test_odd_values_under_slurm(capsys):
    with capsys.disabled():
        print(f"\nCKPT_TEST_SEED={SEED}")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-names-", dir="/tmp"))
    folder.chmod(0o755)
    config = '[poll]\npending = "1s"\nrunning = "2s"\n'
    with SlurmCluster(folder / "cluster", nodes=1) as cluster, Site(BIN, cluster=cluster, folder=folder / "site", config=config) as site:
        trap = site.root / "home" / "trap"
        odd = Odd(SEED + 1, trap)
        running = check_all(site, odd, 12, 240, sbatch_args=[f"--comment={odd.text()}"])
        assert not list(site.root.rglob("trap")), SEED
        assert running
    shutil.rmtree(folder, ignore_errors=True)


def test_a_batch_script_says_to_bash_what_was_meant(tmp_path):
    """The script as the daemon writes it, run by a real bash and a real dash, with a runner that only says what it was told."""
    with Site(BIN, env={}) as site:
        odd = Odd(SEED, site.root / "home" / "trap")
        site.env["CKPTD_STORE"] = str(site.root / "home" / ("st'ore " + odd.text().replace("/", "_").replace("\0", "")[:80]))
        words, argv = counting_job(site, "app", 3, pause=0.1)
        site.ckpt("run", *words, "--", *argv)
        store = pathlib.Path(site.env["CKPTD_STORE"])
        script = next(store.glob("jobs/j-*/submissions/*/batch.sh"))
        runner = next(store.glob("bin/*/ckpt-runner"))
        runner.write_bytes(b"#!/bin/sh\nprintf '%s\\0' \"$@\"\n")
        for shell in ("bash", "dash"):
            said = subprocess.run([shell, script], capture_output=True, check=True).stdout.split(b"\0")
            assert said[:3] == [b"run", b"--job", os.fsencode(script.parents[2])] and said[3] == b"--token"
        assert shlex.split(script.read_text(), comments=True)[-1] == script.parent.name


@pytest.mark.parametrize("engine", [p for p in engine_fixture_parameters() if p.id not in ("app", "criu")])
def test_the_restart_script_of_dmtcp_is_never_run(engine):
    """It holds what the program said of itself, inside double quotes. Ours are built from our own records."""
    kind, env = engine
    with Site(BIN, env=env) as site:
        words, argv = counting_job(site, kind, 80, pause=0.1)
        site.ckpt("submit", "-J", "scripted", "--output", "out.txt", *words, "--", *argv)
        site.wait_state("scripted", "running", 60)
        site.ckpt("stop", "scripted", timeout=120)
        site.wait_state("scripted", "parked", 60)
        trap = site.root / "home" / "trap"
        scripts = list(site.store.rglob("*restart_script*"))
        for script in scripts:
            script.unlink()
            script.write_text(f"#!/bin/sh\ntouch {trap}\n")
            script.chmod(0o755)
        site.ckpt("restart", "scripted")
        site.wait_state("scripted", "completed", 120)
        assert (site.work / "out.txt").read_text() == expected_output(80)
        assert not trap.exists()
