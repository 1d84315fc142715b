"""The Python client against a real daemon: jobs on this machine, as an ordinary user."""
import json
import os
import pathlib
import signal

import pytest

from counting import counting_job, expected_output
from pyclient import Python
from usersite import Site, wait_until

BIN = pathlib.Path(os.environ["CKPT_BIN_DIR"])
LONG = 3000  # steps; ended by the test


@pytest.fixture(scope="module")
def site():
    with Site(BIN) as made:
        yield made


@pytest.fixture(scope="module")
def py(site):
    return Python(site)


def submitting(site, steps, name, status=0, **more):
    """The text of a call that submits a job which saves itself."""
    words, argv = counting_job(site, "app", steps, status)
    keywords = dict(name=name, every="off", engine="app", ckpt_signal=words[3], ckpt_files=[words[5]], output=f"{name}.out", keep=5)
    keywords.update(more)
    given = ", ".join(f"{key}={value!r}" for key, value in keywords.items())
    return f"client.submit({[str(word) for word in argv]!r}, {given})"


def printed(site, name, lines):
    path = site.work / f"{name}.out"
    wait_until(lambda: path.exists() and path.read_text().count("\n") >= lines, 60, f"{lines} lines in {path}")


def test_a_job_from_submit_to_its_end(site, py):
    told = py.run(f"""
client = Client()
job = {submitting(site, 12, "whole", tags={"kind": "whole", "n": 3})}
first = [job.id, job.state, job.name, job.settled]
done = job.wait(timeout=60)
assert done is job
by = [client.job(key).id for key in (job.id, "whole", "last")]
tell(dict(first=first, state=job.state, exit_code=job.exit_code, by=by, tags=job.tags, output=job.output(), ok=job.succeeded,
          created=job.created_at.utcoffset().total_seconds(), ended=(job.ended_at - job.created_at).total_seconds(),
          run=job.accounting.run_seconds, attempts=[[a.n, a.state, a.end_reason, a.started_from] for a in job.attempts],
          engine=job.engine, every=job.policy.every_seconds, keep=job.policy.keep, files=job.policy.ckpt_files, argv=job.argv[1:2]))
""")
    assert told["first"][1:] == ["queued", "whole", False]
    assert told["state"] == "completed" and told["exit_code"] == 0 and told["ok"]
    assert told["by"] == [told["first"][0]] * 3
    assert told["tags"] == {"kind": "whole", "n": "3"}
    assert told["output"] == expected_output(12)
    assert told["created"] == 0 and 0 < told["ended"] < 60 and 0 < told["run"] < 60
    assert told["attempts"] == [[1, "ended", "completed", None]]
    assert (told["engine"], told["every"], told["keep"], told["argv"]) == ("app", "off", 5, ["12"])


def test_checkpoint_stop_and_rollback(site, py):
    code = submitting(site, 80, "rollback")
    job = py.run(f"client = Client()\ntell({code}.id)")
    printed(site, "rollback", 3)
    told = py.run(f"""
job = Client().job("{job}")
made = job.checkpoint()
tell([made.id, made.state, made.trigger, made.bytes > 0, made.blocked_seconds >= 0, made.frozen_at <= made.sealed_at, made.job])
""")
    first = told[0]
    assert told[1:] == ["sealed", "manual", True, True, True, job]
    assert (site.store / f"jobs/{job}/generations/{first}/manifest.json").exists(), "sealed, now, not soon"
    lines = len((site.work / "rollback.out").read_text().splitlines())
    printed(site, "rollback", lines + 3)
    told = py.run(f"""
job = Client().job("{job}")
asked = job.checkpoint(wait=False)
stopped = job.stop()
states = [g.state for g in job.generations]
parked = [job.state, job.settled, job.succeeded]
missing = error_of(job.restart, generation="g99")
job.restart(generation="{first}")
tell(dict(asked=asked.id, states=states, parked=parked, missing=missing, same=stopped is job, now=job.state))
""")
    assert told["parked"] == ["parked", True, False] and told["same"] and told["now"] in ("queued", "running")
    assert "sealed" in told["states"] and told["missing"][0] == "NotFound"
    told = py.run(f"""
job = Client().job("{job}")
job.wait(timeout=90)
tell([job.state, job.attempts[-1].started_from.generation, job.output(), job.restarts_count])
""")
    assert told[:2] == ["completed", first], site.evidence(job)
    assert told[2] == expected_output(80) and told[3] == 1


