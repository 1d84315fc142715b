"""The job's folder as a program inside sees it; the runner is played by the test."""
import json
import os
import zlib

import jsonschema
import pytest

import ckptd
from ckptd._folder import JobFolder, parse_events, read_events

SCHEMA = os.path.join(os.path.dirname(__file__), "../../../schema/order.schema.json")


def line(number, event):
    text = json.dumps(event)
    return "{} {} {:08x} {}\n".format(number, len(text.encode()), zlib.crc32("{} {}".format(number, text).encode()), text)


class Runner:
    def __init__(self, root):
        self.root = root
        self.events = {}
        (root / "attempts").mkdir()

    def claims(self, attempt):
        (self.root / "attempts/{}.claim".format(attempt)).write_text("{}")
        (self.root / "attempts/{}/orders".format(attempt)).mkdir(parents=True)
        self.writes(attempt, kind="claimed")

    def writes(self, attempt, **event):
        events = self.events.setdefault(attempt, [])
        events.append(event)
        with open(str(self.root / "attempts/{}/journal.jsonl".format(attempt)), "a") as out:
            out.write(line(len(events), event))

    def allocates(self, generation):
        (self.root / "generations/g{}".format(generation)).mkdir(parents=True)

    def seals(self, generation):
        (self.root / "generations/g{}/manifest.json".format(generation)).write_text("{}")

    def orders(self, attempt):
        folder = self.root / "attempts/{}/orders".format(attempt)
        return {path.name: json.loads(path.read_text()) for path in folder.iterdir()}


@pytest.fixture
def runner(tmp_path, monkeypatch):
    made = Runner(tmp_path)
    made.claims(1)
    made.then = []  # what happens while the program sleeps

    def sleep(_):
        assert made.then, "it waits for nothing"
        made.then.pop(0)()
    monkeypatch.setattr("ckptd._folder.time.sleep", sleep)
    monkeypatch.setattr("ckptd._folder._READ_AGAIN", 0)
    monkeypatch.setattr("ckptd._folder._TELL", 0)
    return made


def test_a_journal_is_read_up_to_what_is_torn(tmp_path):
    good = line(1, {"kind": "claimed"}) + line(2, {"kind": "ended", "reason": "é"})
    kinds = lambda text: [event["kind"] for event in parse_events(text.encode())]
    assert kinds(good) == ["claimed", "ended"]
    assert kinds(good + line(3, {"kind": "warning"})[:-3]) == ["claimed", "ended"], "no newline yet"
    assert kinds(good + line(4, {"kind": "warning"})) == ["claimed", "ended"], "not the next number"
    assert kinds(good.replace("claimed", "clained") + good) == [], "a wrong CRC"
    assert kinds("") == [] and read_events(str(tmp_path / "none")) == []


def test_an_order_is_what_the_schema_says_and_takes_the_next_number(runner):
    jsonschema_of = json.load(open(SCHEMA))
    folder = JobFolder(str(runner.root), 1)
    assert folder.order_checkpoint(1, 60, "because") == 1
    (runner.root / "attempts/1/orders/2.json").write_text(json.dumps({"epoch": 7}))
    assert folder.order_checkpoint(1, 60, "because") == 3
    orders = runner.orders(1)
    assert sorted(orders) == ["1.json", "2.json", "3.json"], "nothing else is left there"
    for name in ("1.json", "3.json"):
        jsonschema.validate(orders[name], jsonschema_of)
    assert orders["1.json"]["epoch"] == 0 and orders["3.json"]["epoch"] == 7, "not older than the daemon's"
    assert (orders["3.json"]["kind"], orders["3.json"]["trigger"], orders["3.json"]["number"]) == ("checkpoint", "program", 3)
    for number in range(4, 40):
        assert folder.order_checkpoint(1, 60, "because") == number


def test_the_daemon_takes_the_number_first(runner, monkeypatch):
    folder = JobFolder(str(runner.root), 1)
    real = os.link

    def link(source, target):
        if target.endswith("/1.json"):
            open(target, "w").write("{}")
        return real(source, target)
    monkeypatch.setattr(os, "link", link)
    assert folder.order_checkpoint(1, 60, "") == 2


def test_sealed(runner):
    runner.allocates(1)
    runner.seals(1)
    folder = JobFolder(str(runner.root), 1)
    first = folder.next_generation()
    order = folder.order_checkpoint(1, 60, "")
    runner.then = [lambda: runner.allocates(2), lambda: runner.allocates(3), lambda: runner.seals(3)]  # g2 missed its freeze window
    assert folder.wait(1, order, first, None) == ("g3", 1, False)


def test_the_answer_names_a_generation_that_is_not_there_any_more(runner):
    folder = JobFolder(str(runner.root), 1)
    order = folder.order_checkpoint(1, 60, "")
    runner.then = [lambda: runner.writes(1, kind="order_done", order=order, generation="g4")]
    assert folder.wait(1, order, 1, None) == ("g4", 1, False)


