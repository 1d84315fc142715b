"""The dashboard in a headless Chromium, against a real daemon with real jobs; and the tests of its pure logic.

The scenarios are in tests/dashboard/e2e; what is skipped says why.
"""
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import urllib.request

import pytest

from counting import counting_job
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "client/dashboard"
TESTS = ROOT / "tests/dashboard"
LONG = 100_000  # steps; ended by the test


@pytest.fixture(scope="module")
def packages():
    """A folder with what package-lock.json names; kept beside the build, so that it is fetched once."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            pytest.skip(f"there is no {program}: scripts/install-deps test")
    place = BIN.parent / "dashboard-tests"
    if not os.access(BIN.parent, os.W_OK):
        place = pathlib.Path(tempfile.gettempdir()) / f"ckptd-dashboard-tests-{os.getuid()}"
    place.mkdir(exist_ok=True)
    lock = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()
    stamp = place / "packages.stamp"
    if not stamp.exists() or stamp.read_text() != lock:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCE / name, place / name)
        done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=place, text=True, capture_output=True, timeout=600)
        if done.returncode != 0:
            pytest.skip(f"npm cannot fetch the packages of the tests: {done.stderr.strip()[-300:]}")
        stamp.write_text(lock)
    return place


def node(*words, timeout=400, **env):
    return subprocess.run(["node", *map(str, words)], env={**os.environ, **env}, text=True, capture_output=True, timeout=timeout)


def test_pure_logic(packages):
    done = node(TESTS / "unit.mjs", packages)
    assert done.returncode == 0, done.stdout + done.stderr


def test_types(packages):
    """The bundler takes the types away unread: here they are read."""
    config = json.loads((SOURCE / "tsconfig.json").read_text())
    config["compilerOptions"]["preserveSymlinks"] = True  # as if the packages lay beside the sources
    (packages / "tsconfig.json").write_text(json.dumps(config))
    link = packages / "src"
    link.unlink(missing_ok=True)
    link.symlink_to(SOURCE / "src")
    done = node(packages / "node_modules/typescript/bin/tsc", "-p", packages)
    assert done.returncode == 0, done.stdout


class Jobs:
    """A site, and the jobs that the scenarios look at."""

    def __init__(self, site):
        self.site = site

    def submit(self, name, steps=LONG, *options, status=0):
        chosen, argv = counting_job(self.site, "app", steps, status)
        out = self.site.work / f"{name}.out"
        words = self.site.ckpt("submit", "-J", name, "--every", "off", "--keep", "9", "--output", out, *options, *chosen, "--", *argv).stdout
        return re.search(r"j-\d+", words).group()

    def running(self, name):
        """One that has printed something: only then a checkpoint holds some work."""
        job = self.submit(name)
        out = self.site.work / f"{name}.out"
        wait_until(lambda: out.exists() and out.stat().st_size > 0, 60, f"{name} prints\n{self.site.evidence(job)}")
        self.site.wait_state(job, "running", 30)
        return job

    def checkpoint(self, job):
        made = self.site.json("checkpoint", job)
        return (made[0] if isinstance(made, list) else made.get("items", [made])[0])["id"]


@pytest.fixture(scope="module")
def jobs():
    with Site(BIN) as site:
        yield Jobs(site)


@pytest.fixture(scope="module")
def address(jobs):
    """(origin, token), as `ckpt dashboard` tells them."""
    url = jobs.site.ckpt("dashboard").stdout.strip()
    origin, token = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/#token=([0-9a-f]{64})", url).groups()
    return origin, token


@pytest.fixture(scope="module")
def browse(jobs, address, packages):
    """Runs a scenario; `meanwhile` is called when the scenario says that it is ready."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not chromium:
        pytest.skip("there is no chromium: scripts/install-deps test")
    origin, token = address
    with urllib.request.urlopen(origin + "/") as page:
        if b"<script>" not in page.read():
            pytest.skip("this daemon was built without the dashboard: npm or its packages were missing")

    def run(scenario, meanwhile=None, **given):
        env = {**os.environ, "CKPT_DASH_PACKAGES": str(packages), "CKPT_DASH_CHROMIUM": chromium, "CKPT_DASH_ORIGIN": origin,
               "CKPT_DASH_TOKEN": token, "CKPT_DASH_GIVEN": json.dumps(given)}
        with subprocess.Popen(["node", TESTS / "e2e/run.mjs", scenario], env=env, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as process:
            try:
                said = process.stdout.readline() if meanwhile else ""
                if said.strip() == "ready":
                    meanwhile()
                said += process.communicate(timeout=400)[0]
            finally:
                process.kill()
        assert process.returncode == 0, said
    return run


@pytest.fixture(scope="module")
def history(jobs):
    """Jobs of all sorts: one that was rolled back and runs, one completed, one failed, one with a tag."""
    job = jobs.running("rolled-back")
    first = jobs.checkpoint(job)
    jobs.checkpoint(job)
    jobs.site.ckpt("stop", job)
    jobs.site.ckpt("restart", job, "--generation", first)
    done = jobs.submit("done-soon", 5)
    failed = jobs.submit("fails-soon", 5, status=3)
    jobs.submit("tagged", 5, "--tag", "project=qcd")
    jobs.site.wait_state(done, "completed", 60)
    jobs.site.wait_state(failed, "failed", 60)
    jobs.site.wait_state(job, "running", 60)
    return job


def count(jobs):
    return len(jobs.site.json("ls", "--all")["items"])


def test_table_filter_and_search(browse, jobs, history):
    browse("table_filter_and_search", count=count(jobs), done_name="done-soon", failed_name="fails-soon", tagged_name="tagged")


def test_a_job_appears_by_itself(browse, jobs, history):
    browse("a_job_appears_by_itself", meanwhile=lambda: jobs.submit("newcomer", 5), count=count(jobs), new_name="newcomer")


def test_job_with_its_timeline(browse, jobs, history):
    seen = jobs.site.job(history)
    sealed = [one for one in seen["generations"] if one["sealed_at"]]
    assert len(seen["attempts"]) == 2 and len(sealed) == 3
    browse("job_with_its_timeline", job=history, attempts=2, sealed=3, generations=len(seen["generations"]))


def test_health(browse, history):
    browse("health_of_daemon_scheduler_and_engines")


def test_nodes_and_numbers(browse, jobs, history):
    job = jobs.running("counted")
    nodes, stats = jobs.site.json("nodes")["items"], jobs.site.json("stats")
    (node,) = [one for one in nodes if job in one["jobs"]]
    by_outcome = {}
    for one in stats["checkpoints"]:
        by_outcome[one["outcome"]] = by_outcome.get(one["outcome"], 0) + one["count"]
    browse("nodes_and_numbers", meanwhile=lambda: jobs.checkpoint(job), job=job, node=node["name"], nodes=len(nodes),
           attempts=node["attempts_count"], sealed=by_outcome["sealed"], checkpoints=sum(by_outcome.values()))
    jobs.site.ckpt("cancel", job)


def test_degraded_says_what_to_do(browse):
    browse("degraded_says_what_to_do")


def test_token_is_wanted_taken_and_kept_to_itself(browse):
    browse("token_is_wanted_taken_and_kept_to_itself")


def test_light_and_dark(browse, history):
    browse("light_and_dark", job=history)


def test_phone(browse, jobs, history):
    browse("phone", name="rolled-back", count=count(jobs))


def test_events_come_as_a_stream(browse, history):
    browse("events_come_as_a_stream", job=history)


def test_a_stream_is_read_on_where_it_ended(browse, history):
    browse("a_stream_is_read_on_where_it_ended", job=history)


def test_checkpoint_appears_as_it_is_made(browse, jobs):
    job = jobs.running("to-checkpoint")
    browse("checkpoint_appears_as_it_is_made", meanwhile=lambda: jobs.checkpoint(job), job=job)
    assert [one["trigger"] for one in jobs.site.job(job)["generations"]] == ["manual", "manual"]
    jobs.site.ckpt("cancel", job)


def test_stop_and_restart_from_a_generation(browse, jobs):
    job = jobs.running("to-restart")
    first = jobs.checkpoint(job)
    jobs.checkpoint(job)
    browse("stop_and_restart_from_a_generation", job=job, generation=first)
    attempts = jobs.site.job(job)["attempts"]
    assert attempts[0]["end_reason"] == "stopped" and attempts[1]["started_from"]["generation"] == first, jobs.site.evidence(job)
    jobs.site.ckpt("cancel", job)


def test_cancel_asks_first(browse, jobs):
    job = jobs.running("to-cancel")
    browse("cancel_asks_first", job=job)
    assert jobs.site.job(job)["state"] == "cancelled"


def test_a_refusal_is_told_with_advice(browse, history):
    browse("a_refusal_is_told_with_advice", job=history)


def test_pin_a_generation(browse, jobs, history):
    newest = jobs.site.job(history)["latest_generation"]["id"]
    browse("pin_a_generation", job=history, generation=newest)
    assert [one["pinned"] for one in jobs.site.job(history)["generations"] if one["id"] == newest] == [True]


def test_keyboard_alone(browse, jobs):
    job = jobs.running("by-keyboard")
    browse("keyboard_alone", name="by-keyboard")
    assert jobs.site.job(job)["generations"][0]["trigger"] == "manual"
    jobs.site.ckpt("cancel", job)


def test_command_tells_the_address(jobs, address):
    origin, token = address
    site = jobs.site
    assert token == (site.state / "token").read_text().strip()
    assert site.json("dashboard") == {"url": f"{origin}/#token={token}"}
    port = origin.rsplit(":", 1)[1]
    told = site.ckpt("dashboard", env={"SSH_CONNECTION": "192.0.2.1 4000 192.0.2.2 22"})
    assert f"ssh -L {port}:127.0.0.1:{port} {site.user}@" in told.stderr


def test_command_opens_a_browser_without_showing_it_the_token_on_its_command_line(jobs, address):
    site = jobs.site
    place = site.work / "browser"
    site._make(place)
    site.program("xdg-open", '#!/bin/sh\nprintf "%s\\n" "$@" >"$(dirname "$0")/asked"\n').rename(place / "xdg-open")
    site.ckpt("dashboard", "--open", env={"PATH": f"{place}:{site.env['PATH']}"})
    page = pathlib.Path((place / "asked").read_text().strip())
    assert page == site.state / "dashboard.html" and page.stat().st_mode & 0o777 == 0o600
    assert f"url={address[0]}/#token={address[1]}" in page.read_text()
    missing = site.ckpt("dashboard", "--open", check=False, env={"PATH": str(site.bin)})
    assert missing.returncode == 7 and missing.stdout.startswith(address[0])