def test_waiting_ends_in_time_and_the_job_goes_on(site, py):
    told = py.run(f"""
client = Client()
job = {submitting(site, LONG, "endless")}
begun = time.monotonic()
late = error_of(job.wait, timeout=1)
took = time.monotonic() - begun
twice = error_of(lambda: {submitting(site, LONG, "endless")})
running = error_of(job.restart)
state = job.refresh().state
job.cancel()
tell(dict(late=late, took=took, twice=twice, running=running, state=state, end=job.state, parked=error_of(job.checkpoint)))
""")
    assert told["late"] == ["TimedOut", "wait_timed_out", 0] and 1 <= told["took"] < 20
    assert told["twice"][0] == "Conflict" and told["twice"][2] == 409
    assert told["running"][0] == "Conflict" and told["state"] in ("queued", "running")
    assert told["end"] == "cancelled" and told["parked"][:2] == ["Conflict", "not_running"]


def test_failures_are_told_by_state_and_errors_by_class(site, py):
    told = py.run(f"""
client = Client()
job = {submitting(site, 2, "fails", status=7)}.wait(60)
killed = client.submit("kill -SEGV $$", name="killed", engine="app", ckpt_signal="USR1", ckpt_files=["none*"]).wait(60)
tell(dict(failed=[job.state, job.exit_code, job.signal], killed=[killed.state, killed.exit_code, killed.signal],
          missing=error_of(client.job, "j-99999"), wrong=error_of(client.submit, ["x"], compress="brotli"),
          negative=error_of(client.submit, ["x"], every="off", keep=0), generation=error_of(job.generation, "g7")))
""")
    assert told["failed"] == ["failed", 7, None] and told["killed"] == ["failed", None, signal.SIGSEGV]
    assert told["missing"] == ["NotFound", "no_such_job", 404] and told["generation"][0] == "NotFound"
    assert told["wrong"][0] == "Usage" and told["wrong"][2] == 400 and told["negative"][0] == "Usage"


def test_lists_go_over_pages_and_filters(site, py):
    told = py.run("""
client = Client()
made = [client.submit(["/bin/true"], engine="app", ckpt_signal="USR1", ckpt_files=["none*"], tags={"page": i % 2, "of": "list"}) for i in range(5)]
done = sorted(job.id for job in client.as_settled(made, timeout=60))
tell(dict(made=[job.id for job in made], done=done, paged=[job.id for job in client.jobs(tag={"of": "list"}, page=2)],
          odd=[job.id for job in client.jobs(tag=["of=list", "page=1"])], completed=[job.id for job in client.jobs("completed", "of=list")],
          none=list(client.jobs(["queued", "running"], {"of": "list"}))))
""")
    assert told["done"] == sorted(told["made"]) and told["paged"] == told["made"] == told["completed"]
    assert told["odd"] == told["made"][1::2] and told["none"] == []


def test_texts_that_are_no_utf8_and_the_environment(site, py):
    told = py.run(r"""
import os
client = Client()
odd = os.fsdecode(b"caf\xe9")
text = "printf '%s|' \"$1\" \"$ADDED\" \"$KEPT\" \"$PWD\""
more = dict(engine="app", ckpt_signal="USR1", ckpt_files=["none*"])
job = client.submit(["/bin/sh", "-c", text, "sh", odd], env={"ADDED": odd}, **more).wait(60)
bare = client.submit(["/usr/bin/env"], env={"ONLY": 1}, inherit_env=False, cwd="/", output=os.getcwd() + "/bare.out", **more).wait(60)
tell([job.argv[-1] == odd, list(job.read_output().data), bare.output()])
""", env={"KEPT": "kept"})
    assert told[0] and bytes(told[1]) == b"caf\xe9|caf\xe9|kept|" + str(site.work).encode() + b"|"
    assert "ONLY=1\n" in told[2] and "KEPT=" not in told[2] and "PWD=/\n" in told[2]


