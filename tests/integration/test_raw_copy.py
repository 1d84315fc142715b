"""`ckpt gens JOB --raw FOLDER`: the images as the engine wrote them, for a person who goes on without us."""
import json
import os
import pathlib

import pytest

from counting import expected_output
from engines import engine_fixture_parameters
from test_commands import BIN, runs, submit
from usersite import Site, wait_until


@pytest.fixture(scope="module", params=engine_fixture_parameters())
def place(request):
    engine, env = request.param
    with Site(BIN, env=env) as site:
        yield engine, site


BY_HAND = """
root=$1 port=$2; shift 2
"$root/bin/dmtcp_coordinator" --daemon --exit-on-last -q --coord-port 0 --port-file "$port" --stale-timeout 100
while [ ! -s "$port" ]; do sleep 0.1; done
exec "$root/bin/dmtcp_restart" -q -q -j -h 127.0.0.1 -p "$(cat "$port")" "$@"
"""


def restarted_by_hand(site, root, images):
    """By DMTCP's own programs, as its users do it."""
    done = site.run("sh", "-c", BY_HAND, "sh", root, images[0].parent / "port", *images, timeout=120)
    return done.returncode, done.stdout


def test_raw_copies_are_what_the_engine_wrote(place):
    engine, site = place
    job, out = submit(place, 150, "--keep", "5", name="raw", status=7)
    runs(site, job, out)
    site.ckpt("checkpoint", job)
    shown = site.json("gens", job)["items"]
    newest = [one for one in shown if one["state"] == "sealed"][-1]
    manifest = site.store / f"jobs/{job}/generations/{newest['id']}/manifest.json"
    wait_until(lambda: json.loads(manifest.read_text())["revision"] > 1 or engine == "app", 30, "it was packed")
    site.ckpt("cancel", job)
    folder = site.work / "raw copies"
    site._make(folder.parent)
    said = site.ckpt("gens", job, newest["id"], "--raw", folder).stdout  # a proof checkpoint may be newer
    assert newest["id"] in said and str(folder) in said and engine in said
    sealed = json.loads(manifest.read_text())
    sizes = sorted([image["raw_bytes"] for image in sealed["images"]] + [saved["stored"]["raw_bytes"] for saved in sealed["saved"]])
    copies = sorted(path for path in folder.rglob("*") if path.is_file())
    assert sorted(path.stat().st_size for path in copies) == sizes
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in copies)

    again = site.ckpt("gens", job, newest["id"], "--raw", folder, check=False)
    assert again.returncode == 4 and "is there already" in " ".join(again.stderr.split())
    assert site.ckpt("gens", job, "g99", "--raw", folder, check=False).returncode == 3
    assert site.ckpt("gens", job, "g1", check=False).returncode == 2
    last = [one["id"] for one in site.json("gens", job)["items"] if one["state"] == "sealed"][-1]
    assert site.json("gens", job, "--raw", site.work / "second")["id"] == last

    if engine == "dmtcp":
        images = [path for path in copies if path.suffix == ".dmtcp"]
        status, printed = restarted_by_hand(site, site.env["CKPT_DMTCP_ROOT"], images)
        assert status == 7, printed
        assert (out.read_text() + printed).endswith(expected_output(150).splitlines()[-1] + "\n")
