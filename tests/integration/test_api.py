"""The whole API, as curl would use it: every operation of openapi.yaml is called here, and every answer fits its schema."""
import json
import os
import pathlib
import re

import pytest
import yaml

from api_caller import Api, _Connection, description
from counting import counting_job
from engines import engine_fixture_parameters
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = '[poll]\njournal = "200ms"\n[limits]\nlease = "4s"\n[verify]\nevery = "0s"\n'


@pytest.fixture(scope="module")
def place():
    engine, env = next((p.values[0] for p in engine_fixture_parameters() if not p.marks and p.values[0][0] == "criu"), ("app", {}))
    with Site(BIN, env=env, config=CONFIG) as site:
        site.ckpt("daemon", "start")
        yield engine, site, Api(site)


def submit(place, name, steps=3000, **policy):
    engine, site, api = place
    chosen, argv = counting_job(site, engine, steps, 0)
    words = ["submit", "-J", name, "--every", "off", "--output", site.work / f"{name}.out", "--tag", "kind=api", *chosen, "--", *argv]
    job = re.search(r"j-\d+", site.ckpt(*words).stdout).group()
    if policy:
        assert api.call("PATCH", f"/v1/jobs/{job}/policy", policy).status == 200
    site.wait_state(job, "running", 60)
    wait_until(lambda: api.get(f"/v1/jobs/{job}/attempts").json["items"][-1]["started_at"], 60, "the program runs")
    return job


def generations(api, job):
    return {one["id"]: one for one in api.get(f"/v1/jobs/{job}/generations").json["items"]}


def test_a_jobs_life(place):
    """Look from all sides, checkpoint, stop, restart from an older one, cancel, remove."""
    _, site, api = place
    job = submit(place, "life")
    shown = api.get(f"/v1/jobs/{job}").json
    assert shown["name"] == "life" and api.get("/v1/jobs/life").json["id"] == job
    assert [one["id"] for one in api.get("/v1/jobs?state=running&tag=kind=api").json["items"]] == [job]
    assert api.get(f"/v1/jobs/{job}/processes").json["items"]
    api.get("/v1/coordinators")
    assert api.call("PATCH", f"/v1/jobs/{job}/policy", {"keep": 5}).json["policy"]["keep"] == 5

    first = api.call("POST", f"/v1/jobs/{job}/checkpoints?wait=60")
    assert first.status == 201 and first.json["state"] == "sealed", first.body
    again = api.call("POST", f"/v1/jobs/{job}/checkpoints?wait=60&trigger=program", headers={"Idempotency-Key": "k1"})
    same = api.call("POST", f"/v1/jobs/{job}/checkpoints?wait=60&trigger=program", headers={"Idempotency-Key": "k1"})
    assert again.json["id"] == same.json["id"] != first.json["id"]
    assert again.json["trigger"] == "program"
    assert api.get(f"/v1/jobs/{job}/generations/{first.json['id']}").json["trigger"] == "manual"

    chunk = api.get(f"/v1/jobs/{job}/output?stream=stdout&offset=0&limit=10")
    assert len(chunk.body) == 10 and chunk.headers["Ckpt-Next-Offset"] == "10"
    assert api.call("POST", f"/v1/jobs/{job}/stop?wait=60").json["state"] == "parked"
    back = api.call("POST", f"/v1/jobs/{job}/restart", {"generation": first.json["id"]})
    assert back.json["state"] in ("queued", "running")
    wait_until(lambda: api.get(f"/v1/jobs/{job}").json["current_attempt"]["started_from"], 60, "the rollback runs")
    assert api.get(f"/v1/jobs/{job}").json["current_attempt"]["started_from"]["generation"] == first.json["id"]
    assert api.call("POST", f"/v1/jobs/{job}/cancel?wait=60").json["state"] == "cancelled"
    gone = wait_until(lambda: (lambda a: a if a.status == 204 else None)(api.call("DELETE", f"/v1/jobs/{job}")), 60, "it is removed")
    assert gone.status == 204
    assert api.get(f"/v1/jobs/{job}").status == 404
    assert not list((site.store / "jobs" / job).iterdir())