def test_events_survive_a_restart_of_the_daemon(site, py):
    quick = """["/bin/true"], engine="app", ckpt_signal="USR1", ckpt_files=["none*"]"""
    py.run(f"tell(Client().submit({quick}).wait(60).id)")
    before = site.daemon_pid()
    watcher = py.start("""
for event in Client(autostart=False, retry_for=60).events(after=0, timeout=120):
    print(json.dumps([event.seq, event.type, event.job, event.at.tzinfo is not None]), flush=True)
""", stdout=-1, stderr=-1)
    try:
        seen = [json.loads(watcher.stdout.readline())]
        site.ckpt("daemon", "restart")
        assert site.daemon_pid() != before
        job = py.run(f"""tell(Client().submit({quick}, name="watched").wait(60).id)""")
        while seen[-1][2] != job:
            seen.append(json.loads(watcher.stdout.readline() or "null"))
            assert seen[-1], watcher.stderr.read()
    finally:
        watcher.kill()
        watcher.communicate()
    numbers = [event[0] for event in seen]
    assert numbers == sorted(set(numbers)), "in order, none twice"
    assert all(event[3] for event in seen)
    told = py.run("""
client = Client()
quiet = list(client.events(timeout=1))
tell([[event.type for event in client.job("watched").events(timeout=1)], len(quiet), client.status().last_event_seq])
""")
    assert told[0] and told[2] >= numbers[-1]


def test_a_wait_survives_a_killed_daemon_that_nobody_starts(site, py):
    """Without autostart the client looks for the daemon until somebody else starts it; the job ends meanwhile."""
    name = "orphaned"
    py.run(f"client = Client()\ntell({submitting(site, 60, name)}.id)")
    waiter = py.start(f"""
job = Client(autostart=False, retry_for=60).job("{name}")
print("waiting", flush=True)
print(job.wait(timeout=90).state, flush=True)
""", stdout=-1, stderr=-1)
    try:
        assert waiter.stdout.readline() == "waiting\n"
        pid = site.daemon_pid()
        os.kill(pid, signal.SIGKILL)
        printed(site, name, 30)
        assert waiter.poll() is None
        site.ckpt("daemon", "start")
        assert site.daemon_pid() != pid
        assert waiter.stdout.readline() == "completed\n", waiter.stderr.read()
    finally:
        waiter.kill()
        waiter.communicate()


def test_no_daemon(site, py):
    site.ckpt("daemon", "stop")
    told = py.run("tell([error_of(Client(autostart=False).status), error_of(Client().status)])", env={"CKPTD_AUTOSTART": "0"})
    assert told == [["NoDaemon", "no_daemon", 0]] * 2
    told = py.run("client = Client()\ntell([client.status().health, client.cluster, repr(client)])")
    assert told[1:] == ["local", "<Client of cluster local>"], "started by the client"
    assert site.daemon_pid()
    told = py.run("tell(error_of(Client().status))", env={"CKPTD_STATE_DIR": str(site.root / "home/other"), "PATH": "/usr/bin:/bin"})
    assert told == ["NoDaemon", "ckpt_not_found", 0]
    endpoint = json.loads((site.state / "endpoint.json").read_text())
    elsewhere = site.root / "home/elsewhere"
    site._make(elsewhere)
    (elsewhere / "endpoint.json").write_text(json.dumps(dict(endpoint, host="login7")))
    told = py.run("tell(error_of(Client().status))", env={"CKPTD_STATE_DIR": str(elsewhere)})
    assert told == ["NoDaemon", "daemon_elsewhere", 0]


def test_over_tcp_when_the_socket_is_gone(site, py):
    """A logout can delete the socket's folder while the daemon lives on."""
    told = py.run("""
import os
from ckptd import _endpoint, _http, _paths
client = Client()
client.status()
where = _endpoint.read_endpoint(_paths.find_paths(os.environ).state_dir)
def gone(self):
    raise FileNotFoundError(self._path)
_http.UnixConnection.connect = gone
over_tcp = client.status().health
try:
    os.chmod(where.token_file, 0o644)
    exposed = error_of(client.status)
finally:
    os.chmod(where.token_file, 0o600)
tell([over_tcp, exposed, _endpoint.we_listen_on("127.0.0.1:1"), _endpoint.we_listen_on(where.tcp)])
""")
    assert told[0] in ("ok", "degraded") and told[1:] == [["Refused", "token_exposed", 0], False, True]


