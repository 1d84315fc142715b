"""Requests over a Unix socket that breaks, is busy, or comes back; the daemon is played by the test."""
import json
import os
import socket
import threading

import pytest

import ckptd
from ckptd import _endpoint, _http


class Daemon:
    """Answers each connection by the next of `answers`: (status, JSON) or None: hangs up behind the request."""

    def __init__(self, folder):
        self.state = folder / "state"
        self.state.mkdir()
        self.path = str(folder / "s" / "socket")
        os.mkdir(os.path.dirname(self.path), 0o700)
        self.answers, self.requests = [], []
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(self.path)
        self.listening.listen(8)
        (self.state / "endpoint.json").write_text(json.dumps(
            {"host": socket.gethostname(), "pid": os.getpid(), "socket": self.path, "tcp": None, "token_file": "", "later": [1]}))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as file:
                head = []
                while not head or head[-1] != b"\r\n":
                    head.append(file.readline())
                headers = {name.lower(): value.strip() for name, _, value in (line.decode().partition(":") for line in head[1:-1])}
                body = file.read(int(headers.get("content-length", 0)))
                self.requests.append((head[0].decode().split()[:2], headers, body))
                answer = self.answers.pop(0) if self.answers else (500, {})
                if answer is None:
                    continue
                text = json.dumps(answer[1]).encode()
                connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (answer[0], len(text)) + text)


@pytest.fixture
def daemon(tmp_path, monkeypatch):
    made = Daemon(tmp_path)
    monkeypatch.setattr(_endpoint, "runs", lambda endpoint: True)
    monkeypatch.setattr(_http, "_SHORTEST_PAUSE", 0.001)
    yield made
    made.listening.close()


@pytest.fixture
def client(daemon):
    return ckptd.Client(autostart=False, env={"HOME": "/", "CKPTD_STATE_DIR": str(daemon.state), "CKPTD_SCHEDULER": "local"})


def problem(status, code, kind, outcome="retryable"):
    return status, {"code": code, "class": kind, "detail": "d", "advice": "a", "outcome": outcome, "status": status, "title": "t", "type": "about:blank"}


EMPTY = (200, {"items": [], "next": None, "last_seq": 5})


def test_a_post_is_repeated_with_its_key(daemon, client):
    daemon.answers = [EMPTY, None, problem(503, "daemon_stopping", "no_daemon", "unknown"), (201, {"id": "j-1"})]
    list(client.jobs())
    assert client.submit(["x"], cwd="/").id == "j-1"
    posts = [request for request in daemon.requests if request[0][0] == "POST"]
    assert len(posts) == 3 and len({request[1]["idempotency-key"] for request in posts}) == 1 and len({request[2] for request in posts}) == 1
    daemon.answers = [(201, {"id": "j-2"})]
    client.submit(["x"], cwd="/")
    assert daemon.requests[-1][1]["idempotency-key"] != posts[0][1]["idempotency-key"], "another call is another request"


def test_a_daemon_that_has_never_answered_is_not_waited_for(daemon, client):
    daemon.answers = [None, (200, {})]
    with pytest.raises(ckptd.NoDaemon) as error:
        client.status()
    assert error.value.code == "daemon_silent" and len(daemon.requests) == 1


def test_errors_are_not_repeated(daemon, client):
    daemon.answers = [EMPTY, problem(409, "not_running", "conflict")]
    list(client.jobs())
    with pytest.raises(ckptd.Conflict):
        client.job("j-1")
    assert len(daemon.requests) == 2


def test_patience_ends(daemon, client):
    client._transport.retry_for = 0.05
    daemon.answers = [EMPTY] + [None] * 1000
    list(client.jobs())
    with pytest.raises(ckptd.NoDaemon):
        client.job("j-1")
    assert len(daemon.requests) > 2


