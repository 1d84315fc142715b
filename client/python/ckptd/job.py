"""A job and what can be done with it."""
import codecs
import time as clock
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

from . import policy as policies
from ._values import Duration, Text, encode_text, time_limit
from .errors import Failed
from .policy import Policy
from .views import (Accounting, Attempt, Event, Field, Generation, Process, Record, Warning_, count, number, text, texts, time,
                    word)

if TYPE_CHECKING:
    from .client import Client

#: Nothing of the job runs or is queued; it goes on only when a person asks for it.
SETTLED = ("completed", "failed", "cancelled", "parked")

OutputChunk = NamedTuple("OutputChunk", [("offset", int), ("data", bytes), ("next_offset", int), ("size", int), ("complete", bool)])

_READ_AT_ONCE = 1 << 20  # bytes
_FOLLOW_PAUSE = 0.5  # seconds between two looks at an output that does not grow


class Job(Record):
    """A computation that is carried over as many allocations as it needs.

    The attributes are as of the last answer; `refresh` and every operation bring them up to date.
    """

    id = text("j-7: the same for life")
    name = text()
    state = text("queued, running, stopping, parked, completed, failed or cancelled")
    reason = text("why it is in this state")
    scheduler = text()
    engine_wish = text()
    engine = word()
    created_at = time()
    ended_at = time()
    exit_code = number()
    signal = number()
    tags = Field(lambda value: dict(value or {}))  # type: Field[Dict[str, str]]
    argv = texts()
    array = Field(lambda value: dict(value) if value else None)  # type: Field[Optional[Dict[str, Any]]]
    script_path = text("of the kept copy of its batch script; empty when it has none")
    cwd = text()
    stdout_path = text()
    stderr_path = text()
    attempts_count = count()
    restarts_count = count()
    generations_count = count()
    next_checkpoint_at = time()
    next_checkpoint_trigger = word()
    accounting = Field(lambda value: Accounting(value or {}))
    warnings = Field(lambda value: [Warning_(one) for one in value or []])

    # What is a thing of its own.

    @property
    def policy(self) -> Policy:
        """The wishes; `job.policy.update(every="10m")` changes them."""
        return Policy(self.raw.get("policy") or {}, self)

    @property
    def current_attempt(self) -> Optional[Attempt]:
        raw = self.raw.get("current_attempt")
        return Attempt(raw, self._client) if raw else None

    @property
    def latest_generation(self) -> Optional[Generation]:
        """The newest sealed one."""
        raw = self.raw.get("latest_generation")
        return Generation(raw, self._client) if raw else None

    @property
    def settled(self) -> bool:
        """Completed, failed, cancelled or parked."""
        return self.state in SETTLED

    @property
    def succeeded(self) -> bool:
        return self.state == "completed"

    # Asked of the daemon, each time.

    @property
    def generations(self) -> List[Generation]:
        """All checkpoints, ascending."""
        return [Generation(raw, self._client) for raw in self._client._pages(self._path("generations"))]

    @property
    def attempts(self) -> List[Attempt]:
        """All runs, ascending."""
        return [Attempt(raw, self._client) for raw in self._client._pages(self._path("attempts"))]

    @property
    def processes(self) -> List[Process]:
        return [Process(raw) for raw in self._client._pages(self._path("processes"))]

    def generation(self, name: str) -> Generation:
        """One checkpoint by its name ("g3"). `NotFound`."""
        return Generation(self._client._json("GET", self._path("generations", name)), self._client)

    def refresh(self) -> "Job":
        """Reads the job again; returns itself."""
        return self._now(self._client._json("GET", self._path()))

    def events(self, after: Any = 0, timeout: Optional[float] = None) -> Iterator[Event]:
        """As `Client.events`, of this job only."""
        return self._client.events(after=after, job=self.id, timeout=timeout)

    # What a person does.

    def checkpoint(self, wait: bool = True, timeout: Optional[float] = None, trigger: Optional[str] = None) -> Generation:
        """Takes a checkpoint now. With `wait` returns when it is sealed; without, at once with the one that was asked for.

        `Failed` when it could not be taken, `Conflict` when no program runs, `TimedOut` after `timeout` seconds (it may still be
        sealed). `trigger`: "program" when the program itself asks.
        """
        query = [("trigger", trigger)] if trigger else []
        made = []  # type: List[Generation]

        def ask(seconds: int) -> Optional[Generation]:
            _, raw = self._client._post(self._path("checkpoints"), wait=seconds, query=query)
            made.append(Generation(raw, self._client))
            return made[0] if made[0].sealed else None

        def look() -> Optional[Generation]:
            one = made[0].refresh()
            if one.state in ("requested", "writing", "verifying") and not self.refresh().settled:
                return None
            if one.sealed:
                return one
            raise Failed("checkpoint_failed", "{} {} {}{}".format(one.job, one.id, one.state, ": " + one.reason if one.reason else ""),
                         "The program goes on where that is possible: `ckpt show {}`.".format(one.job))

        if not wait:
            ask(0)
            return made[0]
        sealed = self._client._ask_and_wait(self.id, ask, look, timeout, "sealed")
        self.refresh()
        return sealed

    def stop(self, wait: bool = True, timeout: Optional[float] = None) -> "Job":
        """Takes a checkpoint, frees the allocation and parks the job; `restart` goes on from there. Returns itself."""
        return self._end("stop", wait, timeout)

    def cancel(self, wait: bool = True, timeout: Optional[float] = None) -> "Job":
        """Ends it for good, without a checkpoint. Its generations are kept. Returns itself."""
        return self._end("cancel", wait, timeout)

    def wait(self, timeout: Optional[float] = None, state: Optional[str] = None) -> "Job":
        """Until it is completed, failed, cancelled or parked, or in `state` ("running"); returns itself. `TimedOut` after `timeout`
        seconds: it goes on then. That it failed is no exception: look at `state`, `exit_code`, `reason`."""
        def look() -> Optional["Job"]:
            return self if self.refresh().settled or self.state == state else None

        return self._client._wait_for(self.id, look, timeout, state or "settled")

    def restart(self, generation: Optional[str] = None, sbatch_args: Sequence[Text] = (), time: Optional[Duration] = None,
                **wishes: Any) -> "Job":
        """Goes on from the newest good checkpoint, or from an older one (`generation="g3"`: a rollback). `sbatch_args`, `time` and
        wishes (`keep=3`, see `Client.submit`) hold from then on. `Conflict` while it runs. Returns itself."""
        return self._now(self._client._post(self._path("restart"), body=_ways(generation, sbatch_args, time, wishes))[1])

    def fork(self, generation: Optional[str] = None, name: Optional[str] = None, sbatch_args: Sequence[Text] = (),
             time: Optional[Duration] = None, share_files: bool = False, **wishes: Any) -> "Job":
        """A new job that starts from a checkpoint of this one, which is left as it is. Returns the new one. `Conflict` when the program
        has files open that both would write, unless `share_files` says that they may be cut back and written on."""
        body = _ways(generation, sbatch_args, time, wishes)
        if name is not None:
            body["name"] = name
        if share_files:
            body["share_files"] = True
        return Job(self._client._post(self._path("fork"), body=body)[1], self._client)

    def hold(self) -> "Job":
        """Keeps it from being started by the scheduler. Returns itself."""
        return self._now(self._client._post(self._path("hold"))[1])

    def release(self) -> "Job":
        """Undoes `hold`. Returns itself."""
        return self._now(self._client._post(self._path("release"))[1])

    def requeue(self) -> "Job":
        """Gives the allocation back and queues the job again. Returns itself."""
        return self._now(self._client._post(self._path("requeue"))[1])

    def delete(self) -> None:
        """Removes a completed, failed or cancelled job with all its checkpoints. `Conflict` for another one."""
        self._client._json("DELETE", self._path())

    # Output.

    def read_output(self, offset: int = 0, limit: int = _READ_AT_ONCE, stream: str = "stdout",
                    attempt: Optional[int] = None) -> OutputChunk:
        """Bytes of stdout, stderr, or the log of runner or coordinator, from `offset` on. `offset` of the answer is smaller than what
        was asked for when a restart has cut the file back."""
        query = [("stream", stream), ("offset", str(offset)), ("limit", str(limit))]
        if attempt is not None:
            query.append(("attempt", str(attempt)))
        answer = self._client._call("GET", self._path("output"), query)
        begin = int(answer.headers.get("ckpt-offset", offset))
        return OutputChunk(begin, answer.body, int(answer.headers.get("ckpt-next-offset", begin + len(answer.body))),
                           int(answer.headers.get("ckpt-size", 0)), answer.headers.get("ckpt-complete") == "true")

    def output(self, stream: str = "stdout", attempt: Optional[int] = None) -> str:
        """All of it that there is now, as text."""
        data, end = b"", 0
        while True:
            chunk = self.read_output(len(data), stream=stream, attempt=attempt)
            data = data[:chunk.offset] + chunk.data  # it may have been cut back meanwhile
            end = end or chunk.size
            if not chunk.data or len(data) >= end:  # one that grows faster than it is read has an end too
                return data.decode("utf-8", "replace")

    def follow(self, stream: str = "stdout", attempt: Optional[int] = None) -> Iterator[str]:
        """The output as it grows, in pieces, until the job is settled. After a restart that cut it back, what the program prints again
        comes again."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        offset = 0
        while True:
            chunk = self.read_output(offset, stream=stream, attempt=attempt)
            if chunk.offset < offset:
                decoder.reset()
            offset = chunk.next_offset
            piece = decoder.decode(chunk.data)
            if piece:
                yield piece
            if not chunk.data:
                if chunk.complete:
                    return
                clock.sleep(_FOLLOW_PAUSE)

    # Inside.

    def _path(self, *rest: str) -> str:
        return self._client._job_path(self.id, *rest)

    def _now(self, raw: Dict[str, Any]) -> "Job":
        self.raw = raw
        return self

    def _if_settled(self) -> Optional["Job"]:
        return self if self.refresh().settled else None

    def _end(self, how: str, wait: bool, timeout: Optional[float]) -> "Job":
        def ask(seconds: int) -> Optional["Job"]:
            status, raw = self._client._post(self._path(how), wait=seconds)
            self._now(raw)
            return self if status == 200 and self.settled else None

        if not wait:
            ask(0)
            return self
        return self._client._ask_and_wait(self.id, ask, self._if_settled, timeout, "settled")

    def _change_policy(self, wishes: Dict[str, Any]) -> None:
        self._now(self._client._json("PATCH", self._path("policy"), body=wishes))

    def _shown(self) -> List[str]:
        return ["id", "name", "state"]


def _ways(generation: Optional[str], sbatch_args: Sequence[Text], time: Optional[Duration], wishes: Dict[str, Any]) -> Dict[str, Any]:
    """The body of a restart or fork."""
    body = {}  # type: Dict[str, Any]
    if generation is not None:
        body["generation"] = str(getattr(generation, "id", generation))
    if sbatch_args:
        body["sbatch_args"] = [encode_text(one) for one in sbatch_args]
    if time is not None:
        body["time_limit_seconds"] = time_limit(time)
    changed = policies.to_json(wishes)
    if changed:
        body["policy"] = changed
    return body
