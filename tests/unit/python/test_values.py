"""Text, times, durations, policies and what is sent for a job."""
import datetime
import os
import pickle

import pytest

import ckptd
from ckptd import _script, _submit, _values, errors, policy


@pytest.mark.parametrize("given, seconds", [
    ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("250ms", 0.25), ("2d", 172800), ("24:00:00", 86400), ("1-12", 129600),
    ("1-12:30", 131400), ("1-0:0:5", 86405), (90, 90), (0.5, 0.5), (datetime.timedelta(hours=2), 7200)])
def test_durations(given, seconds):
    assert _values.seconds(given) == seconds


@pytest.mark.parametrize("given", ["30", "1:30", "30m1h", "1h1h", "1x", "", "1h junk", "24:60:00", "h", -1, 1e12, True, None, [3]])
def test_durations_are_refused_rather_than_guessed(given):
    with pytest.raises(ckptd.Usage) as error:
        _values.seconds(given)
    assert error.value.code == "bad_duration"


@pytest.mark.parametrize("given, seconds", [("30", 1800), ("1:30", 90), ("24:00:00", 86400), ("UNLIMITED", _values.NO_LIMIT), ("0", _values.NO_LIMIT),
                                            (60, 60)])
def test_a_time_limit_is_what_sbatch_takes(given, seconds):
    assert _values.time_limit(given) == seconds


def test_times_are_aware():
    time = _values.parse_time("2026-01-31T09:05:00.250Z")
    assert time == datetime.datetime(2026, 1, 31, 9, 5, 0, 250000, tzinfo=datetime.timezone.utc)
    assert _values.parse_time("2026-01-31T10:05:00.25+01:00") == time
    assert _values.parse_time("2026-01-31T04:05:00.25-05:00") == time
    assert _values.format_time(time) == "2026-01-31T09:05:00.250Z"
    assert _values.parse_time(None) is None
    with pytest.raises(ValueError):
        _values.parse_time("yesterday")


def test_text_that_is_no_utf8_survives():
    odd = os.fsdecode(b"caf\xe9")
    assert _values.encode_text(odd) == {"base64": "Y2Fm6Q=="}
    assert _values.decode_text(_values.encode_text(odd)) == odd
    assert _values.encode_text("café") == "café"
    assert _values.encode_text(b"bytes") == "bytes"


def test_a_policy_in_the_words_of_the_api():
    assert policy.to_json({"every": "30m", "lead": "auto", "keep": 3, "ckpt_files": "state*", "append_files": ["a", b"b"],
                           "tags": {"n": 1}, "total_time": datetime.timedelta(hours=1), "compress": None}) == {
        "every_seconds": 1800.0, "lead_seconds": "auto", "keep": 3, "ckpt_files": ["state*"], "append_files": ["a", "b"],
        "tags": {"n": "1"}, "total_time_seconds": 3600.0}
    with pytest.raises(ckptd.Usage) as error:
        policy.to_json({"evry": "30m"})
    assert "every" in error.value.advice


def body(argv, **more):
    given = dict(base={"PATH": "/bin", "PWD": "/nowhere"}, argv=argv, name=None, time=None, sbatch_args=(), env=None, cwd="/", output=None,
                 error=None, modules=(), setup=None, engine="auto", app={}, wishes={})
    given.update(more)
    return _submit.request(**given)


def test_what_is_sent_for_a_job():
    sent = body(["./x", 3, 0.5, b"\xff"], env={"A": 1}, time="1-0", sbatch_args=["--mem=1G"], name="n", app={"signal": "USR1", "command": None})
    assert sent["argv"] == ["./x", "3", "0.5", {"base64": "/w=="}]
    assert sent["env"] == {"PATH": "/bin", "PWD": "/", "A": "1"}
    assert (sent["time_limit_seconds"], sent["sbatch_args"], sent["name"], sent["app"]) == (86400.0, ["--mem=1G"], "n", {"signal": "USR1"})
    assert "policy" not in sent and sent["cwd"] == "/" and len(sent["umask"]) == 4
    assert body("a | b")["argv"] == ["/bin/sh", "-c", "a | b"]
    assert body(["x"], base={"SBATCH_TIMELIMIT": "30"})["time_limit_seconds"] == 1800
    odd = body(["x"], base={os.fsdecode(b"\xff"): "v"})
    assert odd["env_odd_names"] == [{"name": {"base64": "/w=="}, "value": "v"}]


@pytest.mark.parametrize("argv, more, kind", [([], {}, ckptd.Usage), ([""], {}, ckptd.Usage), ([None], {}, ckptd.Usage),
                                              (["x"], {"cwd": "/no/such"}, ckptd.NotFound), (["x"], {"sbatch_args": "--mem=1G"}, ckptd.Usage)])
def test_what_cannot_be_a_job(argv, more, kind):
    with pytest.raises(kind):
        body(argv, **more)