def test_a_fork(place):
    engine, site, api = place
    job = submit(place, "trunk")
    assert api.call("POST", f"/v1/jobs/{job}/fork").json["code"] == "no_generation"
    generation = api.call("POST", f"/v1/jobs/{job}/checkpoints?wait=60").json["id"]
    body = {"generation": generation, "name": "branch", "policy": {"keep": 1}, "share_files": engine == "app"}
    made = api.call("POST", f"/v1/jobs/{job}/fork", body, headers={"Idempotency-Key": "f1"})
    assert made.status == 201 and made.headers["Location"] == "/v1/jobs/" + made.json["id"], made.body
    assert api.call("POST", f"/v1/jobs/{job}/fork", body, headers={"Idempotency-Key": "f1"}).json["id"] == made.json["id"]
    branch = made.json["id"]
    assert made.json["name"] == "branch" and made.json["policy"]["keep"] == 1 and made.json["state"] in ("queued", "running")
    first = wait_until(lambda: (lambda a: a if a["started_at"] else None)(api.get(f"/v1/jobs/{branch}/attempts").json["items"][0]), 60,
                       f"the fork runs\n{site.evidence(branch)}")
    assert first["started_from"] == {"job": job, "generation": generation}
    assert api.get(f"/v1/jobs/{job}").json["state"] == "running"
    assert api.call("POST", f"/v1/jobs/{job}/fork", {"generation": "g99"}).status == 404
    assert api.call("POST", f"/v1/jobs/{job}/fork", {"name": "branch", "share_files": engine == "app"}).json["code"] == "name_taken"
    assert api.call("POST", f"/v1/jobs/{job}/fork", {"nonsense": 1}).status == 400
    api.call("POST", f"/v1/jobs/{job}/cancel?wait=60")
    assert api.call("DELETE", f"/v1/jobs/{job}").json["code"] == "job_has_forks"
    api.call("POST", f"/v1/jobs/{branch}/cancel?wait=60")
    wait_until(lambda: api.call("DELETE", f"/v1/jobs/{job}").status == 204, 60, "the origin is removed")


def test_a_policy_reaches_a_job_that_runs(place):
    _, site, api = place
    job = submit(place, "policy")
    assert api.call("PATCH", f"/v1/jobs/{job}/policy", {"every_seconds": 2, "keep": 2}).status == 200

    def by_interval():
        return [one for one in generations(api, job).values() if one["trigger"] == "interval" and one["state"] == "sealed"]
    wait_until(by_interval, 60, f"a checkpoint by the new interval\n{site.evidence(job)}")
    api.call("PATCH", f"/v1/jobs/{job}/policy", {"keep": 1})
    wait_until(lambda: sum(one["state"] == "sealed" for one in generations(api, job).values()) == 1, 60, "only one is kept")
    assert api.call("PATCH", f"/v1/jobs/{job}/policy", {"keep": 0}).json["code"]
    assert api.call("PATCH", f"/v1/jobs/{job}/policy", {"nonsense": 1}).status == 400
    api.call("POST", f"/v1/jobs/{job}/cancel?wait=60")