def test_a_delete_whose_first_try_was_done(daemon, client):
    daemon.answers = [(200, {"id": "j-1"}), None, problem(404, "no_such_job", "not_found")]
    client.job("j-1").delete()
    daemon.answers = [(200, {"id": "j-1"}), problem(404, "no_such_job", "not_found")]
    with pytest.raises(ckptd.NotFound):
        client.job("j-1").delete()


def test_too_many_long_polls(daemon, client, monkeypatch):
    pauses = []
    monkeypatch.setattr("ckptd.client.clock.sleep", pauses.append)
    busy = problem(503, "too_many_waiting", "timed_out")
    daemon.answers = [(200, {"id": "j-1", "state": "running"}), EMPTY, (200, {"id": "j-1", "state": "running"}), busy, EMPTY,
                      (200, {"id": "j-1", "state": "completed"})]
    assert client.job("j-1").wait().succeeded
    assert pauses == [1.0]
    daemon.answers = [(200, {"id": "j-1", "state": "running"}), busy, (202, {"id": "g1", "job": "j-1", "state": "requested"}),
                      EMPTY, (200, {"id": "g1", "job": "j-1", "state": "sealed"}), (200, {"id": "j-1", "state": "running"})]
    assert client.job("j-1").checkpoint().sealed
    targets = [request[0][1] for request in daemon.requests if request[0][0] == "POST"]
    assert targets == ["/v1/jobs/j-1/checkpoints?wait=50", "/v1/jobs/j-1/checkpoints"]


def test_a_checkpoint_that_takes_long_and_fails(daemon, client):
    generation = lambda state: {"id": "g1", "job": "j-1", "state": state, "reason": "no room"}
    daemon.answers = [(200, {"id": "j-1"}), (202, generation("writing")), EMPTY, (200, generation("verifying")), (200, {"id": "j-1", "state": "running"}), EMPTY,
                      (200, generation("failed"))]
    with pytest.raises(ckptd.Failed) as error:
        client.job("j-1").checkpoint()
    assert error.value.code == "checkpoint_failed" and "no room" in error.value.detail


def test_new_operations_as_they_are_agreed(daemon, client):
    job = {"id": "j-1", "state": "running", "policy": {"keep": 4}}
    generation = {"id": "g3", "job": "j-1", "state": "sealed", "pinned": False, "verified_at": None}
    verified = dict(generation, verified_at="2026-01-01T00:00:00Z")
    calls = [
        (lambda j: j.policy.update(keep=4, every="10m").keep, job, "PATCH /v1/jobs/j-1/policy", {"keep": 4, "every_seconds": 600.0}, 4),
        (lambda j: j.fork("g3", name="x", sbatch_args=["--mem=1G"], keep=1).id, {"id": "j-2"}, "POST /v1/jobs/j-1/fork",
         {"generation": "g3", "name": "x", "sbatch_args": ["--mem=1G"], "policy": {"keep": 1}}, "j-2"),
        (lambda j: j.fork(share_files=True, time="1h").id, {"id": "j-2"}, "POST /v1/jobs/j-1/fork",
         {"share_files": True, "time_limit_seconds": 3600.0}, "j-2"),
        (lambda j: j.hold().state, job, "POST /v1/jobs/j-1/hold", {}, "running"),
        (lambda j: j.release().state, job, "POST /v1/jobs/j-1/release", {}, "running"),
        (lambda j: j.requeue().state, job, "POST /v1/jobs/j-1/requeue", {}, "running"),
        (lambda j: ckptd.Generation(dict(generation), client).pin().pinned, dict(generation, pinned=True), "PATCH /v1/jobs/j-1/generations/g3",
         {"pinned": True}, True),
        (lambda j: ckptd.Generation(dict(generation), client).delete().state, dict(generation, state="pruned"), "DELETE /v1/jobs/j-1/generations/g3",
         None, "pruned"),
        (lambda j: ckptd.Generation(dict(generation), client).verify().verified_at.year, verified, "POST /v1/jobs/j-1/generations/g3/verify?wait=50",
         {}, 2026),
        (lambda j: [(p.job, p.reason) for p in client.prune(j, dry_run=True)], {"items": [{"job": "j-1", "reason": "r"}], "next": None}, "POST /v1/prune",
         {"job": "j-1", "dry_run": True}, [("j-1", "r")]),
        (lambda j: [(n.name, n.jobs) for n in client.nodes()], {"items": [{"name": "n1", "jobs": ["j-1"]}], "next": None}, "GET /v1/nodes", None,
         [("n1", ["j-1"])]),
        (lambda j: client.stats().accounting.saved_seconds, {"accounting": {"saved_seconds": 3}}, "GET /v1/stats", None, 3.0),
        (lambda j: j.checkpoint(wait=False, trigger="program").id, generation, "POST /v1/jobs/j-1/checkpoints?trigger=program", {}, "g3"),
    ]
    for call, answer, request, body, result in calls:
        daemon.answers = [(200, answer)]
        assert call(ckptd.Job({"id": "j-1"}, client)) == result
        seen = daemon.requests[-1]
        assert " ".join(seen[0]) == request and (json.loads(seen[2].decode()) if seen[2] else None) == body
    daemon.answers = [(202, generation), EMPTY, (200, generation), EMPTY, (200, verified)]
    assert ckptd.Generation(dict(generation), client).verify().verified_at, "one that takes long"


