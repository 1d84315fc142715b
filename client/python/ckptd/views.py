"""What the daemon tells, as read-only objects. Times are aware datetimes, durations seconds, sizes bytes.

Fields that this version does not know stand in `raw`; a field that an older daemon does not send is None (or empty).
"""
import datetime
from typing import TYPE_CHECKING, Any, Callable, Dict, Generic, List, Optional, TypeVar

from ._values import decode_text, decode_texts, parse_time

if TYPE_CHECKING:
    from .client import Client

T = TypeVar("T")
Seconds = Optional[float]
Time = Optional[datetime.datetime]


class Field(Generic[T]):
    """An attribute that is read out of `raw`."""

    def __init__(self, read: Callable[[Any], T], doc: str = "") -> None:
        self._read = read
        self._name = ""
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, record: Any, owner: Optional[type] = None) -> T:
        if record is None:
            return self  # type: ignore[return-value]
        return self._read(record.raw.get(self._name))

    def __set__(self, record: Any, value: Any) -> None:
        raise AttributeError("{} is the daemon's to change".format(self._name))


def _number(value: Any) -> Optional[int]:
    return None if value is None else int(value)


def _seconds(value: Any) -> Seconds:
    return None if value is None else float(value)


def text(doc: str = "") -> "Field[str]":
    return Field(decode_text, doc)


def texts(doc: str = "") -> "Field[List[str]]":
    return Field(decode_texts, doc)


def word(doc: str = "") -> "Field[Optional[str]]":
    return Field(lambda value: None if value is None else decode_text(value), doc)


def count(doc: str = "") -> "Field[int]":
    return Field(lambda value: int(value or 0), doc)


def number(doc: str = "") -> "Field[Optional[int]]":
    return Field(_number, doc)


def duration(doc: str = "") -> "Field[Seconds]":
    return Field(_seconds, doc)


def time(doc: str = "") -> "Field[Time]":
    return Field(parse_time, doc)


def flag(doc: str = "") -> "Field[bool]":
    return Field(bool, doc)


def anything(doc: str = "") -> "Field[Any]":
    return Field(lambda value: value, doc)


class Record:
    """One thing that the daemon told. `raw`: the JSON as it came."""

    def __init__(self, raw: Dict[str, Any], client: Optional["Client"] = None) -> None:
        self.raw = raw
        self._client_or_none = client

    @property
    def _client(self) -> "Client":
        assert self._client_or_none is not None, "made without a client"
        return self._client_or_none

    def __eq__(self, other: Any) -> bool:
        return type(self) is type(other) and self.raw == other.raw

    __hash__ = None  # type: ignore[assignment]

    def _shown(self) -> List[str]:
        return ["id", "state"]

    def __repr__(self) -> str:
        return "<{} {}>".format(type(self).__name__, " ".join(str(self.raw[name]) for name in self._shown() if name in self.raw))


class GenerationRef(Record):
    job = text()
    generation = text()

    def _shown(self) -> List[str]:
        return ["job", "generation"]


class Generation(Record):
    """One complete set of checkpoint images (g1, g2, …)."""

    id = text()
    job = text("id of the job")
    state = text("requested, writing, verifying, sealed, failed, pruned or corrupt")
    trigger = text("why it was taken")
    reason = text()
    attempt = number("the one that wrote it")
    parent = word("the generation that this attempt had started from")
    requested_at = time()
    frozen_at = time("the instant that a restart goes back to")
    sealed_at = time()
    verified_at = time()
    bytes = number("of its images")
    stored_bytes = number("on the disk, compressed perhaps")
    blocked_seconds = duration("for which the program stood still")
    engine = word()
    engine_version = text()
    host = text()
    pinned = flag("never removed by retention")

    @property
    def sealed(self) -> bool:
        return self.state == "sealed"

    def refresh(self) -> "Generation":
        """Reads it again; returns itself."""
        self.raw = self._client._json("GET", self._path())
        return self

    def pin(self) -> "Generation":
        """Keeps it, whatever the policy says, until `unpin`."""
        self.raw = self._client._json("PATCH", self._path(), body={"pinned": True})
        return self

    def unpin(self) -> "Generation":
        self.raw = self._client._json("PATCH", self._path(), body={"pinned": False})
        return self

    def verify(self, timeout: Optional[float] = None) -> "Generation":
        """Reads every byte again and compares; returns itself with state `sealed` or `corrupt`. `TimedOut` after `timeout` seconds."""
        before = self.verified_at

        def ask(wait: int) -> Any:
            status, self.raw = self._client._post(self._path() + "/verify", wait=wait)
            return status == 200 or None

        def look() -> Any:
            self.refresh()
            return self.verified_at != before or self.state != "sealed" or None

        self._client._ask_and_wait(self.job, ask, look, timeout, "verified")
        return self

    def delete(self) -> "Generation":
        """Removes its images. `Conflict` for the newest good one, a pinned one, and one in use."""
        raw = self._client._json("DELETE", self._path())
        self.raw = raw if raw is not None else dict(self.raw, state="pruned")
        return self

    def _path(self) -> str:
        return self._client._job_path(self.job, "generations", self.id)

    def _shown(self) -> List[str]:
        return ["job", "id", "state", "trigger"]