def script_words(script, args=(), **more):
    given = dict(name=None, time=None, sbatch_args=(), env=None, cwd=None, output=None, error=None, modules=(), setup=None, engine="auto",
                 app={}, wishes={})
    given.update(more)
    return _script.words(script, args, **given)


def test_a_script_becomes_options_of_ckpt_sbatch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert script_words("job.sh") == [b"--", b"job.sh"]
    words = script_words(
        b"job.sh", args=["a b", 3, b"\xff", "--every"], name="n", time="1:30:30", sbatch_args=["-p", "long"], env={"A": 1}, output="o-%j",
        modules="gcc", engine="app", app={"signal": "USR1", "command": None},
        wishes={"every": "30m", "lead": "auto", "keep": 3, "stop_after": 0.25, "ckpt_files": ["a*", b"\xe9"], "tags": {"k": "v"}, "compress": None})
    assert words[:6] == [b"--job-name=n", b"--time=0-01:30:30", b"--output=o-%j", b"--engine=app", b"--ckpt-signal=USR1", b"--module=gcc"]
    assert words[6] == b"--env=A=1"
    assert set(words[7:14]) == {b"--every=1800000ms", b"--lead=auto", b"--keep=3", b"--stop-after=250ms", b"--ckpt-files=a*",
                                b"--ckpt-files=\xe9", b"--tag=k=v"}
    assert words[14:] == [b"-p", b"long", b"--", b"job.sh", b"a b", b"3", b"\xff", b"--every"]
    (tmp_path / "job.sh").write_text("")
    assert script_words("job.sh", cwd="/")[-1] == os.fsencode(str(tmp_path / "job.sh")), "a file that is here, wherever it shall run"
    assert script_words("job.sh", time="UNLIMITED")[0] == b"--time=365-00:00:00"


@pytest.mark.parametrize("more, kind", [({"args": "one"}, ckptd.Usage), ({"sbatch_args": "-p x"}, ckptd.Usage), ({"wishes": {"evry": 1}}, ckptd.Usage),
                                        ({"time": "soon"}, ckptd.Usage), ({"script": ""}, ckptd.NotFound)])
def test_what_cannot_be_a_script(more, kind):
    with pytest.raises(kind):
        script_words(**{"script": "job.sh", **more})


def test_errors_by_class_and_code():
    error = errors.from_problem(409, b'{"code": "not_running", "class": "conflict", "detail": "it is parked", "advice": "ckpt restart",'
                                b' "title": "t", "outcome": "retryable", "status": 409}')
    assert type(error) is ckptd.Conflict
    assert (error.code, error.detail, error.advice, error.status, error.outcome, error.exit_status) == (
        "not_running", "it is parked", "ckpt restart", 409, "retryable", 4)
    assert str(error) == "it is parked. ckpt restart"
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is ckptd.Conflict and copy.code == "not_running" and copy.outcome == "retryable"


@pytest.mark.parametrize("status, body, kind", [(404, b"", ckptd.NotFound), (502, b"<html>", ckptd.Failed), (400, b"[]", ckptd.Usage),
                                                (418, b'{"code": ""}', ckptd.Usage)])
def test_an_answer_of_something_else(status, body, kind):
    error = errors.from_problem(status, body)
    assert type(error) is kind and error.code == "unexpected_reply" and error.outcome == "unknown"


def test_errors_are_also_pythons_own():
    assert issubclass(ckptd.NoDaemon, ConnectionError) and issubclass(ckptd.TimedOut, TimeoutError)
    assert issubclass(ckptd.NotFound, LookupError) and issubclass(ckptd.Usage, ValueError)
    assert str(ckptd.NoDaemon("no_daemon", "none")) == "none"
    assert pickle.loads(pickle.dumps(ckptd.TimedOut("a", "b", "c", outcome="unknown"))).outcome == "unknown"


def test_views_are_tolerant_and_read_only():
    job = ckptd.Job({"id": "j-1", "state": "running", "name": {"base64": "/w=="}, "created_at": "2026-01-31T09:05:00Z", "to_come": [1],
                     "current_attempt": {"n": 2, "started_from": {"job": "j-1", "generation": "g3"}},
                     "policy": {"every_seconds": "auto", "tags": {"a": "b"}}, "accounting": {"run_seconds": 3}})
    assert job.name == os.fsdecode(b"\xff") and job.created_at.tzinfo is datetime.timezone.utc
    assert job.raw["to_come"] == [1] and job.engine is None and job.warnings == [] and job.attempts_count == 0
    assert job.accounting.run_seconds == 3.0 and job.policy.every_seconds == "auto" and job.policy.tags == {"a": "b"}
    assert not job.settled and repr(job) == "<Job j-1 {'base64': '/w=='} running>"
    with pytest.raises(AttributeError):
        job.state = "completed"
    generation = ckptd.Generation({"id": "g3", "job": "j-1", "state": "sealed", "blocked_seconds": 1, "bytes": 10})
    assert generation.sealed and generation.blocked_seconds == 1.0 and generation.bytes == 10 and generation.pinned is False