def test_pinned_verified_damaged_pruned(place):
    _, site, api = place
    job = submit(place, "care", keep=2)
    ids = [api.call("POST", f"/v1/jobs/{job}/checkpoints?wait=60").json["id"] for _ in range(2)]
    assert api.call("PATCH", f"/v1/jobs/{job}/generations/{ids[0]}", {"pinned": True}).json["pinned"] is True
    ids += [api.call("POST", f"/v1/jobs/{job}/checkpoints?wait=60").json["id"] for _ in range(2)]
    # Whoever reads again sees it; a byte that is not what it was is told, and never started from.
    good = api.call("POST", f"/v1/jobs/{job}/generations/{ids[3]}/verify?wait=60")
    assert good.status == 200 and good.json["state"] == "sealed" and good.json["verified_at"]
    assert api.call("POST", f"/v1/jobs/{job}/stop?wait=60").json["state"] == "parked"
    manifest = json.loads((site.store / f"jobs/{job}/generations/{ids[3]}/manifest.json").read_text())
    image = max((site.store / f"jobs/{job}" / file["path"] for file in manifest["images"] + manifest.get("saved", [])
                 if (site.store / f"jobs/{job}" / file["path"]).exists()), key=lambda path: path.stat().st_size, default=None)
    if image is None:  # packed meanwhile
        image = max((site.store / f"jobs/{job}").rglob("*.zst"), key=lambda path: path.stat().st_size)
    with open(image, "r+b") as file:
        file.seek(image.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    bad = api.call("POST", f"/v1/jobs/{job}/generations/{ids[3]}/verify?wait=60")
    assert bad.json["state"] == "corrupt" and bad.json["reason"], bad.body
    assert site.ckpt("verify", job, ids[3], check=False).returncode == 4  # no longer sealed

    assert api.call("DELETE", f"/v1/jobs/{job}/generations/{ids[0]}").json["code"] == "generation_pinned"
    assert api.call("PATCH", f"/v1/jobs/{job}/generations/{ids[0]}", {"pinned": False}).json["pinned"] is False
    would = api.call("POST", "/v1/prune", {"job": job, "dry_run": True}).json["items"]
    there = {one for one, facts in generations(api, job).items() if facts["state"] in ("sealed", "corrupt")}
    assert {one["generation"] for one in would} <= there
    api.call("POST", "/v1/prune", {})
    api.call("POST", f"/v1/jobs/{job}/cancel?wait=60")


def test_hold_release_requeue(place):
    _, site, api = place
    job = submit(place, "moves")
    assert api.call("POST", f"/v1/jobs/{job}/requeue", headers={"Idempotency-Key": "move"}).status == 200
    second = wait_until(lambda: (lambda a: a if a["n"] == 2 and a["started_at"] else None)(api.get(f"/v1/jobs/{job}").json["current_attempt"]),
                        90, f"the second attempt\n{site.evidence(job)}")
    assert second["started_from"]
    assert api.get(f"/v1/jobs/{job}/attempts").json["items"][0]["end_reason"] == "requeued"
    # Held, it runs on; its next start waits for the release, although runners here start themselves anew.
    assert api.call("POST", f"/v1/jobs/{job}/hold").json["state"] == "running"
    assert api.call("POST", f"/v1/jobs/{job}/requeue").status == 200
    now = lambda: api.get(f"/v1/jobs/{job}").json  # noqa: E731
    wait_until(lambda: now()["state"] == "queued" and now()["reason"].startswith("held by the user"), 90, f"it waits\n{site.evidence(job)}")
    assert now()["attempts_count"] == 2, site.evidence(job)
    assert api.call("POST", f"/v1/jobs/{job}/release").status == 200
    wait_until(lambda: now()["attempts_count"] == 3 and now()["state"] == "running", 90, f"the third attempt\n{site.evidence(job)}")
    api.call("POST", f"/v1/jobs/{job}/cancel?wait=60")
    assert api.call("POST", f"/v1/jobs/{job}/hold").json["code"] == "job_cancelled"


def test_what_has_not_changed_is_not_sent_again(place):
    _, site, api = place
    job = submit(place, "etag", steps=3)
    site.wait_state(job, "completed", 60)
    first = api.get(f"/v1/jobs/{job}")
    same = api.get(f"/v1/jobs/{job}", **{"If-None-Match": first.headers["ETag"]})
    assert same.status == 304 and not same.body


def test_events_as_a_stream(place):
    _, site, api = place
    before = api.get("/v1/status").json["last_event_seq"]
    job = submit(place, "stream", steps=3)
    site.wait_state(job, "completed", 60)
    connection = _Connection(api.socket())
    connection.request("GET", f"/v1/events?after={before}&job={job}", headers={"Accept": "text/event-stream"})
    reply = connection.getresponse()
    assert reply.getheader("Content-Type") == "text/event-stream"
    seen = []
    while not seen or seen[-1]["type"] != "job_completed":
        line = reply.readline().decode()
        if line.startswith("data: "):
            seen.append(json.loads(line[6:]))
    reply.close()
    connection.close()
    polled = api.get(f"/v1/events?after={before}&job={job}&limit=1000").json["items"]
    assert [one["seq"] for one in seen] == [one["seq"] for one in polled][:len(seen)]
    wait_until(lambda: "ckptd_api_streams 0\n" in api.get("/metrics").body.decode(), 20, "the stream is closed")


def test_numbers_and_monitoring(place):
    """Every metric that the alert rules, the dashboard and their page name is there."""
    _, _, api = place
    job = submit(place, "numbers")
    api.call("POST", f"/v1/jobs/{job}/checkpoints?wait=60")
    stats = api.get("/v1/stats").json
    assert stats["jobs"]["running"] >= 1 and stats["blocked"]["count"] >= 1 and stats["stored_bytes"] > 0
    nodes = api.get("/v1/nodes").json["items"]
    assert [node for node in nodes if job in node["jobs"] and node["attempts_count"] > 0]
    text = api.get("/metrics").body.decode()
    there = set(re.findall(r"^(\w+)[{ ]", text, re.MULTILINE))
    alerts = yaml.safe_load((ROOT / "docs/monitoring/alerts.yml").read_text())
    rules = [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    board = json.loads((ROOT / "docs/monitoring/grafana-dashboard.json").read_text())
    rules += [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    rules += re.findall(r"`(ckptd_\w+)[`{]", (ROOT / "docs/monitoring/README.md").read_text())
    named = {name for rule in rules for name in re.findall(r"\bckptd_\w+", rule)}
    histograms = {name[:-len("_bucket")] for name in there if name.endswith("_bucket")}
    assert named - there - histograms == set()
    api.call("POST", f"/v1/jobs/{job}/cancel?wait=60")


def test_mistakes_are_told_as_problems(place):
    _, _, api = place
    for method, target, body, status in (("GET", "/v1/jobs/nobody", None, 404), ("GET", "/v1/jobs?limit=0", None, 400),
                                         ("POST", "/v1/jobs", {"argv": []}, 400), ("POST", "/v1/prune", {"x": 1}, 400),
                                         ("PATCH", "/v1/jobs/nobody/policy", {}, 404), ("GET", "/v1/nothing", None, 404)):
        answer = api.call(method, target, body)
        assert answer.status == status, (method, target, answer.body)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json["code"] and answer.json["detail"]


def test_every_operation_was_called(place):
    """The last one: what openapi.yaml describes and nothing here calls is not tested."""
    _, _, api = place
    assert api.get("/healthz").body == b"ok\n"
    assert b"<html" in api.get("/").body
    assert api.get("/v1/jobs?limit=1").json["next"]
    assert yaml.safe_load(api.get("/openapi.yaml").body) == api.document
    api.call("DELETE", "/v1/jobs/nobody/generations/g1")
    api.call("POST", "/v1/jobs", {"argv": ["/nonexistent"], "cwd": "/"})
    on_this_machine = api.call("POST", "/v1/arrays", {"indexes": "1-3", "job": {"argv": ["/bin/true"], "cwd": "/"}})
    assert (on_this_machine.status, on_this_machine.json["code"]) == (400, "array_needs_slurm")  # test_arrays.py has the others
    described = {(method.upper(), path) for path, operations in description()["paths"].items() for method in operations}
    assert described - api.seen == set()