def test_a_folder_that_others_can_write_to_is_not_used(daemon, client):
    os.chmod(os.path.dirname(daemon.path), 0o777)
    with pytest.raises(ckptd.Refused) as error:
        client.status()
    assert error.value.code == "socket_folder_exposed" and not daemon.requests


def test_events_count_anew_behind_a_rebuild(daemon, client):
    event = {"seq": 1, "type": "job_created", "job": "j-1"}
    daemon.answers = [(200, {"items": [], "next": None, "last_seq": 90}), (200, {"last_event_seq": 0}), (200, {"items": [event], "next": None, "last_seq": 1})]
    assert next(client.events(after=90)).seq == 1
    assert [request[0][1].split("&")[0] for request in daemon.requests if "events" in request[0][1]] == ["/v1/events?after=90", "/v1/events?after=0"]


def test_output_that_is_cut_back_is_read_again(daemon, client, monkeypatch):
    chunks = iter([ckptd.OutputChunk(0, b"one\ntw", 6, 6, False), ckptd.OutputChunk(4, b"", 4, 4, False), ckptd.OutputChunk(4, b"two\xc3", 8, 8, False),
                   ckptd.OutputChunk(8, b"\xa9", 9, 9, False), ckptd.OutputChunk(9, b"", 9, 9, True)])
    monkeypatch.setattr(ckptd.Job, "read_output", lambda *_, **__: next(chunks))
    monkeypatch.setattr("ckptd.job.clock.sleep", lambda _: None)
    assert list(ckptd.Job({"id": "j-1"}, client).follow()) == ["one\ntw", "two", "é"]


def test_one_that_has_just_been_there_is_not_started_at_once(daemon, client, monkeypatch):
    """Two that start it get into each other's way; and a long poll that breaks late has all the patience."""
    started, now = [], [1000.0]
    monkeypatch.setattr(_endpoint, "runs", lambda endpoint: False)
    monkeypatch.setattr(_endpoint, "start", lambda *_: started.append(now[0]))
    monkeypatch.setattr("ckptd._http.time.monotonic", lambda: now[0])
    monkeypatch.setattr("ckptd._http.time.sleep", lambda seconds: now.__setitem__(0, now[0] + 1))
    client._transport._autostart = True
    daemon.answers = [EMPTY] + [None] * 8 + [EMPTY]
    list(client.jobs())
    now[0] += 1000
    list(client.jobs())
    assert started and 2005 < started[0] <= 2007
