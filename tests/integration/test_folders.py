"""A restarted process is in the folder that it was in, or there was no checkpoint to restart from."""
import os
import pathlib

import pytest

from engines import engine_fixture_parameters
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])

# argv: folders, one for the program itself and one for each child. Each says where it is until the file `end` is there.
GOES = """#!/usr/bin/python3
import os, sys, time
home, folders = os.getcwd(), sys.argv[1:]
mine = 0
for number in range(1, len(folders)):
    if os.fork() == 0:
        mine = number
        break
os.chdir(folders[mine])
while not os.path.exists(home + "/end"):
    with open(f"{home}/where-{mine}", "a") as said:
        said.write(os.getcwd() + "\\n")
    time.sleep(0.1)
if mine == 0:
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
"""


@pytest.fixture(params=[parameter for parameter in engine_fixture_parameters() if parameter.id != "app"])
def site(request):
    engine, env = request.param
    with Site(BIN, env=env) as site:
        site.engine = engine
        for folder in ("job", "job/below", "elsewhere", "elsewhere/deep", "third"):
            site._make(site.work / folder)
        yield site


def submit(site, *folders):
    program = site.program("goes.py", GOES)
    site.ckpt("submit", "-J", "goes", "--scheduler", "local", "--engine", site.engine, "--every", "off", "--chdir", site.work / "job", "--",
              program, *(site.work / folder for folder in folders))
    wait_until(lambda: all(said(site, number) for number in range(len(folders))), 60, "they are where they go to")


def said(site, number):
    path = site.work / f"job/where-{number}"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("folders", [("job",), ("job", "job/below"), ("elsewhere/deep",), ("elsewhere", "elsewhere"), ("elsewhere/deep", "job/below")],
                         ids=" ".join)
def test_a_restarted_process_is_where_it_was(site, folders):
    submit(site, *folders)
    site.ckpt("stop", "goes")
    before = [len(said(site, number)) for number in range(len(folders))]
    site.ckpt("restart", "goes")
    wait_until(lambda: all(len(said(site, number)) > before[number] + 3 for number in range(len(folders))), 60, f"they go on\n{site.evidence('goes')}")
    assert [set(said(site, number)) for number in range(len(folders))] == [{str(site.work / folder)} for folder in folders]
    (site.work / "job/end").touch()
    assert site.ckpt("wait", "goes").returncode == 0


def test_no_checkpoint_where_a_restart_would_bring_them_elsewhere(site):
    if site.engine != "dmtcp":
        pytest.skip("criu brings every process back to its folder")
    submit(site, "job", "elsewhere", "third")
    refused = site.ckpt("checkpoint", "goes", check=False)
    assert refused.returncode != 0
    told = " ".join(refused.stderr.split())
    assert str(site.work / "elsewhere") in told and "--chdir" in told, refused.stderr
    (site.work / "job/end").touch()
    assert site.ckpt("wait", "goes").returncode == 0  # it ran on