@pytest.mark.parametrize("reason, code", [("no room in the store", "checkpoint_failed"), ("an older daemon's order", "order_refused")])
def test_refused(runner, reason, code):
    folder = JobFolder(str(runner.root), 1)
    order = folder.order_checkpoint(1, 60, "")
    runner.then = [lambda: runner.writes(1, kind="order_refused", order=order + 1, reason="another's"),
                   lambda: runner.writes(1, kind="order_refused", order=order, reason=reason)]
    with pytest.raises(ckptd.Failed) as error:
        folder.wait(1, order, 1, None)
    assert error.value.code == code and reason in error.value.detail


def test_time_is_over(runner):
    folder = JobFolder(str(runner.root), 1)
    with pytest.raises(ckptd.TimedOut):
        folder.wait(1, folder.order_checkpoint(1, 60, ""), 1, 0)


def test_a_restored_copy_finds_itself_in_a_newer_attempt_whatever_the_clock_says(runner, monkeypatch):
    folder = JobFolder(str(runner.root), 1)
    order = folder.order_checkpoint(1, 60, "")

    def restored():
        runner.writes(1, kind="ended")
        runner.claims(2)
        runner.writes(2, kind="program_restarted", generation="g1")
        monkeypatch.setattr("ckptd._folder.time.monotonic", lambda: 1e12)  # a host that has been up for longer
    runner.then = [restored]
    assert folder.wait(1, order, 1, 30) == ("g1", 2, True)
    assert JobFolder(str(runner.root), 1).our_attempt() == 2, "CKPT_ATTEMPT is that of the first run"


def test_a_claim_that_gave_up_at_once_is_no_restart(runner):
    folder = JobFolder(str(runner.root), 1)
    order = folder.order_checkpoint(1, 60, "")

    def revoked():
        runner.claims(2)
        runner.writes(2, kind="ended")
    runner.then = [revoked, lambda: runner.allocates(1), lambda: runner.seals(1)]
    assert folder.wait(1, order, 1, None) == ("g1", 1, False)


def test_a_left_over_is_told_so(runner):
    runner.writes(1, kind="ended")
    with pytest.raises(ckptd.Conflict):
        JobFolder(str(runner.root), 1).our_attempt()


def test_of_the_environment(runner):
    assert JobFolder.of({"CKPT_RUN": str(runner.root) + "#1"}).path == str(runner.root)
    for wrong in ("", "#1", "/nowhere#1", str(runner.root), str(runner.root) + "#x"):
        assert JobFolder.of({"CKPT_RUN": wrong}) is None


def test_nothing_is_open_while_it_waits(runner):
    """What is open at the freeze is in the image: a connection or a file that grows could hinder the restart."""
    folder = JobFolder(str(runner.root), 1)
    opened = lambda: sorted(os.readlink("/proc/self/fd/" + fd) for fd in os.listdir("/proc/self/fd") if os.path.lexists("/proc/self/fd/" + fd))
    before, seen = opened(), []
    order = folder.order_checkpoint(1, 60, "")
    runner.then = [lambda: seen.append(opened()), lambda: runner.allocates(1), lambda: seen.append(opened()), lambda: runner.seals(1)]
    folder.wait(1, order, 1, None)
    foreign = [name for names in seen for name in names if name not in before and not name.startswith("/proc")]
    assert foreign == []


def test_a_fork_finds_its_own_runner_whatever_its_environment_says(tmp_path):
    from ckptd._folder import runners_job

    def process(pid, parent, *words):
        folder = tmp_path / "proc" / str(pid)
        folder.mkdir(parents=True)
        (folder / "stat").write_text("{} (a (b) c) S {} 1 1".format(pid, parent))
        (folder / "cmdline").write_bytes(b"\0".join(word.encode() for word in words) + b"\0")

    process(os.getpid(), 20, "python3", "x.py")
    process(20, 10, "sh", "-c", "/s/jobs/j-1/attempts/1")
    process(10, 1, "/s/bin/1/ckpt-runner", "run", "--job", "/s/jobs/j-12", "--token", "t")
    process(1, 0, "init")
    proc = str(tmp_path / "proc")
    assert runners_job("/s/jobs/j-1", proc) == "/s/jobs/j-12"
    assert runners_job("/other/jobs/j-1", proc) is None
    (tmp_path / "proc/10/cmdline").write_bytes(b"ckpt-runner\0--ns-init\0restore\0/s/jobs/j-3/attempts/2\0")
    assert runners_job("/s/jobs/j-1", proc) == "/s/jobs/j-3"
    (tmp_path / "proc/10/cmdline").write_bytes(b"slurmstepd\0")
    assert runners_job("/s/jobs/j-1", proc) is None
    assert runners_job("/s/jobs/j-1") is None  # nobody's runner is above this test
