"""The job's folder in the store, as a program inside an attempt sees it: orders to its runner, and what became of them.

A checkpoint of this very process is being asked for, so nothing may be open when it comes: between the order and the seal there are
only stat(2)s, and the journal is read in one short go, a second apart.
"""
import binascii
import datetime
import json
import os
import re
import time
import zlib
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from ._values import format_time
from .errors import Conflict, Failed, TimedOut

_PAUSE = 0.1  # seconds between two looks
_READ_AGAIN = 1.0  # seconds between two readings of the journal
_LOOK_BACK = 16  # orders whose epochs are looked at
_TELL = 5.0  # seconds for the runner to say what it has restarted from
OLD_EPOCH = "an older daemon's order"

Answer = NamedTuple("Answer", [("generation", Optional[str]), ("attempt", int), ("restarted", bool)])


def read_events(path: str) -> List[Dict[str, Any]]:
    """The events of a journal, up to the first line that is torn or damaged; [] if there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    try:
        parts = []  # type: List[bytes]
        while not parts or parts[-1]:
            parts.append(os.read(fd, 1 << 20))
    finally:
        os.close(fd)
    return parse_events(b"".join(parts))


def parse_events(data: bytes) -> List[Dict[str, Any]]:
    """Lines of `number length crc json`, where the CRC is that of `number json`."""
    events = []  # type: List[Dict[str, Any]]
    for line in data.split(b"\n")[:-1]:
        found = re.match(rb"(\d+) (\d+) ([0-9a-f]{8}) (.*)$", line, re.DOTALL)
        if not found or int(found.group(1)) != len(events) + 1 or int(found.group(2)) != len(found.group(4)):
            break
        if zlib.crc32(found.group(1) + b" " + found.group(4)) != int(found.group(3), 16):
            break
        events.append(json.loads(found.group(4).decode("utf-8")))
    return events


def runners_job(path: str, proc: str = "/proc") -> Optional[str]:
    """The job folder, beside `path`, whose runner is above this process. A fork's environment is that of the job that it was started
    from, so it names the wrong one. None where no runner is to be seen."""
    pattern = re.compile(re.escape(os.path.dirname(path)) + r"/j-[1-9][0-9]*(?=/|$)")
    pid = str(os.getpid()) if proc != "/proc" else "self"
    for _ in range(64):
        try:
            with open(os.path.join(proc, pid, "stat"), "rb") as file:
                parent = file.read().rpartition(b")")[2].split()[1].decode()
            with open(os.path.join(proc, pid, "cmdline"), "rb") as file:
                words = [os.fsdecode(word) for word in file.read().split(b"\0")]
        except (OSError, IndexError):
            return None
        if os.path.basename(words[0]) == "ckpt-runner":
            found = [match.group() for match in map(pattern.match, words[1:]) if match]
            return found[0] if found else None
        if parent == "0":
            return None
        pid = parent
    return None


class JobFolder:
    """`path`: as CKPT_RUN names it; `attempt`: one that is not newer than ours."""

    def __init__(self, path: str, attempt: int) -> None:
        self.path = path
        self._known = max(1, attempt)

    @classmethod
    def of(cls, env: Mapping[str, str]) -> Optional["JobFolder"]:
        """Nothing where this process cannot use it."""
        path, mark, attempt = env.get("CKPT_RUN", "").rpartition("#")
        if not mark or not attempt.isdigit() or not os.path.isdir(os.path.join(path, "attempts")):
            return None
        ours = runners_job(path)
        return cls(path, int(attempt)) if ours in (None, path) else cls(ours, 1)

    def newest_attempt(self) -> int:
        """The last that has claimed the job: their numbers have no gaps. A restored program's CKPT_ATTEMPT is an old one."""
        while self._exists("attempts", "{}.claim".format(self._known + 1)):
            self._known += 1
        return self._known

    def our_attempt(self) -> int:
        """The newest that has not ended. `Conflict` when there is none: then this process is a left-over."""
        for n in range(self.newest_attempt(), 0, -1):
            if not any(event.get("kind") == "ended" for event in self._journal(n)):
                return n
        raise Conflict("attempt_over", "no attempt of the job in {} is running".format(self.path))

    def next_generation(self) -> int:
        try:
            names = os.listdir(os.path.join(self.path, "generations"))
        except FileNotFoundError:
            return 1
        return max([int(name[1:]) for name in names if re.match(r"g\d+$", name)] or [0]) + 1

    def order_checkpoint(self, attempt: int, valid: float, reason: str) -> int:
        """Asks the runner for one; it looks every two seconds. Returns the order's number. `valid`: seconds."""
        folder = os.path.join(self.path, "attempts", str(attempt), "orders")
        os.makedirs(folder, exist_ok=True)
        number = self._first_free(folder)
        epoch = max([self._epoch(folder, n) for n in range(max(1, number - _LOOK_BACK), number)] or [0])
        expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=valid)
        order = {"epoch": epoch, "expires_at": format_time(expires), "kind": "checkpoint", "trigger": "program", "reason": reason}
        while not self._create(folder, number, dict(order, number=number)):
            number += 1  # the daemon was faster
        return number

    def wait(self, attempt: int, order: int, generation: int, timeout: Optional[float]) -> Answer:
        """Until a generation from this number on is sealed, or this process finds itself in a newer attempt: restored.
        `Failed` with the runner's reason, `TimedOut`."""
        begun = time.monotonic()
        read_at, size = begun, -1
        newest = self.newest_attempt()
        while True:
            if self._exists("attempts", "{}.claim".format(newest + 1)):  # before any look at the clock: it is another host's
                if self.our_attempt() != attempt:
                    return self._restored()
                newest = self.newest_attempt()  # one that gave up at once
            at = generation
            while self._exists("generations", "g{}".format(at)):
                if self._exists("generations", "g{}".format(at), "manifest.json"):
                    return Answer("g{}".format(at), attempt, False)
                at += 1
            now = time.monotonic()
            if now - read_at >= _READ_AGAIN and self._journal_size(attempt) != size:
                size, read_at = self._journal_size(attempt), now
                sealed = self._answer_of(attempt, order)
                if sealed:
                    return Answer(sealed, attempt, False)
            if timeout is not None and now - begun >= timeout:
                raise TimedOut("wait_timed_out", "no checkpoint was sealed within {} s".format(timeout), "It may still come.")
            time.sleep(_PAUSE)

    def _restored(self) -> Answer:
        attempt = self.our_attempt()
        begun = time.monotonic()
        while True:
            for event in reversed(self._journal(attempt)):
                if event.get("kind") == "program_restarted":
                    return Answer(event.get("generation"), attempt, True)
            if time.monotonic() - begun >= _TELL:
                return Answer(None, attempt, True)
            time.sleep(_PAUSE)

    def _answer_of(self, attempt: int, order: int) -> Optional[str]:
        for event in self._journal(attempt):
            if event.get("order") == order and event.get("kind") == "order_done":
                return event.get("generation") or ""
            if event.get("order") == order and event.get("kind") == "order_refused":
                reason = event.get("reason", "")
                raise Failed("order_refused" if reason == OLD_EPOCH else "checkpoint_failed",
                             "the checkpoint was not taken: " + reason, "`ckpt logs --runner` has the details.", outcome="retryable")
        return None

    def _journal(self, attempt: int) -> List[Dict[str, Any]]:
        return read_events(self._journal_path(attempt))

    def _journal_path(self, attempt: int) -> str:
        return os.path.join(self.path, "attempts", str(attempt), "journal.jsonl")

    def _journal_size(self, attempt: int) -> int:
        try:
            return os.stat(self._journal_path(attempt)).st_size
        except OSError:
            return -1

    def _exists(self, *names: str) -> bool:
        return os.path.exists(os.path.join(self.path, *names))

    @staticmethod
    def _first_free(folder: str) -> int:
        """Numbers have no gaps: twice as far until there is none, then halves."""
        def taken(number: int) -> bool:
            return os.path.exists(os.path.join(folder, "{}.json".format(number)))
        high = 1
        while taken(high):
            high *= 2
        low = high // 2  # taken, or 0
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if taken(middle) else (low, middle)
        return high

    @staticmethod
    def _epoch(folder: str, number: int) -> int:
        try:
            with open(os.path.join(folder, "{}.json".format(number)), "rb") as file:
                return int(json.loads(file.read().decode("utf-8"))["epoch"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    @staticmethod
    def _create(folder: str, number: int, order: Dict[str, Any]) -> bool:
        """A file of its own, then a link: that is exclusive on NFS too. From the link on the freeze may come at any time."""
        temporary = os.path.join(folder, ".{}.{}.new".format(number, binascii.hexlify(os.urandom(8)).decode("ascii")))
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, json.dumps(order).encode("ascii"))
            os.fsync(fd)
        finally:
            os.close(fd)
        try:
            os.link(temporary, os.path.join(folder, "{}.json".format(number)))
            return True
        except FileExistsError:
            return os.stat(temporary).st_nlink == 2  # a repeated call of NFS
        finally:
            try:
                os.unlink(temporary)
            except FileNotFoundError:
                pass  # removed before the checkpoint that this process was restored from
