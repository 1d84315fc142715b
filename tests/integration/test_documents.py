"""What the documentation tells people to type, typed; and what there is too much of, read by the real parser."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from documents import PAGES, ROOT, blocks, ckpt_in_blocks, ckpt_in_text, steps
from engines import engine_fixture_parameters
from slurm_cluster import SlurmCluster
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
DOCS = ROOT / "docs"


def engine_environment():
    """Of the first engine that carries an unmodified program."""
    env = next((p.values[0][1] for p in reversed(engine_fixture_parameters()) if not p.marks and p.values[0][0] != "app"), None)
    if env is None:
        pytest.skip("no engine that checkpoints an unmodified program")
    return env


@pytest.fixture
def site():
    with Site(BIN, env=engine_environment()) as place:
        place.ckpt("daemon", "start")
        yield place


def test_the_api_page(site):
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    script = "set -euo pipefail\nset -x\n" + "\n".join(blocks(DOCS / "api.md"))
    done = site.run("bash", "-c", script, timeout=180)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "\n304\n" in "\n" + done.stdout


def test_the_commands_of_the_readme(site):
    """Those for one job, in their order, as somebody with only that page would type them."""
    site.program("simulate", "#!/bin/sh\nstep=0\nwhile sleep 0.2; do echo step $((step += 1)); done\n")
    (begin,) = [block for block in blocks(ROOT / "README.md") if "ckpt submit" in block]
    (later,) = [block for block in blocks(ROOT / "README.md") if "ckpt rm" in block]
    for line in (line for line in begin.splitlines() if line.startswith(("ckpt doctor", "ckpt submit"))):
        site.run("bash", "-c", line, check=True)
    for line in later.splitlines():
        if line.startswith(("ckpt checkpoint", "ckpt logs", "ckpt cancel")):
            site.wait_state("simulation", "running", 120)
            wait_until(lambda: site.ckpt("logs", "simulation").stdout, 60, "its first line")
        done = site.run("bash", "-c", line, check=True)
        assert done.stdout, f"{line}\n{done.stderr}"
    assert site.json("ls", "--all")["items"] == []


# Tests look closely; the defaults spare a shared controller.
CONFIG = '[poll]\npending = "2s"\nrunning = "10s"\n'


@pytest.fixture
def folder():
    """One that other users can reach, with a short path."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="ckptd-hour-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_the_first_hour(folder):
    """docs/tutorial.md as an ordinary user on a real Slurm, block by block; a remark tells what a person would wait for."""
    env = dict(engine_environment())
    if env.get("CKPT_CRIU"):
        shutil.copytree(pathlib.Path(env["CKPT_CRIU"]).resolve().parents[1], folder / "criu", symlinks=True)
        env["CKPT_CRIU"] = str(folder / "criu/bin" / pathlib.Path(env["CKPT_CRIU"]).name)
    said = ""
    with SlurmCluster(folder / "cluster", nodes=2, cred_expire=120, kill_wait=30) as cluster, \
            Site(BIN, cluster=cluster, folder=folder / "person", env=env, config=CONFIG) as place:
        todo = steps(DOCS / "tutorial.md")
        for at, (kind, text) in enumerate(todo):
            if kind == "remark":
                if words := re.fullmatch(r"until (\w+) (\w+)", text):
                    place.wait_state(words[1], words[2], 120)
                continue
            if todo[at + 1:at + 2] == [("remark", "above is another test's")]:
                continue
            done = place.run("bash", "-euo", "pipefail", "-c", text, timeout=400)
            said += done.stdout + done.stderr
            assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}\n{place.evidence('first')}"
        assert not place.json("ls", "--all")["items"]
        outputs = [path.read_text() for path in place.work.glob("slurm-*.out")]
    whole = "".join(f"step {step}: total {step * (step + 1) // 2}\n" for step in range(1, 101))
    assert whole in outputs  # of `long`, over two allocations at least
    for expected in ("Nothing is wrong here", "g1 sealed: ", "j-1 stopped: parked at g", "restarted by the user from g1", "it ended with 2",
                     "can't open file", "step 100: total 5050", "end of the allocation"):
        assert expected in said, said


def parses(words):
    done = subprocess.run([BIN / "ckpt", "__parse", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return "" if done.returncode == 0 else f"ckpt {' '.join(words)}\n    {done.stderr.strip()}"


def test_every_command_that_the_documentation_names_is_one():
    calls = {(page.name, *words) for page in PAGES for words in [*ckpt_in_blocks(page), *ckpt_in_text(page)]}
    assert len(calls) > 60, calls
    wrong = [f"{page}: {error}" for page, *words in sorted(calls) if (error := parses(words))]
    assert not wrong, "\n".join(wrong)
    assert parses(["chekpoint"]) and parses(["ls", "--al"]) and parses(["submit", "--total-time", "30", "--", "x"]) and not parses(["ls"])


def test_scripts_that_the_documentation_names_are_there():
    for page in PAGES:
        for name in re.findall(r"(?<![\w/.])scripts/[\w-]+", page.read_text()):
            assert (ROOT / name).exists(), f"{page.name}: {name}"


def test_configurations_in_the_documentation_are_taken(tmp_path):
    found = [(page, block) for page in PAGES for block in blocks(page, "toml")]
    assert found
    for page, block in found:
        (tmp_path / "config.toml").write_text(block)
        done = subprocess.run([BIN / "ckpt", "config", "show"], env={**os.environ, "CKPTD_CONFIG": str(tmp_path / "config.toml"),
                                                                      "CKPTD_STATE_DIR": str(tmp_path / "state")},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, f"{page.name}: {block}\n{done.stderr}"
        assert " file " in done.stdout, done.stdout