def test_a_post_that_is_repeated_makes_one_job(site, py):
    """The connection breaks behind the request: the answer is lost, the job is there, and the second try gets it."""
    told = py.run("""
from ckptd import _http
client = Client()
client.status()
keys, broken = [], []
real = _http.UnixConnection.getresponse
def lose(self):
    answer = real(self)
    if not broken:
        broken.append(answer.read())
        raise ConnectionResetError("lost")
    return answer
def note(self, method, target, body=None, headers={}):
    keys.append(headers.get("Idempotency-Key"))
    return request(self, method, target, body=body, headers=headers)
request = _http.UnixConnection.request
_http.UnixConnection.getresponse, _http.UnixConnection.request = lose, note
_http.Transport._ways = staticmethod(lambda where, timeout: iter([(_http.UnixConnection(where.socket, timeout), {})]))
job = client.submit(["/bin/true"], engine="app", ckpt_signal="USR1", ckpt_files=["none*"], tags={"once": "1"})
tell([job.id, json.loads(broken[0].decode())["id"], keys, [one.id for one in client.jobs(tag="once=1")]])
""")
    assert told[0] == told[1] and told[3] == [told[0]]
    assert len(told[2]) >= 2 and told[2][0] == told[2][1] and len(told[2][0]) == 32


@pytest.mark.parametrize("more, cluster", [
    ({}, None), ({"CKPTD_STATE_DIR": ""}, None), ({"CKPTD_STATE_DIR": "", "XDG_STATE_HOME": "/tmp/x/../y"}, None),
    ({"CKPTD_STATE_DIR": "", "XDG_STATE_HOME": "relative"}, None), ({"CKPTD_STATE_DIR": "/tmp/a/"}, None), ({"CKPTD_CLUSTER": "local"}, None),
    ({"CKPTD_SCHEDULER": "slurm", "SLURM_CONF": "SLURM", "CKPTD_STATE_DIR": "", "PATH": "SBATCH"}, None),
    ({"CKPTD_SCHEDULER": "", "SLURM_CONF": "SLURM", "PATH": "SBATCH"}, None), ({"CKPTD_SCHEDULER": "", "SLURM_CONF": "SLURM", "PATH": "SBATCH"}, "local"),
    ({"CKPTD_SCHEDULER": "", "CKPTD_CONFIG": "CONFIG", "SLURM_CONF": "SLURM", "PATH": "SBATCH"}, None)])
def test_the_same_place_as_ckpt(site, py, more, cluster):
    """`ckpt paths` is what it is compared with."""
    names = {"SLURM": site.work / "slurm.conf", "CONFIG": site.work / "config.toml"}
    names["SLURM"].write_text("# ClusterName=no\nclustername = far  # here\n")
    names["CONFIG"].write_text('[api]\ntcp = "off"\n[scheduler]\nkind = "local" # not slurm\n')
    folder = site.work / "slurm-bin"
    if not folder.exists():
        site._make(folder)
        site.program("sbatch-that-fails", "#!/bin/sh\nexit 1\n").rename(folder / "sbatch")
    env = {key: str(names.get(value, f"{folder}:{site.env['PATH']}" if value == "SBATCH" else value)) for key, value in more.items()}
    words = ["--cluster", cluster] if cluster else []
    theirs = json.loads(site.run("ckpt", *words, "paths", "--json", env=env, check=True).stdout)
    ours = py.run(f"""
import os
from ckptd._paths import find_paths
found = find_paths(os.environ, {cluster!r})
tell([found.state_dir, found.cluster, found.config_file])
""", env=env)
    assert ours == [theirs["state"].rstrip("/"), theirs["cluster"], theirs["config"]], theirs


def test_the_policy_of_a_running_job_changes(site, py):
    py.run(f"client = Client()\ntell({submitting(site, LONG, 'changing')}.id)")
    told = py.run("""
job = Client().job("changing")
policy = job.policy
before = policy.revision
policy.update(every="17m", keep=3)
tell([policy.every_seconds, policy.keep, policy.revision > before, job.refresh().policy.every_seconds, error_of(policy.update, keep=0)])
""")
    site.ckpt("cancel", "changing")
    assert told[:4] == [1020.0, 3, True, 1020.0] and told[4][0] == "Usage"