class Attempt(Record):
    """One run of a job in one allocation."""

    n = count()
    job = text()
    scheduler_job_id = text()
    restart_count = count()
    node = text()
    state = text()
    reason = text()
    end_reason = word()
    submitted_at = time()
    started_at = time()
    ended_at = time()
    walltime_ends_at = time()
    started_from = Field(lambda value: None if value is None else GenerationRef(value))
    engine = word()
    engine_version = text()
    exit_code = number()
    signal = number()
    lost_seconds = duration("of its run, the end that no later state holds")

    def _shown(self) -> List[str]:
        return ["job", "n", "state"]


class Event(Record):
    """Something that happened. `seq` grows; it is what `Client.events(after=…)` takes."""

    seq = count()
    at = time()
    type = text()
    job = word()
    attempt = number()
    generation = word()
    message = text()
    by = text()

    def _shown(self) -> List[str]:
        return ["seq", "type", "job", "message"]


class Process(Record):
    pid = count()
    ppid = count()
    name = text()
    role = text("program, engine or runner")
    state = text()
    node = text()
    resident_bytes = number()
    cpu_seconds = duration()

    def _shown(self) -> List[str]:
        return ["pid", "name", "role"]


class Coordinator(Record):
    job = text()
    attempt = count()
    scheduler_job_id = text()
    engine = text()
    version = text()
    host = text()
    port = count()
    pid = count()
    state = text()
    started_at = time()

    def _shown(self) -> List[str]:
        return ["job", "host", "port"]


class Node(Record):
    name = text()
    state = text("as the scheduler says it")
    reason = text()
    attempts_count = count()
    refusals_count = count()
    last_refusal = text()
    last_seen_at = time()
    jobs = texts()

    def _shown(self) -> List[str]:
        return ["name", "state"]


class Warning_(Record):
    """What will or may break a restart."""

    code = text()
    message = text()
    advice = text()
    first_seen = time()

    def _shown(self) -> List[str]:
        return ["code", "message"]


class Accounting(Record):
    run_seconds = duration()
    lost_seconds = duration()
    checkpoint_seconds = duration()
    queue_seconds = duration()
    saved_seconds = duration("work that restarts did not have to repeat")

    def _shown(self) -> List[str]:
        return ["run_seconds", "lost_seconds"]


class Pruned(Record):
    """A generation that `Client.prune` removed, or would."""

    job = text()
    generation = text()
    stored_bytes = number()
    reason = text()

    def _shown(self) -> List[str]:
        return ["job", "generation", "reason"]


class Status(Record):
    """Health of daemon, scheduler, engines and store."""

    health = text("ok or degraded")
    daemon = anything()
    scheduler = anything()
    engines = anything()
    store = anything()
    jobs = anything("number of jobs by state")
    last_event_seq = count()
    degraded = anything("what is wrong, each with advice")

    def _shown(self) -> List[str]:
        return ["health"]


class Stats(Record):
    jobs = anything()
    checkpoints = anything()
    blocked_seconds = anything()
    stored_bytes = number()
    raw_bytes = number()
    accounting = Field(lambda value: Accounting(value or {}))

    def _shown(self) -> List[str]:
        return ["jobs"]
