"""The daemon removes what policy does not keep of a job that has no runner to do it."""
import json
import os
import pathlib
import re

from counting import counting_job, expected_output
from engines import engine_parameters
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
ENGINE, ENGINE_ENV = engine_parameters()[0].values
CONFIG = """
[limits]
lease = "4s"
[poll]
lease = "1s"
"""


def test_parked_job_is_pruned_to_its_policy_and_goes_on():
    with Site(BIN, env=ENGINE_ENV, config=CONFIG) as site:
        out = site.work / "out"
        chosen, argv = counting_job(site, ENGINE, 150)
        words = site.ckpt("submit", "--every", "off", "--keep", "5", "--output", out, *chosen, "--", *argv).stdout
        job = re.search(r"j-\d+", words).group()
        site.wait_state(job, "running", 40)
        for _ in range(3):
            site.ckpt("checkpoint", job)
        site.ckpt("stop", job)
        site.wait_state(job, "parked", 40)

        def sealed():
            return [g["id"] for g in site.json("gens", job)["items"] if g["state"] == "sealed"]

        assert sealed() == ["g1", "g2", "g3", "g4"]
        # With the daemon away the wish changes; what it finds when it is back, it brings into line.
        site.ckpt("daemon", "stop")
        policy_file = site.store / f"jobs/{job}/policy.json"
        policy = json.loads(policy_file.read_text())
        policy["keep"], policy["revision"] = 1, policy.get("revision", 1) + 1
        policy_file.write_text(json.dumps(policy))
        site.ckpt("daemon", "start")
        wait_until(lambda: sealed() == ["g4"], 40, "only the newest is left\n" + site.evidence(job))
        assert "keep 1" in site.ckpt("events", job).stdout

        def images():
            return sorted(p for p in (site.store / f"jobs/{job}/attempts").rglob("*") if p.is_file() and "/images/" in str(p))
        manifest = json.loads((site.store / f"jobs/{job}/generations/g4/manifest.json").read_text())
        wait_until(lambda: len(images()) == len(manifest["images"]), 20, f"no image of the others: {images()}")
        refused = site.ckpt("restart", job, "--generation", "g1", check=False)
        assert refused.returncode == 4 and "pruned" in refused.stderr, refused.stderr
        site.ckpt("restart", job)
        ended = site.wait_state(job, ["completed", "failed", "parked"], 60)
        assert ended["state"] == "completed" and out.read_text() == expected_output(150), site.evidence(job)