def test_pin_verify_and_delete_of_generations(site, py):
    py.run(f"client = Client()\ntell({submitting(site, LONG, 'kept')}.id)")
    printed(site, "kept", 2)
    py.run("job = Client().job('kept')\njob.checkpoint()\njob.checkpoint()\njob.stop()\ntell(1)")
    told = py.run("""
client = Client()
job = client.job("kept")
first, newest = job.generations[0], job.generations[-1]
pinned = [first.pin().pinned, error_of(first.delete), first.unpin().pinned]
verified = first.verify(timeout=60)
newest_kept = error_of(newest.delete)
tell(dict(pinned=pinned, verified=[verified.state, verified.verified_at is not None], newest=newest_kept))
""")
    assert told["pinned"][0] is True and told["pinned"][1][0] == "Conflict" and told["pinned"][2] is False
    assert told["verified"] == ["sealed", True] and told["newest"][0] == "Conflict"
    site.ckpt("cancel", "kept")


def test_a_fork_starts_where_its_origin_was(site, py):
    py.run(f"client = Client()\ntell({submitting(site, LONG, 'trunk')}.id)")
    printed(site, "trunk", 2)
    told = py.run("""
job = Client().job("trunk")
kept = job.checkpoint()
before = (job.engine, job.latest_generation.id)
branch = job.fork(name="branch", tags={"kind": "what-if"}, share_files=True)
branch.wait(60, state="running")
tell([branch.id != job.id, branch.name, branch.attempts[0].started_from.job == job.id, branch.attempts[0].started_from.generation == kept.id, job.refresh().state,
      before == ("app", kept.id)])
""")
    assert told == [True, "branch", True, True, "running", True], site.evidence("branch")
    assert py.run("tell(error_of(lambda: Client().job('trunk').fork(generation='g99')))")[:2] == ["NotFound", "no_such_generation"]
    for name in ("branch", "trunk"):
        site.ckpt("cancel", name)


def test_hold_release_requeue(site, py):
    py.run(f"client = Client()\ntell({submitting(site, LONG, 'waits')}.id)")
    site.wait_state("waits", "running", 30)
    told = py.run("job = Client().job('waits')\ntell([job.hold().state, job.release().state, job.requeue().state])")
    assert told == ["running"] * 3
    wait_until(lambda: site.job("waits")["current_attempt"]["n"] == 2, 60, f"the next attempt\n{site.evidence('waits')}")
    site.ckpt("cancel", "waits")
    assert py.run("tell(error_of(Client().job('waits').hold))")[:2] == ["Conflict", "job_cancelled"]


def test_a_job_is_deleted_when_it_is_over(site, py):
    py.run("client = Client()\ntell(client.submit(['/bin/true'], engine='app', ckpt_signal='USR1', ckpt_files=['none*'], name='short').wait(60).id)")
    py.run("Client().job('short').delete()\ntell(1)")
    assert py.run("tell(error_of(Client().job, 'short'))")[:2] == ["NotFound", "no_such_job"]


@pytest.mark.parametrize("call, told", [("nodes()", "[node.name for node in made]"), ("stats()", "made.jobs"), ("prune(dry_run=True)", "[one.job for one in made]")])
def test_the_site_as_a_whole(site, py, call, told):
    assert py.run(f"made = Client().{call}\ntell({told})") is not None


def test_looking(site, py):
    told = py.run(f"""
client = Client()
job = {submitting(site, LONG, "looked-at")}
seen = []
for piece in job.follow():
    seen.append(piece)
    if "".join(seen).count("\\n") >= 3:
        break
job.wait(state="running", timeout=60)
status = client.status()
attempt = job.refresh().current_attempt
tell(dict(text="".join(seen), roles=sorted({{p.role for p in job.processes}}), coordinators=client.coordinators(), node=attempt.node,
          started=attempt.started_at is not None, engines=[e["engine"] for e in status.engines], running=status.jobs["running"],
          log=job.output("runner") is not None))
job.cancel()
""")
    assert expected_output(LONG).startswith(told["text"])
    assert "program" in told["roles"] and told["coordinators"] == [] and told["node"] and told["started"]
    assert "app" in told["engines"] and told["running"] >= 1 and told["log"]
